"""The best of weeks and months: the rule, the store, the pages."""

import re
from datetime import date
from html import unescape
from xml.etree import ElementTree as ET

import make
import pytest
from make import DAY, HOUR, NOON, edition, harvest, item, paper, paper_id, signal
from render_samples import Seen
from website import BASE, website

from digest import tops
from digest.model import Term
from digest.tops import Top, best, curve, daily, listed, month_of, period, periods, week_of


def span(one):
    return str(one.first), str(one.last)


@pytest.mark.parametrize(
    ("name", "first", "last", "number"),
    [
        ("2026-W03", "2026-01-12", "2026-01-18", 3),
        ("2026-W01", "2025-12-29", "2026-01-04", 1),  # begins in the year before
        ("2026-W53", "2026-12-28", "2027-01-03", 53),
        ("2026-01", "2026-01-01", "2026-01-31", 0),
        ("2028-02", "2028-02-01", "2028-02-29", 0),
        ("2026-12", "2026-12-01", "2026-12-31", 0),
    ],
)
def test_a_week_and_a_month_have_a_name_and_days(name, first, last, number):
    found = period(name)
    assert (span(found), found.number, found.name) == ((first, last), number, name)
    for day in (found.first, found.last):
        assert (week_of if number else month_of)(day) == found


WRONG = [
    *("2026-W54", "2025-W53", "2026-W00", "2026-13", "2026-00", "0000-01", "2026", "2026-1"),
    *("2026-W3", "2026-01-15", "2026-w03", " 2026-01", "2026-01\n", "٢٠٢٦-01", "banana"),
    *("9999-12", "9999-W52", "9999-W60", "0001-01", "0001-W01"),  # the ends of time
]


@pytest.mark.parametrize("name", WRONG)
def test_anything_else_is_no_week_and_no_month(name):
    with pytest.raises(ValueError, match=r".+"):
        period(name)


def test_the_periods_of_some_days_are_the_latest_first_and_know_their_neighbours():
    days = [date(2026, 1, 2), date(2026, 1, 15), date(2026, 1, 16), date(2026, 3, 1)]
    weeks, months = periods(days)
    assert [one.name for one in weeks] == ["2026-W09", "2026-W03", "2026-W01"]
    assert [one.name for one in months] == ["2026-03", "2026-01"]
    around = tops.around(days, period("2026-W03"))
    assert [one.name for one in around] == ["2026-W01", "2026-W09"]  # empty weeks are passed over
    assert tops.around(days, period("2026-01")) == (None, period("2026-03"))
    assert periods([]) == ([], [])


# ── The best ─────────────────────────────────────────────────────────────────────────────────────


def popular(number, value, **over):
    """The n-th paper with that predicted popularity; freshness does not count."""
    terms = (Term(name="votes", value=value), Term(name="freshness", value=-number))
    return item(number, terms=terms, **over)


def test_a_paper_counts_once_as_it_stood_on_its_best_day():
    monday = edition(popular(1, 1.0), popular(2, 2.0), cut=NOON - DAY)
    tuesday = edition(popular(2, 3.0, rank=1), popular(1, 2.0, rank=1), popular(3, 0.5), cut=NOON)
    found = listed([monday, tuesday])
    assert {name: (top.day, top.item.rank) for name, top in found.items()} == {
        paper_id(1): (make.day(-1), 1),  # first on both: the first of these days
        paper_id(2): (make.day(), 1),
        paper_id(3): (make.day(), 3),
    }


def test_of_an_edition_only_the_most_popular_may_be_among_the_best():
    crowd = edition(*(popular(n, -float(n)) for n in range(1, 100)))
    assert set(listed([crowd])) == {paper_id(n) for n in range(1, tops.FROM_EACH + 1)}


def test_the_best_are_those_with_most_votes_now_and_others_by_what_was_predicted():
    found = listed([edition(*(popular(n, v) for n, v in enumerate((5.0, 1.0, 2.0, 2.0), 1)))])
    order = best(found, {paper_id(2): 9.0, paper_id(1): 0.0}, 10)
    assert [top.item.paper.id for top in order] == [paper_id(n) for n in (2, 1, 3, 4)]
    assert [top.votes for top in order] == [9.0, 0.0, None, None]
    assert best(found, {}, 1)[0].item.paper.id == paper_id(1)
    assert best({}, {}, 5) == []


def test_votes_over_the_days_are_the_last_of_each_day_drawn_from_nothing_to_the_most():
    at = [NOON + HOUR, NOON - DAY, NOON, NOON + 2 * DAY]
    counts = daily(signal(float(n), at=when) for n, when in enumerate(at, 1))
    assert counts == [(make.day(-1), 2.0), (make.day(), 1.0), (make.day(2), 4.0)]
    assert curve(counts) == [(0.0, 0.5), (1 / 3, 0.25), (1.0, 1.0)]
    assert curve(counts[:1]) == curve([]) == curve([(make.day(n), 0.0) for n in range(3)]) == []


# ── The store, on both engines ───────────────────────────────────────────────────────────────────


def test_the_store_knows_the_last_votes_and_all_votes_of_papers(store):
    about = {"paper_id": paper_id(2)}
    signals = (
        signal(3.0, at=NOON - HOUR),
        signal(7.0),
        signal(5.0, at=NOON - DAY),
        signal(9.0, name="comments", at=NOON + HOUR),
        signal(2.0, **about),
    )
    store.papers.keep(harvest(paper(1), paper(2), paper(3), signals=signals), NOON)
    ids = [paper_id(n) for n in range(1, 1200)]  # more than a statement takes
    assert store.signals.latest(ids, "votes") == {paper_id(1): 7.0, paper_id(2): 2.0}
    history = store.signals.history(ids, "votes")
    assert [one.value for one in history[paper_id(1)]] == [5.0, 3.0, 7.0]
    assert set(history) == {paper_id(1), paper_id(2)}
    assert store.signals.latest([], "votes") == store.signals.history([], "votes") == {}


# ── The pages ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def site(tmp_path):
    with website(tmp_path) as site:
        yield site


def publish(site, *items, cut=NOON):
    return site.app.store.editions.publish(edition(*items, cut=cut))


def vote(site, number, *counts):
    """Votes of the n-th paper at these days after noon."""
    about = {"paper_id": paper_id(number)}
    signals = tuple(signal(value, at=NOON + days * DAY, **about) for days, value in counts)
    site.app.store.papers.keep(harvest(paper(number), signals=signals), NOON)


def words(answer):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def titles(answer):
    return [text for level, text in Seen(answer.text).headings if level == 3]


@pytest.fixture
def month(site):
    """Editions on three days of two weeks, two of them on one day, and votes that went on."""
    first = popular(1, 3.0, why="30 votes in 5 h; new today")
    publish(site, popular(9, 9.0), cut=NOON)  # not the last of its day
    publish(site, first, popular(2, 2.0), cut=NOON + HOUR)
    publish(site, popular(2, 3.0, rank=1), popular(3, 2.0), cut=NOON + DAY)
    publish(site, popular(4, 1.0), cut=NOON + 5 * DAY)
    vote(site, 1, (0, 30.0), (3, 64.0))
    vote(site, 2, (0, 10.0), (1, 60.0), (3, 90.0))
    vote(site, 3, (1, 1.0))
    site.clock.forward(days=20)
    return site


def test_a_week_has_each_paper_once_by_its_votes_with_the_reason_of_its_best_day(month):
    page = month.client.get("/top/2026-W03")
    assert page.status_code == 200
    assert titles(page) == ["Paper 2", "Paper 1", "Paper 3"]
    told = words(page)
    assert "The best of week 3" in told
    assert "Mon 12 Jan to 18 January 2026: 3 papers of 2 editions" in told
    assert "Why, that day: 30 votes in 5 h; new today" in told
    assert "No. 1 on Fri 16 Jan , 90 votes by now" in told
    assert "No. 3 on Fri 16 Jan , 1 vote by now" in told
    assert 'aria-label="Votes from Thu 15 Jan, 10, to Sun 18 Jan, 90"' in page.text
    assert page.text.count("<polyline") == 2  # one look at the third draws no line
    assert "Week 4 →" in told
    assert 'rel="prev"' not in page.text


def test_a_month_has_the_best_of_its_weeks(month):
    page = month.client.get("/top/2026-01")
    assert titles(page) == ["Paper 2", "Paper 1", "Paper 3", "Paper 4"]
    assert "The best of January 2026" in words(page)
    assert "so far" not in words(page)  # it is the fourth of February


def test_a_period_that_is_not_over_says_so(month):
    month.clock.forward(days=-5)
    assert "to 31 January 2026, so far: 4 papers" in words(month.client.get("/top/2026-01"))
    assert "so far" not in words(month.client.get("/top/2026-W03"))


def test_pages_lead_to_each_other(month):
    for path, address in (
        ("/", "/top/2026-W04"),
        ("/editions", "/top"),
        ("/editions/2026-01-15", "/top/2026-W03"),
        ("/editions/2026-01-15", "/top/2026-01"),
        ("/top", "/top/2026-W03"),
        ("/top", "/top/2026-01"),
        ("/top/2026-W03", "/top/2026-W04"),
        ("/top/2026-W04", "/top/2026-W03"),
        ("/top/2026-W03", "/editions/2026-01-16"),
    ):
        assert f'href="{address}"' in month.client.get(path).text
        assert month.client.get(address).status_code == 200


def test_what_is_not_there_is_said(month):
    page = month.client.get("/top/2025-W10")
    assert page.status_code == 404
    assert "There is no edition from 2025-03-03 to 2025-03-09." in words(page)
    assert 'href="/top"' in page.text


@pytest.mark.parametrize("name", [*WRONG[:6], *WRONG[-6:], "%3Cscript%3E", "2026-W03%00"])
def test_what_is_no_week_and_no_month_is_refused_with_words(month, name):
    page = month.client.get(f"/top/{name}")
    assert page.status_code == 400
    assert "A week is written like 2026-W03, a month like 2026-01." in words(page)
    assert "<script" not in page.text


def test_without_an_edition_there_is_no_link_and_the_list_is_empty(site):
    assert "/top" not in site.client.get("/").text
    assert "There is no edition yet." in site.client.get("/top").text
    assert site.client.get("/top/2026-W03").status_code == 404


def test_a_get_changes_nothing_and_anybody_may_keep_the_page(month):
    before = month.dump()
    for path in ("/top", "/top/2026-W03", "/sitemap.xml"):
        answer = month.client.get(path)
        assert "no-store" not in answer.headers.get("cache-control", "")
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert month.client.head(path).status_code == 200
    assert month.dump() == before


def test_the_map_of_the_site_has_every_page_that_exists_and_no_other(month):
    answer = month.client.get("/sitemap.xml")
    assert answer.headers["content-type"].startswith("application/xml")
    urls = [one.text for one in ET.fromstring(answer.content).iter() if one.text]  # noqa: S314 - ours
    paths = [url.removeprefix(BASE) for url in urls]
    assert paths == [
        *("/", "/editions", "/top", "/editions/2026-01-20", "/editions/2026-01-16"),
        *("/editions/2026-01-15", "/top/2026-W04", "/top/2026-W03", "/top/2026-01"),
    ]
    for path in paths:
        page = month.client.get(path)
        assert page.status_code == 200
        assert "noindex" not in page.text


def test_before_there_is_an_edition_the_map_has_the_front_page(site):
    assert site.client.get("/sitemap.xml").text.count("<loc>") == 1


def test_a_paper_that_nobody_votes_on_stands_by_what_was_predicted(site):
    publish(site, popular(1, 1.0), popular(2, 4.0))
    page = site.client.get("/top/2026-W03")
    assert titles(page) == ["Paper 2", "Paper 1"]
    assert "votes by now" not in words(page)
    assert isinstance(Top(item=popular(1, 1.0), day=make.day(), votes=None), Top)
