"""What a reader may choose, parsed: forms, JSON and CSV are hostile."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from make import DAY, NOON, day, preferences

from digest.errors import InputError
from digest.preferences import MOST_PAPERS, parse, zones

OFFERED = ("cs.AI", "cs.CL", "math.GT")
BEFORE = preferences(
    hour=9, zone="Asia/Tokyo", days=frozenset({1}), papers=5, categories=("cs.AI",),
    paused_until=day(3),
)  # fmt: skip


def chosen(**values):
    """The preferences after those values."""
    return parse(values, BEFORE, offered=OFFERED, today=NOON.date())


def test_a_field_that_is_not_there_keeps_what_was_chosen():
    assert chosen() == BEFORE


def test_all_fields_together():
    after = chosen(
        hour="23",
        zone="Pacific/Chatham",
        days=["0", "6"],
        papers="40",
        categories=["math.GT", "cs.CL"],
        paused_until="2026-01-31",
    )
    assert after == preferences(
        hour=23,
        zone="Pacific/Chatham",
        days=frozenset({0, 6}),
        papers=40,
        categories=("cs.CL", "math.GT"),
        paused_until=date(2026, 1, 31),
    )


def test_fields_of_others_are_none_of_ours():
    assert chosen(email="x", state="active", id="7", key="k") == BEFORE


@pytest.mark.parametrize(
    ("field", "value", "after"),
    [
        ("hour", "0", 0),
        ("hour", " 07 ", 7),
        ("hour", "000023", 23),
        ("papers", "1", 1),
        ("papers", str(MOST_PAPERS), MOST_PAPERS),
        ("zone", " Europe/Berlin ", "Europe/Berlin"),
        ("zone", "GMT", "GMT"),  # an old name that everybody knows
        ("days", "3", frozenset({3})),  # one box
        ("days", ("3", "3", " 4"), frozenset({3, 4})),
        ("days", [str(n) for n in range(7)], frozenset(range(7))),
        ("categories", "", ()),  # none means all
        ("categories", [], ()),
        ("categories", ["", "  "], ()),
        ("categories", "cs.CL", ("cs.CL",)),
        ("categories", ["math.GT", "cs.CL", "cs.CL"], ("cs.CL", "math.GT")),
        ("paused_until", "", None),
        ("paused_until", "2026-01-15", None),  # today: over
        ("paused_until", "2025-12-31", None),
        ("paused_until", "2026-01-16", date(2026, 1, 16)),
        ("paused_until", str(NOON.date() + 366 * DAY), date(2027, 1, 16)),
    ],
)
def test_what_may_be_chosen(field, value, after):
    assert getattr(chosen(**{field: value}), field) == after


NUMBERS = [
    "", " ", "-1", "+7", "7.0", "7e0", "0x7", "seven", "1_0", "٧", "７", "²", "Ⅶ", "7\x00", "7 8",
    "nan", "inf", "None", "true", "9" * 5_000, "0" * 5_000 + "7", "00000099", "0000007", "\ud800",
    "7\n8", "7;", "<7>", None, 7, 7.0, True, [], ["7"], {}, {"7": "7"}, b"7", object(),
]  # fmt: skip


@pytest.mark.parametrize("value", [*NUMBERS, "24", "99", "-0"])
def test_what_is_no_hour_is_refused(value):
    with pytest.raises(InputError) as caught:
        chosen(hour=value)
    assert caught.value.field == "hour"


@pytest.mark.parametrize("value", [*NUMBERS, "0", "41", "1000000"])
def test_what_is_no_number_of_papers_is_refused(value):
    with pytest.raises(InputError) as caught:
        chosen(papers=value)
    assert caught.value.field == "papers"


@pytest.mark.parametrize(
    "value",
    [
        "", "Berlin", "europe/berlin", "Europe/Berlin\x00", "Europe/Berlin/..", "../../etc/passwd",
        "/etc/localtime", "localtime", "Factory", "posixrules", "posix/Europe/Berlin", "UTC+1",
        "+01:00", "CEST", "Europe\\Berlin", "Europe/Bеrlin", "\ud800", "Z" * 100_000, "zone.tab",
        "Europe", "tzdata.zi", None, 1, [], ["UTC"], {"UTC": 1},
    ],
)  # fmt: skip
def test_what_is_no_zone_is_refused(value):
    with pytest.raises(InputError) as caught:
        chosen(zone=value)
    assert caught.value.field == "zone"


@pytest.mark.parametrize(
    "value",
    [
        "", [], [""], "7", "-1", "mon", "0,1", "0 1", ["0", "7"], ["0", "x"], "٣", "0" * 5_000,
        ["\x00"], None, 3, True, {"0": "1"}, [None], [["0"]], [{}], {0, 1}, object(),
    ],
)  # fmt: skip
def test_what_are_no_weekdays_is_refused(value):
    with pytest.raises(InputError) as caught:
        chosen(days=value)
    assert caught.value.field == "days"


@pytest.mark.parametrize(
    "value",
    [
        "cs", "CS.CL", "cs.CL,cs.AI", "cs.CV", ["cs.CL", "hot"], "cs.CL\x00", "c\u0455.CL", [None],
        [["cs.CL"]], [{}], "\ud800", "x" * 1_000_000, None, 1, {"cs.CL": "on"}, object(),
    ],
)  # fmt: skip
def test_what_are_no_categories_on_offer_is_refused(value):
    with pytest.raises(InputError) as caught:
        chosen(categories=value)
    assert caught.value.field == "categories"


@pytest.mark.parametrize(
    "value",
    [
        "tomorrow", "2026-02-30", "2026-13-01", "31.01.2026", "01/31/2026", "2026-1-31", "26-01-31",
        "2026-01-31T00:00", "2026-01-31\x00", "٢٠٢٦-٠١-٣١", "0000-00-00", "10000-01-01",
        "9999-12-31", "-2026-01-31", str(NOON.date() + 367 * DAY), "\ud800", "1" * 100_000,
        None, 20260131, [], ["2026-01-31"], {},
    ],
)  # fmt: skip
def test_what_is_no_end_of_a_pause_is_refused(value):
    with pytest.raises(InputError) as caught:
        chosen(paused_until=value)
    assert caught.value.field == "paused_until"


def test_the_first_wrong_field_leaves_all_as_they_were():
    with pytest.raises(InputError):
        chosen(hour="8", papers="many")
    assert BEFORE.hour == 9


def test_zones_on_offer_are_places_and_utc_in_order():
    assert {"UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Argentina/Ushuaia"} <= set(zones())
    assert not {"localtime", "GMT", "Etc/GMT+3", "EST5EDT", "Factory"} & set(zones())
    assert list(zones()) == sorted(zones())


def test_every_zone_on_offer_can_be_chosen_and_used():
    for zone in zones():
        assert chosen(zone=zone).zone == zone
        assert NOON.astimezone(ZoneInfo(zone)).utcoffset() <= timedelta(hours=14)
