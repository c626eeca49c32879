"""The store's ratings: one for each reader and paper, and what they come to."""

from datetime import timedelta

import pytest
from make import (
    DAY,
    NOON,
    consent,
    edition,
    harvest,
    join,
    paper,
    paper_id,
    preferences,
    slot,
    together,
)

from digest import taste
from digest.compose import Choice
from digest.model import Rating

MORE, LESS = Rating.MORE, Rating.LESS
ONE, TWO = paper_id(1), paper_id(2)


@pytest.fixture
def rated(store):
    """A store with two papers and a reader."""
    store.papers.keep(harvest(paper(1), paper(2, categories=("cs.CV",), authors=())), NOON)
    join(store)
    return store


def rate(store, name, said, key="key-1", at=NOON):
    return store.ratings.rate(key, name, said, at, taste.of)


def told(store):
    return [name for name, _ in taste.told(store.roster.find(key="key-1").preferences.taste)]


def test_a_rating_is_kept_and_what_it_comes_to_is_the_readers(rated):
    assert rate(rated, ONE, MORE)
    assert rated.ratings.of("key-1") == {ONE: MORE}
    assert told(rated) == ["cs.CL", "Ada Example", "Ben Example"]


def test_a_mind_may_be_changed_and_a_rating_taken_back(rated):
    for said in (MORE, MORE, LESS):
        rate(rated, TWO, said)
    assert rated.ratings.of("key-1") == {TWO: LESS}
    mine = rated.roster.find(key="key-1").preferences.taste
    assert mine == taste.of([(LESS, ("cs.CV",), ())])
    rate(rated, TWO, None)
    rate(rated, TWO, None)
    assert rated.ratings.of("key-1") == {}
    assert told(rated) == []


def test_the_latest_ratings_come_first(rated):
    seen = []

    def weigh(found):
        seen.append([categories for _, categories, _ in found])
        return ""

    rated.ratings.rate("key-1", TWO, MORE, NOON, weigh)
    rated.ratings.rate("key-1", ONE, LESS, NOON + timedelta(seconds=1), weigh)
    assert seen == [[["cs.CV"]], [["cs.CL"], ["cs.CV"]]]


def test_two_ratings_at_once_both_count(rated):
    together(lambda: rate(rated, ONE, MORE), lambda: rate(rated, TWO, LESS))
    assert rated.ratings.of("key-1") == {ONE: MORE, TWO: LESS}
    assert set(told(rated)) == {"cs.CL", "cs.CV", "Ada Example", "Ben Example"}


def test_nobody_rates_in_the_name_of_one_who_is_gone(rated):
    assert not rate(rated, ONE, MORE, key="key-9")
    assert rated.ratings.of("key-9") == {}


def test_ratings_are_the_readers_to_see_to_forget_and_to_take_away(rated):
    rate(rated, ONE, MORE)
    rate(rated, TWO, LESS, at=NOON + DAY)
    found = rated.roster.data("key-1")["ratings"]
    assert [(one["paper_id"], one["said"]) for one in found] == [(ONE, "more"), (TWO, "less")]
    rated.ratings.forget("key-1")
    rated.ratings.forget("key-9")  # nobody
    assert rated.roster.data("key-1")["ratings"] == []
    assert told(rated) == []
    rate(rated, ONE, MORE)
    assert rated.subscribers.erase("key-1")
    join(rated)
    assert rated.ratings.of("key-1") == {}


def test_what_a_reader_chooses_leaves_what_they_rated_alone(rated):
    rate(rated, ONE, MORE)
    reader = rated.subscribers.prefer("key-1", preferences(papers=3), consent("preferences"))
    assert reader.preferences.papers == 3
    assert reader.preferences.taste


def test_a_delivery_tells_its_edition_and_its_reader_and_takes_their_taste_along(rated):
    rate(rated, ONE, MORE)
    rated.editions.publish(edition())
    rated.ledger.enqueue(edition().id, [slot()], 10)
    (entry,) = rated.ledger.entries()
    name, reader = rated.ratings.mailed(entry.id)
    assert (name, reader.key) == (edition().id, "key-1")
    assert rated.ratings.mailed(entry.id + 1) is None
    with rated.ledger.enlist() as worker:
        (claim,) = rated.ledger.claim(
            edition().id,
            0,
            worker=worker,
            now=NOON,
            limit=9,
            horizon=DAY,
            choose=lambda *_: Choice(paper_ids=(ONE,)),
        )
    assert claim.subscriber.preferences.taste == reader.preferences.taste != ""


def test_a_mail_is_found_by_its_edition_and_its_reader_while_they_are_one(rated):
    join(rated, 2)
    made = rated.editions.publish(edition())
    rated.ledger.enqueue(made.id, [slot()], batch=10)
    for number in (1, 2):
        found = rated.ratings.delivery(made.id, f"key-{number}")
        assert rated.ratings.mailed(found)[1].key == f"key-{number}"
    assert rated.ratings.delivery("another", "key-1") is None
    rated.subscribers.leave("key-1", consent("left"))
    assert rated.ratings.delivery(made.id, "key-1") is None
    assert rated.ratings.delivery(made.id, "key-2") is not None
