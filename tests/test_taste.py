"""What ratings come to, and what that does to the order of one reader's papers."""

from math import exp, isclose, log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import SECTIONS, edition, item, paper, paper_id, preferences, subscriber

from digest import taste
from digest.compose import Pool, select
from digest.model import Form, Rating, Term

MORE, LESS = Rating.MORE, Rating.LESS
LM = (("cs.CL", "cs.LG"), ("Ada Example", "Cyd Example", "Ben Example"))
VISION = (("cs.CV",), ("Eve Example",))


def lean(mine, one):
    """What the taste adds to the paper's place."""
    order = taste.Order([item(paper=one)])
    with_it, without = (order.places(text, 1.0)[one.id] for text in (mine, ""))
    return with_it - without


@pytest.mark.parametrize(
    ("rated", "told"),
    [
        ([], []),  # who rated nothing has no taste
        ([(MORE, *LM)], [("cs.CL", 0.15), ("Ada Example", 0.4), ("Ben Example", 0.4)]),
        ([(LESS, *LM)], [("cs.CL", -0.15), ("Ada Example", -0.4), ("Ben Example", -0.4)]),
        ([(MORE, *LM), (LESS, *LM)], []),  # they cancel out
        ([(MORE, *LM)] * 9, [("cs.CL", 0.6), ("Ada Example", 0.8), ("Ben Example", 0.8)]),
        ([(LESS, *VISION)] * 9, [("cs.CV", -0.6), ("Eve Example", -0.8)]),
        ([(MORE, ("cs.CL",), ())], [("cs.CL", 0.15)]),
        ([(MORE, (), ("Ada Example",))], [("Ada Example", 0.4)]),  # a single author counts once
        ([(MORE, (), ("  Ada\n Example ", ""))], [("Ada Example", 0.4)]),
        ([(MORE, (), ())], []),  # nothing by which another paper could be like it
    ],
)
def test_ratings_count_for_the_first_topic_and_the_authors_at_both_ends(rated, told):
    found = taste.told(taste.of(rated))
    assert [name for name, _ in found] == [name for name, _ in told]
    assert [round(log(factor), 9) for _, factor in found] == [value for _, value in told]


def test_only_the_latest_ratings_count():
    old = [(LESS, *VISION)] * 500
    assert taste.of([(MORE, *LM)] * taste.MOST_RATINGS + old) == taste.of([(MORE, *LM)] * 9)


def test_a_paper_leans_by_what_it_shares_with_rated_ones():
    mine = taste.of([(MORE, *LM), (LESS, *VISION)])
    near = paper(categories=("cs.CL",), authors=("Somebody Else", "Ada Example"))
    assert isclose(lean(mine, near), 0.15 + 0.4)
    assert lean(mine, paper(categories=("cs.CV", "cs.CL"), authors=())) == -0.15
    assert lean(mine, paper(categories=(), authors=())) == 0
    assert lean("", near) == 0


WORDS = st.text(max_size=100)
RATED = st.tuples(st.sampled_from(Rating), st.lists(WORDS), st.lists(WORDS))


@given(st.lists(RATED, max_size=30))
def test_whatever_feeds_call_topics_and_authors_a_taste_can_be_read_and_is_bounded(rated):
    mine = taste.of(rated)
    most = taste.MOST_TOPIC + 2 * taste.MOST_AUTHOR
    for _, categories, authors in rated:
        one = paper(categories=tuple(categories), authors=tuple(authors))
        assert -most <= lean(mine, one) <= most
    assert len(taste.told(mine)) <= 2 * taste.SHOWN
    assert all(factor > 0 and factor != 1 for _, factor in taste.told(mine))


# ── The order of a mail ──────────────────────────────────────────────────────────────────────────


def scored(number, score, topic, freshness=0.0):
    about = paper(number, categories=(topic,), authors=())
    terms = (Term(name="votes", value=score), Term(name="freshness", value=freshness))
    return item(number, paper=about, terms=terms, score=exp(score + freshness))


ISSUE = edition(
    scored(1, 3.0, "cs.CL"),
    scored(2, 2.9, "cs.CV"),
    scored(3, 2.0, "cs.CV", 0.0),
    scored(4, 1.9, ""),
)
LIKES_VISION = taste.of([(MORE, ("cs.CV",), ())])


def numbers(items):
    return [one.rank for one in items]


def test_papers_like_those_a_reader_liked_move_up_and_none_is_shut_out():
    def order(mine, papers=4):
        return numbers(select(ISSUE, preferences(papers=papers, taste=mine), (), SECTIONS))

    assert order("") == [1, 2, 3, 4]
    assert order(LIKES_VISION) == [2, 1, 3, 4]
    assert order(taste.of([(LESS, ("cs.CV",), ())])) == [1, 2, 4, 3]
    assert order(LIKES_VISION, papers=1) == [2]  # and so into a mail that has room for one


def test_a_digest_that_looks_back_leans_as_well_and_does_not_mind_age():
    week = edition(
        scored(1, 3.0, "cs.CL"), scored(2, 3.1, "cs.CL", -2.0), scored(3, 3.0, "cs.CV", -2)
    )
    wish = preferences(taste=LIKES_VISION)
    assert numbers(select(week, wish, (), SECTIONS, Form.WEEKLY)) == [3, 2, 1]
    assert numbers(select(week, preferences(), (), SECTIONS, Form.WEEKLY)) == [2, 1, 3]


def test_a_readers_taste_changes_nobody_elses_mail():
    pool = Pool(ISSUE, SECTIONS)
    for mine, first in (("", 1), (LIKES_VISION, 2), ("", 1)):
        choice = pool.choice(subscriber(taste=mine), frozenset())
        assert choice.paper_ids[0] == paper_id(first)
