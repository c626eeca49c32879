"""What goes into an edition, and what one reader gets of it."""

import json
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations

import pytest
from make import (
    DAY,
    HOUR,
    NOON,
    SECTIONS,
    candidate,
    day,
    edition,
    item,
    paper,
    paper_id,
    preferences,
    subscriber,
)

from digest import compose
from digest.compose import Choice, Pool, check_sections, choose, select
from digest.content import dump, load
from digest.errors import ConfigError
from digest.model import Colophon, Earlier, Form, MailKind, Section, SubscriberState, Term
from digest.ranking import Formula, Standing
from digest.settings import load as load_settings
from digest.settings import resource
from digest.settings.formula import formula

TRENDING, FRESH = SECTIONS


def compose_it(candidates, **over):
    """The edition of noon from those candidates."""
    values = {
        "now": NOON,
        "cut": NOON,
        "day": NOON.date(),
        "formula": Formula(),
        "sections": SECTIONS,
        "pool": 10,
    }
    return compose.edition(candidates, **{**values, **over})


def numbers(items):
    """The numbers of the papers, in their order."""
    return [int(one.paper.id[-5:]) for one in items]


# ── Editions ─────────────────────────────────────────────────────────────────────────────────────


def test_papers_with_votes_trend_and_new_ones_without_are_fresh():
    made = compose_it([candidate(1), candidate(2, votes=5), candidate(3, votes=0)])
    assert {
        number: one.section for number, one in zip(numbers(made.items), made.items, strict=True)
    } == {
        2: "trending",
        1: "fresh",
        3: "fresh",
    }


def test_fresh_papers_are_in_the_order_of_what_their_authors_promise():
    many = [candidate(n) for n in (1, 2, 3)]
    many[1] = candidate(2, paper=paper(2, authors=("Zoe", "Yan")))
    many = [replace(one, signals=()) for one in many]
    known = Standing.of([Earlier(authors=("Zoe",), votes=90)])
    chosen = formula(load_settings(environ={}).ranking, resource("config"))
    assert numbers(compose_it(many, formula=chosen).items) == [1, 2, 3]
    assert numbers(compose_it(many, formula=chosen, standing=known).items) == [2, 1, 3]


@pytest.mark.parametrize(
    ("age", "kept"),
    [
        (timedelta(), True),
        (2 * DAY - timedelta(seconds=1), True),
        (2 * DAY, False),  # without votes, two days after it could have been sent
    ],
)
def test_a_paper_without_votes_is_fresh_for_two_days(age, kept):
    old = replace(candidate(1, seen_at=NOON - age), signals=())
    made = compose_it([old, candidate(2, votes=1)])
    assert (1 in numbers(made.items)) is kept


def test_each_section_keeps_the_best_of_the_pool_and_ranks_go_on():
    many = [candidate(n, votes=n) for n in range(1, 6)] + [candidate(n) for n in range(6, 12)]
    made = compose_it(many, pool=3)
    assert Counter(one.section for one in made.items) == {"trending": 3, "fresh": 3}
    assert numbers(made.items) == [5, 4, 3, 6, 7, 8]
    assert [one.rank for one in made.items] == [1, 2, 3, 4, 5, 6]


def test_a_section_that_is_not_configured_takes_nothing():
    made = compose_it([candidate(1), candidate(2, votes=3)], sections=(TRENDING,))
    assert numbers(made.items) == [2]


def test_the_same_input_gives_the_same_edition_in_any_order():
    many = [candidate(n, votes=n % 4 or None) for n in range(50)]
    made = compose_it(many)
    assert compose_it(many[::-1]) == made
    assert compose_it(many).id == made.id


@pytest.mark.parametrize(
    "over",
    [
        {"cut": NOON + HOUR},
        {"day": day(1)},
        {"formula": Formula(delay_exponent=1.0, age_exponent=0.3)},
        {"pool": 1},
    ],
)
def test_another_cut_day_formula_or_pool_is_another_edition(over):
    many = [candidate(n, votes=n) for n in (1, 2)]
    assert compose_it(many, **over).id != compose_it(many).id


def test_another_vote_or_title_is_another_edition():
    assert compose_it([candidate(votes=2)]).id != compose_it([candidate(votes=1)]).id
    renamed = candidate(votes=1, paper=paper(title="Another"))
    assert compose_it([renamed]).id != compose_it([candidate(votes=1)]).id


@pytest.mark.parametrize(
    ("candidates", "over", "note"),
    [
        ([], {}, "no paper has been collected yet"),
        (
            [candidate(votes=9, seen_at=NOON - DAY)],
            {},
            "nothing new since Wednesday 14 January, 12:00 UTC",
        ),
        ([candidate(votes=9, seen_at=NOON - DAY + timedelta(seconds=1))], {}, ""),
        ([candidate(votes=9, seen_at=NOON - DAY)], {"quiet_days": "send"}, ""),
        ([], {"quiet_days": "send"}, "no paper has been collected yet"),
        ([candidate(1)], {"sections": (TRENDING,)}, "no paper fits any section"),
    ],
)
def test_an_edition_without_papers_says_why(candidates, over, note):
    made = compose_it(candidates, **over)
    assert made.note == note
    assert bool(made.items) is (note == "")


def test_items_come_back_from_their_json_as_they_were():
    many = [candidate(n, votes=n % 3 or None) for n in range(20)]
    many.append(candidate(99, paper=paper(99, title='𝒪(n) "\\ \u2028 <b>', authors=(), links={})))
    many.append(candidate(98, paper=paper(98, published_at=None, categories=())))
    items = compose_it(many, pool=50).items
    assert len(items) == 22
    assert load(dump(items)) == (items, Colophon())
    assert dump(*load(dump(items))) == dump(items)
    assert load(dump(())) == ((), Colophon())


def test_an_edition_from_before_there_was_a_colophon_can_be_read():
    items = compose_it([candidate(1, votes=3)]).items
    new = json.loads(dump(items))[0]
    old = [{k: v for k, v in one.items() if k != "before"} for one in new]
    assert load(json.dumps(old)) == (items, Colophon())


def test_a_colophon_and_the_places_before_belong_to_what_an_edition_is():
    made = compose_it([candidate(n, votes=9 - n) for n in (1, 2, 3)])
    before = edition(item(9, rank=1), item(2, rank=7))
    told = compose.told(made, Colophon(since=day(-1)), before)
    assert [one.before for one in told.items] == [None, 7, None]
    assert told.id != made.id
    assert load(dump(told.items, told.colophon)) == (told.items, told.colophon)
    assert compose.told(made, Colophon(), None) == made


@pytest.mark.parametrize("value", [0.1, 1e-300, -0.0, 123456789.123456789, 5e-324])
def test_numbers_come_back_to_the_last_digit(value):
    odd = item(score=value, terms=(Term(name="votes", value=value),))
    assert load(dump([odd])) == ((odd,), Colophon())


def test_a_section_that_no_rule_fills_is_refused():
    check_sections(SECTIONS)
    with pytest.raises(ConfigError, match="'hot'"):
        check_sections([TRENDING, Section(name="hot", title="Hot", share=1)])


# ── Selections ───────────────────────────────────────────────────────────────────────────────────


def pool(trending, fresh):
    """An edition with so many papers of each section, trending first."""
    sections = ["trending"] * trending + ["fresh"] * fresh
    return edition(items=tuple(item(n, section=name) for n, name in enumerate(sections, 1)))


def shares(items):
    """How many of the papers are of which section."""
    return dict(Counter(one.section for one in items))


@pytest.mark.parametrize(
    ("trending", "fresh", "papers", "expected"),
    [
        (50, 50, 12, {"trending": 9, "fresh": 3}),  # a quarter
        (50, 1, 12, {"trending": 11, "fresh": 1}),  # what fresh does not need, trending takes
        (50, 0, 12, {"trending": 12}),
        (2, 50, 12, {"trending": 2, "fresh": 3}),  # a quarter stays a quarter
        (50, 50, 3, {"trending": 3}),  # a quarter of three is none
        (50, 50, 4, {"trending": 3, "fresh": 1}),
        (50, 50, 1, {"trending": 1}),
        (0, 50, 12, {"fresh": 12}),  # starved: nobody votes here
        (0, 5, 12, {"fresh": 5}),
        (0, 0, 12, {}),
    ],
)
def test_sections_have_their_shares(trending, fresh, papers, expected):
    chosen = select(pool(trending, fresh), preferences(papers=papers), (), SECTIONS)
    assert shares(chosen) == expected


def test_sections_come_in_their_order_and_papers_in_theirs():
    chosen = select(pool(6, 6), preferences(papers=4), (), SECTIONS)
    assert numbers(chosen) == [1, 2, 3, 7]
    turned = select(pool(6, 6), preferences(papers=4), (), SECTIONS[::-1])
    assert numbers(turned) == [7, 1, 2, 3]


def test_a_reader_who_had_all_that_trends_gets_what_is_fresh():
    had = [paper_id(n) for n in range(1, 7)]
    assert shares(select(pool(6, 6), preferences(papers=4), had, SECTIONS)) == {"fresh": 4}


def test_what_a_reader_had_is_not_selected():
    chosen = select(pool(6, 0), preferences(papers=3), {paper_id(1), paper_id(3)}, SECTIONS)
    assert numbers(chosen) == [2, 4, 5]


def test_day_after_day_nothing_is_selected_twice_and_nothing_forgotten():
    wish, had = preferences(papers=7), list[str]()
    while chosen := select(pool(30, 20), wish, had, SECTIONS):
        assert len(chosen) <= 7
        had += [one.paper.id for one in chosen]
    assert len(had) == len(set(had)) == 50


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ((), [1, 2, 3, 4]),  # none means all
        (("cs.CL",), [1, 3]),
        (("cs.CV",), [2, 3]),  # also where it is not the first
        (("cs.CL", "cs.CV"), [1, 2, 3]),
        (("math.GT",), []),
        (("cs",), []),  # an archive is no category
    ],
)
def test_readers_get_the_categories_they_chose(wanted, chosen):
    categories = [("cs.CL",), ("cs.CV",), ("cs.CL", "cs.CV"), ()]
    some = edition(
        *(item(n, paper=paper(n, categories=one)) for n, one in enumerate(categories, 1))
    )
    assert numbers(select(some, preferences(categories=wanted), (), SECTIONS)) == chosen


@pytest.mark.parametrize("papers", [1, 2, 5, 12, 40])
@pytest.mark.parametrize("sizes", list(combinations((0, 1, 3, 50), 2)))
@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_no_selection_is_longer_than_was_asked_for(papers, sizes, share):
    sections = (TRENDING, replace(FRESH, share=share))
    chosen = select(pool(*sizes), preferences(papers=papers), (), sections)
    assert len(chosen) <= papers
    assert len({one.paper.id for one in chosen}) == len(chosen)


# ── Choosing ─────────────────────────────────────────────────────────────────────────────────────

DIGEST, CONFIRM, KNOWN, CHANGE, *_ = MailKind
PENDING, LEFT = SubscriberState.PENDING, SubscriberState.LEFT
PAPERS = Choice(paper_ids=(paper_id(1), paper_id(2)))


@pytest.mark.parametrize(
    ("reader", "kind", "suppressed", "choice"),
    [
        ({}, DIGEST, None, PAPERS),
        ({}, DIGEST, "bounce: 550", Choice(skip="suppressed: bounce: 550")),
        ({"state": LEFT}, DIGEST, None, Choice(skip="left before it was sent")),
        ({"state": PENDING}, DIGEST, None, Choice(skip="left before it was sent")),
        ({"paused_until": day(1)}, DIGEST, None, Choice(skip=f"paused until {day(1)}")),
        ({"state": PENDING}, CONFIRM, None, Choice()),
        ({"state": PENDING}, CONFIRM, "bounce", Choice()),  # the double opt-in lifts it
        ({}, CONFIRM, None, Choice(skip="confirmed already, or left")),
        ({}, KNOWN, None, Choice()),
        ({"paused_until": day(1)}, KNOWN, None, Choice()),  # a pause is of digests
        ({"pending_email": "new@example.org"}, CHANGE, None, Choice()),
        ({}, CHANGE, None, Choice(skip="the change of address was withdrawn")),
    ],
)
def test_what_a_reader_gets_now(reader, kind, suppressed, choice):
    chosen = choose(
        subscriber(**reader),
        kind,
        suppressed=suppressed,
        today=day(),
        digest=lambda: Pool(pool(2, 0), SECTIONS).choice(subscriber(), frozenset()),
    )
    assert chosen == choice


def test_a_digest_without_papers_is_not_sent():
    had = frozenset(item.paper.id for item in pool(2, 0).items)
    nothing = Pool(pool(2, 0), SECTIONS).choice(subscriber(), had)
    assert nothing == Choice(skip="nothing new for this reader")


def test_readers_of_one_taste_and_history_get_the_same_and_others_their_own():
    some = Pool(pool(6, 6), SECTIONS)
    for papers, had in [(4, ()), (4, (paper_id(1),)), (5, ()), (4, ())]:
        reader = subscriber(papers=papers)
        mine = select(pool(6, 6), reader.preferences, had, SECTIONS)
        expected = tuple(item.paper.id for item in mine)
        assert some.choice(reader, frozenset(had)).paper_ids == expected


def test_papers_are_only_selected_for_a_digest_that_may_go():
    def never():
        raise AssertionError

    for reader, kind in [(subscriber(state=LEFT), DIGEST), (subscriber(), KNOWN)]:
        choose(reader, kind, suppressed=None, today=day(), digest=never)


# ── Forms ────────────────────────────────────────────────────────────────────────────────────────

MONDAY = date(2026, 1, 12)


@pytest.mark.parametrize(
    ("wish", "today", "form"),
    [
        ({}, MONDAY, Form.DAILY),
        ({"days": frozenset({0})}, MONDAY, Form.WEEKLY),
        ({"days": frozenset({0, 3})}, MONDAY, Form.DAILY),
        ({"paused_until": MONDAY}, MONDAY, Form.RETURN),
        ({"paused_until": MONDAY}, MONDAY + DAY, Form.DAILY),  # the day before was the return
        ({"paused_until": MONDAY + DAY}, MONDAY, Form.DAILY),  # not yet: no mail goes out anyway
        # The pause ends on a Monday, and the next chosen day is Thursday.
        ({"paused_until": MONDAY, "days": frozenset({3, 5})}, MONDAY + 3 * DAY, Form.RETURN),
        ({"paused_until": MONDAY, "days": frozenset({3, 5})}, MONDAY + 5 * DAY, Form.DAILY),
        ({"paused_until": MONDAY}, MONDAY + 7 * DAY, Form.DAILY),  # long ago
        ({"paused_until": MONDAY, "days": frozenset({0})}, MONDAY, Form.WEEKLY),
    ],
)
def test_what_a_digest_looks_back_on(wish, today, form):
    assert compose.form_of(preferences(**wish), today) is form


def test_a_week_and_a_return_bring_the_best_however_old_and_nothing_twice():
    def aged(number, votes, freshness):
        terms = (Term(name="votes", value=votes), Term(name="freshness", value=freshness))
        return item(number, terms=terms, score=votes + freshness)

    # In the order of a daily edition: the best paper of the week is five days old.
    week = edition(aged(1, 3.0, 0.0), aged(2, 2.5, -0.3), aged(3, 5.0, -3.0), aged(4, 1.0, -0.2))
    wish = preferences(papers=2)

    def chosen(form, had=()):
        return [one.paper.id for one in select(week, wish, had, SECTIONS, form)]

    assert chosen(Form.DAILY) == [paper_id(1), paper_id(2)]
    assert chosen(Form.WEEKLY) == chosen(Form.RETURN) == [paper_id(3), paper_id(1)]
    assert chosen(Form.RETURN, {paper_id(3)}) == [paper_id(1), paper_id(2)]


def test_a_mail_is_chosen_by_score_and_shown_by_what_is_expected_of_its_papers():
    def late(number, votes, freshness):
        terms = (Term(name="votes", value=votes), Term(name="freshness", value=freshness))
        return item(number, terms=terms)

    made = edition(late(1, 2.0, 0.0), late(2, 3.0, -1.1), late(3, 1.8, 0.0), late(4, 5.0, -4.0))
    shown = select(made, preferences(papers=3), (), SECTIONS)
    assert numbers(shown) == [2, 1, 3]  # the fourth would be first, but is too late for this mail
    assert numbers(select(made, preferences(papers=3), {paper_id(2)}, SECTIONS)) == [4, 1, 3]


def test_the_shorter_a_mail_the_fresher_are_its_papers():
    def late(number, votes, freshness):
        terms = (Term(name="votes", value=votes), Term(name="freshness", value=freshness))
        return item(number, terms=terms)

    # By score the late one is the fifth, the tenth and the twentieth.
    others = [late(n, 6.0 - 0.1 * n, 0.0) for n in range(1, 31) if n not in {5, 10, 20}]
    made = sorted(
        [*others, *(late(n, 9.0 - 0.1 * n, -3.0) for n in (5, 10, 20))], key=lambda one: one.rank
    )

    def chosen(papers):
        return {*numbers(select(edition(*made), preferences(papers=papers), (), SECTIONS))}

    assert chosen(10) == {*range(1, 11)}  # as in the edition
    assert chosen(5) == {1, 2, 3, 4, 6}
    assert chosen(3) == {1, 2, 3}
    assert chosen(20) == {*range(1, 21)}
    assert chosen(19) == {*range(1, 18)} | {18, 20}


BEYOND = Section(name="beyond", title="Beyond your topics", share=0.25)


@pytest.mark.parametrize(
    ("topics", "expected"),
    [
        ((), [1, 2, 3, 4]),  # who chose nothing has nothing beyond it
        (("cs.CL",), [1, 3, 5, 2]),  # one of four is from outside, the best, and stands last
        (("cs.LG",), [2, 4, 6, 1]),
    ],
)
def test_who_chose_topics_gets_the_best_from_beyond_them_within_its_share(topics, expected):
    items = [
        item(n, paper=paper(n, categories=("cs.CL" if n % 2 else "cs.LG",))) for n in range(1, 9)
    ]
    wish = preferences(papers=4, categories=topics)
    chosen = select(edition(*items), wish, (), (*SECTIONS, BEYOND))
    assert [one.paper.id for one in chosen] == [paper_id(n) for n in expected]


def test_where_nothing_is_trending_what_is_beyond_keeps_to_its_share():
    items = [
        item(n, section="fresh", paper=paper(n, categories=("cs.CL" if n < 3 else "cs.LG",)))
        for n in range(1, 9)
    ]
    wish = preferences(papers=4, categories=("cs.CL",))
    chosen = select(edition(*items), wish, (), (*SECTIONS, BEYOND))
    assert [one.paper.id for one in chosen] == [paper_id(n) for n in (1, 2, 3)]
