"""The store's editions: one per cut, the first writer wins, never changed afterwards."""

import pytest
from make import DAY, HOUR, NOON, candidate, day, edition, item, paper, together
from make import SECTIONS as SECTIONS_OF_THE_MAIL

from digest.compose import edition as compose
from digest.ranking import Formula


def test_an_edition_comes_back_as_it_was(store):
    made = compose(
        [candidate(n, votes=n or None) for n in range(40)],
        now=NOON,
        cut=NOON,
        day=NOON.date(),
        formula=Formula(),
        sections=SECTIONS_OF_THE_MAIL,
        pool=10,
    )
    assert store.editions.publish(made) == made
    assert store.editions.get(made.id) == made
    assert store.editions.at(NOON) == made


def test_an_edition_without_papers_keeps_its_note(store):
    empty = edition(items=(), note="nothing new since Friday")
    store.editions.publish(empty)
    assert store.editions.at(NOON) == empty


def test_publishing_twice_gives_the_first_back(store):
    first, second = edition(id="first"), edition(item(9), id="second")
    assert store.editions.publish(first) == first
    assert store.editions.publish(first) == first
    assert store.editions.publish(second) == first
    assert store.editions.get("second") is None


def test_of_many_writers_at_once_the_first_wins_and_all_are_told(store):
    made = [edition(item(n), id=f"edition-{n}") for n in range(6)]
    published = together(*(lambda one=one: store.editions.publish(one) for one in made))
    assert published == [store.editions.at(NOON)] * 6
    assert published[0] in made


def test_what_is_not_there_is_none(store):
    assert store.editions.at(NOON) is None
    assert store.editions.get("nothing") is None
    assert store.editions.latest() is None
    assert store.editions.of_day(NOON.date()) is None
    assert store.editions.days() == []


@pytest.mark.parametrize("name", ["a\x00b", "\ud800", "'; --", "x" * 100_000])
def test_an_id_from_the_street_is_no_edition(store, name):
    assert store.editions.get(name) is None


@pytest.fixture
def archive(store):
    """Two days with two cuts each; the last cut of the second has no papers."""
    for offset, count in [(-24, 2), (-20, 3), (0, 4), (4, 0)]:
        cut = NOON + offset * HOUR
        items = tuple(item(n) for n in range(1, count + 1))
        store.editions.publish(edition(cut=cut, items=items, note="" if items else "quiet"))
    return store.editions


def test_the_page_of_a_day_is_its_last_edition_with_papers(archive):
    assert archive.of_day(day(-1)).cut == NOON - 20 * HOUR
    assert archive.of_day(day()).cut == NOON
    assert archive.of_day(day(1)) is None


def test_the_latest_edition_is_the_last_one_with_papers(archive):
    assert archive.latest().cut == NOON


def test_the_archive_lists_a_day_once_newest_first(archive):
    headings = archive.days()
    assert [(one.day, one.count) for one in headings] == [(day(), 4), (day(-1), 3)]
    assert headings[0].top_title == paper(1).title
    assert headings[0].id == archive.latest().id


def test_the_archive_can_be_cut_short(archive):
    assert [one.day for one in archive.days(limit=1)] == [day()]


def test_a_day_belongs_to_the_zone_of_the_operator_not_to_the_cut(store):
    # At noon UTC it is tomorrow already on Kiritimati.
    store.editions.publish(edition(day=day(1)))
    assert store.editions.of_day(day(1)).cut == NOON
    assert store.editions.of_day(day()) is None


def test_instants_of_cuts_are_equal_whatever_their_zone(store):
    store.editions.publish(edition())
    assert store.editions.at(NOON.astimezone()).cut == NOON
    assert store.editions.at(NOON + DAY) is None
