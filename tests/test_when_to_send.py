"""What a mail can know at which hour: the rule in every zone, and how readers are told."""

import re
from datetime import date
from html import unescape

import pytest
from website import website

from digest.ranking.timing import MEASURED, choice

WINTER, SUMMER = date(2026, 1, 15), date(2026, 7, 15)


def hours(row):
    return [one.hour for one in row]


@pytest.mark.parametrize(
    ("hour", "zone", "day", "worth", "best"),
    [
        (7, "UTC", WINTER, (0.84, 0), [1, 2, 3, 4, 5, 6]),
        (3, "UTC", WINTER, (0.94, 1), [1, 2, 3, 4, 5, 6]),
        (7, "Europe/Berlin", WINTER, (0.94, 1), [2, 3, 4, 5, 6, 7]),
        (8, "Europe/Berlin", SUMMER, (0.94, 1), [3, 4, 5, 6, 7, 8]),  # summer time
        (9, "Europe/Berlin", SUMMER, (0.84, 0), [3, 4, 5, 6, 7, 8]),
        (21, "America/New_York", WINTER, (0.94, 0), [20, 21, 22, 23, 0, 1]),  # over midnight
        (0, "America/New_York", WINTER, (0.94, 1), [20, 21, 22, 23, 0, 1]),
        (14, "Pacific/Auckland", WINTER, (0.94, 1), [14, 15, 16, 17, 18, 19]),
        (20, "Pacific/Pago_Pago", WINTER, (0.84, 0), [14, 15, 16, 17, 18, 19]),  # the next day, UTC
    ],
)
def test_an_hour_is_worth_what_its_cut_knows(hour, zone, day, worth, best):
    found = choice(hour, zone, day)
    assert (found.mine.share, found.mine.days_ago) == pytest.approx(worth, abs=0.001)
    assert hours(found.best) == best
    assert found.is_best is (hour in best)
    assert hours(found.hours) == list(range(24))
    assert found.hours[hour] == found.mine


def test_where_an_edition_is_made_once_a_day_all_hours_know_the_same():
    found = choice(7, "UTC", WINTER, cut_hours=24)
    assert len({(one.share, one.days_ago) for one in found.hours}) == 1
    assert len(found.best) == 24
    assert found.is_best


def test_no_share_is_outside_of_what_was_measured():
    low, high = min(s for _, s in MEASURED), max(s for _, s in MEASURED)
    for zone in ("UTC", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Chatham"):
        assert all(low <= one.share <= high for one in choice(0, zone, SUMMER).hours)


# ── As readers are told ──────────────────────────────────────────────────────────────────────────


@pytest.fixture
def site(tmp_path):
    with website(tmp_path) as site:
        yield site


def words(answer):
    """The text of a page, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


@pytest.mark.parametrize(
    ("hour", "zone", "told"),
    [
        (
            7,
            "UTC",
            (
                "at 07:00, UTC: 84 % of the ten papers that end on top of the list of the same day."
                " Between 01:00 and 06:00 it is 94 %, of the list of the day before."
            ),
        ),
        (
            7,
            "Europe/Berlin",
            (
                "at 07:00, Europe/Berlin: 94 % of the ten papers that end on top of the list of"
                " the day before. No other hour knows more."
            ),
        ),
        (
            23,
            "America/New_York",
            (
                "at 23:00, America/New York: 94 % of the ten papers that end on top of the list of"
                " the same day. No other hour knows more."
            ),
        ),
    ],
)
def test_the_page_of_preferences_says_and_draws_it_for_the_reader_s_own_hour(
    site, hour, zone, told
):
    reader = site.reader("ann@example.org", hour=hour, zone=zone)
    page = site.client.get(site.preferences_of(reader))
    assert f"What your mail can know {told}" in words(page)
    (drawing,) = re.findall(r'<svg.*?role="img" aria-label="([^"]+)">', page.text)
    assert f"At {hour:02}:00: {told.split(': ')[1][:2]} %." in drawing
    assert f'<rect class="mine" x="{10 * hour}"' in page.text
    (line,) = re.findall(r'<path class="line" d="M0 ([^"]+)"/>', page.text)
    heights = [float(one) for one in re.findall(r"(?:^|V)([\d.]+)H", line)]
    assert len(heights) == 24
    assert all(0 <= one <= 100 for one in heights)


def test_what_was_just_chosen_is_what_is_drawn(site):
    reader = site.reader("ann@example.org", hour=7)
    page = site.client.post(site.preferences_of(reader), data={"hour": "3", "days": "1"})
    assert "What your mail can know at 03:00, UTC" in words(page)


def test_the_form_to_join_says_it_of_the_hour_in_it_whatever_was_typed(site):
    told = "A mail at 07:00, UTC, can know 84 % of the ten papers"
    assert told in words(site.client.get("/"))
    for hour, zone, shown in (
        ("3", "UTC", "A mail at 03:00, UTC, can know 94 %"),
        ("99", "UTC", "A mail at 07:00, UTC, can know 84 %"),
        ("5", "Europe/Berlin", "A mail at 05:00, Europe/Berlin, can know 94 %"),
        ("5", "Mars/Olympus", "A mail at 05:00, UTC, can know 94 %"),
    ):
        sent = {"email": "no address", "hour": hour, "zone": zone}
        page = site.client.post("/subscribe", data=sent)
        assert page.status_code == 422
        assert shown in words(page)
