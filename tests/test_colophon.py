"""How an edition came about, as it tells its readers."""

from dataclasses import replace

import pytest
from make import DAY, HOUR, NOON, candidate, day, edition, item, paper, signal

from digest import colophon
from digest.model import FetchState, Gap, Harvest, Revision, SourceReport, Tally


def look(source="arxiv", hours=0, **over):
    values = {"state": FetchState.FRESH, "listed": 9, "new": 3}
    return SourceReport(source=source, at=NOON + hours * HOUR, **values | over)


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        ([look(hours=0), look(hours=1)], [1]),  # the last that listed something
        ([look(hours=0), look(hours=1, state=FetchState.UNCHANGED, listed=0)], [0]),
        ([look(hours=0, listed=0), look(hours=1, listed=0)], [1]),  # none did: the last
        ([look(hours=0, listed=0, state=FetchState.FAILED), look(hours=1)], [1]),
        ([look("b", 0), look("a", 1)], [1, 0]),  # one per source, by name
        ([], []),
    ],
)
def test_one_look_per_source_is_told(looks, told):
    found = [replace(one, new=3) for one in colophon.telling(looks)]
    assert found == [looks[at] for at in told]


def test_what_is_new_counts_over_all_looks_of_the_day():
    (told,) = colophon.telling([look(hours=0, new=31), look(hours=1, new=0), look(hours=2, new=2)])
    assert (told.listed, told.new, told.at) == (9, 33, NOON + 2 * HOUR)


def revised(number, version, at=NOON):
    about = {"paper_id": paper(number).id, "name": "revised", "source": "arxiv"}
    return candidate(number, signals=(signal(float(version), at=at, **about),))


def test_a_new_version_of_what_an_edition_carried_is_a_line_and_not_of_anything_else():
    before = edition(item(2, rank=1), item(1, rank=2), item(4, rank=3), cut=NOON - DAY)
    seen = [
        revised(1, 3),
        revised(2, 2),
        revised(3, 2),  # no edition carried it: it competes as what it is
        revised(4, 2, at=NOON - 2 * DAY),  # before that edition was made
        candidate(5),
    ]
    lines = colophon.revised(seen, before, NOON)
    url = "https://arxiv.org/abs/2601.0000"
    assert lines == (
        Revision(title="Paper 2", version=2, url=f"{url}2"),
        Revision(title="Paper 1", version=3, url=f"{url}1"),
    )
    many = [revised(number, 2) for number in range(1, 20)]
    carried = edition(*(item(number) for number in range(1, 20)), cut=NOON - DAY)
    assert len(colophon.revised(many, carried, NOON)) == 5


def test_the_first_edition_has_nothing_to_compare_with():
    story = colophon.colophon(before=None, gaps=(), looks=(), candidates=[revised(1, 2)], now=NOON)
    assert (story.since, story.revised) == (None, ())


# ── With the store, on both engines ──────────────────────────────────────────────────────────────


def test_the_store_knows_the_edition_before_and_the_days_without_one(store):
    keep = store.editions.publish
    keep(edition(item(1), cut=NOON - 4 * DAY))
    keep(edition(item(2), cut=NOON - 3 * DAY, id="last"))
    for number, hours in ((2, 0), (2, 3), (1, 0)):
        cut = NOON - number * DAY + hours * HOUR
        keep(edition(cut=cut, items=(), note=f"nothing at {cut:%H}"))
    keep(edition(item(3), cut=NOON, id="today"))
    before = store.editions.before(day())
    assert before.id == "last"
    assert store.editions.gaps(before.day, day()) == [
        Gap(day=day(-2), why="nothing at 15"),  # the last reason of the day
        Gap(day=day(-1), why="nothing at 12"),
    ]
    assert store.editions.before(day(-4)) is None


def test_the_looks_of_a_time_come_back_oldest_first(store):
    for hours in (-30, -2, -1, 1):
        harvest = Harvest(source="arxiv", state=FetchState.FRESH, listed=50 + hours)
        store.papers.keep(harvest, NOON + hours * HOUR)
    assert [one.listed for one in store.papers.looks(NOON - DAY, NOON)] == [48, 49]


def test_a_look_is_kept_with_what_it_showed_of_each_category(store):
    again = Tally(name="cs.AI", listed=3, read=3, again=True)
    tallies = (Tally(name="cs.CL", listed=9, read=8), again)
    for number, told in enumerate((tallies, ())):
        harvest = Harvest(source="arxiv", state=FetchState.FRESH, listed=12, tallies=told)
        assert store.papers.keep(harvest, NOON + number * HOUR).tallies == told
    assert [one.tallies for one in store.papers.looks(NOON - HOUR, NOON + HOUR)] == [tallies, ()]
    assert [one.tallies for one in store.papers.last_looks()] == [()]


def test_the_lab_of_a_paper_is_kept_and_filled_in_by_a_later_source(store):
    for lab in ("", "Institute of Slow Learning", "Another"):
        harvest = Harvest(source="x", state=FetchState.FRESH, papers=(paper(1, lab=lab),))
        store.papers.keep(harvest, NOON)
    (kept,) = store.papers.window(NOON - HOUR, NOON)
    assert kept.paper.lab == "Institute of Slow Learning"
