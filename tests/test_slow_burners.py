"""Slow burners: papers that are noticed days after they were listed, each once."""

import math
from dataclasses import replace

import pytest
from fakes import FakeSource
from installation import installed
from make import (
    DAY,
    HOUR,
    NOON,
    SECTIONS,
    candidate,
    edition,
    harvest,
    item,
    paper,
    paper_id,
    preferences,
    signal,
)

from digest import compose, tops
from digest.compose import select
from digest.model import Form, Section
from digest.ranking import Burners, Formula, rank, read
from digest.ranking.burners import burns, gain

SLOW = Section(name="slow_burners", title="Slow burners", share=0.1)
BAR = Burners(days=2, votes=10, share=0.5, top=3, best=5)
FORMULA = Formula(burners=BAR)


def slow(number=1, *, votes=44.0, before=3.0, days=6, ago=24 * HOUR, looked=NOON):
    """A paper listed days before noon, with its votes of a day ago and of the last look."""
    about, listed = {"paper_id": paper_id(number)}, NOON - days * DAY
    signals = [signal(name="listed", at=listed, **about)]
    if before is not None:
        signals.append(signal(before, at=NOON - ago, **about))
    signals.append(signal(votes, at=looked, **about))
    return candidate(number, seen_at=listed, signals=tuple(signals))


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ({}, True),  # 41 of 44 votes came on the last day
        ({"days": 2}, True),
        ({"days": 1}, False),  # not slow: it was listed yesterday
        ({"before": 34.0}, False),  # ten of 44 votes are no half
        ({"before": 22.0}, True),  # just half
        ({"before": 23.0}, False),
        ({"votes": 13.0}, True),  # ten votes
        ({"votes": 12.0}, False),  # nine
        ({"before": 60.0}, False),  # votes fell
        ({"before": None}, False),  # nobody looked a day ago
        ({"ago": 19 * HOUR}, False),  # too short a time to call it a day
        ({"ago": 20 * HOUR}, True),
        ({"ago": 36 * HOUR}, True),
        ({"ago": 37 * HOUR}, False),  # nor may it be nearly two
    ],
)
def test_one_burns_whose_votes_came_on_the_last_day_and_who_was_listed_before(shown, expected):
    assert burns(read(slow(**shown), NOON), BAR) is expected


def test_what_comes_later_changes_nothing():
    now = read(slow(), NOON)
    later = replace(slow(), signals=(*slow().signals, signal(900.0, at=NOON + HOUR)))
    assert read(later, NOON) == now
    assert gain(now) == 41


def burning(candidates, **over):
    """The numbers of the papers that burn at noon."""
    found = rank(candidates, NOON, over.pop("formula", FORMULA), **over)
    return [int(one.paper.id[-5:]) for one, reading in found if reading.burning]


def test_it_has_to_be_among_the_best_however_old():
    rivals = [candidate(number, votes=1000.0) for number in range(2, 7)]
    assert burning([slow(), *rivals[:4]]) == [1]
    assert burning([slow(), *rivals]) == []  # five are better


def test_who_stood_high_before_is_no_slow_burner_and_without_a_bar_nobody_is():
    assert burning([slow(1), slow(2)], shown={paper_id(2)}) == [1]
    assert burning([slow()], formula=Formula()) == []


def test_its_reason_is_that_of_the_day_and_its_score_is_still_the_sum_of_its_parts():
    code = signal(1.0, name="code", at=NOON)
    one = replace(slow(), signals=(*slow().signals, code))
    ((found, reading),) = rank([one], NOON, replace(FORMULA, weights={"code": 0.05}))
    assert reading.burning
    assert found.why == "listed 6 days ago, 41 votes today after 3 before; code available"
    assert math.exp(sum(term.value for term in found.terms)) == pytest.approx(found.score)


def test_what_stood_high_are_the_first_of_each_edition_and_its_slow_burners():
    items = [item(number) for number in (1, 2, 3)] + [item(4, section=SLOW.name)]
    assert tops.stood_high([edition(*items)], 2) == {paper_id(1), paper_id(2), paper_id(4)}
    assert tops.stood_high([], 2) == frozenset()


# ── Its section ──────────────────────────────────────────────────────────────────────────────────


def composed(candidates, sections):
    made = compose.edition(
        candidates,
        now=NOON,
        cut=NOON,
        day=NOON.date(),
        formula=FORMULA,
        sections=sections,
        pool=9,
    )
    return {int(one.paper.id[-5:]): one.section for one in made.items}


@pytest.mark.parametrize("sections", [(*SECTIONS, SLOW), (SLOW, *SECTIONS)])
def test_it_stands_in_the_smaller_section_wherever_that_is_listed(sections):
    both = [slow(1), candidate(2, votes=5.0), candidate(3)]
    assert composed(both, sections) == {1: "slow_burners", 2: "trending", 3: "fresh"}


def test_without_its_section_it_trends_like_others():
    assert composed([slow(1), candidate(2, votes=5.0)], SECTIONS) == {1: "trending", 2: "trending"}


def test_a_daily_mail_has_few_and_a_weekly_one_judges_all_papers_by_their_votes():
    items = [item(n) for n in range(1, 13)] + [
        item(n, section=SLOW.name, terms=(replace(item().terms[0], value=5.0),)) for n in (13, 14)
    ]
    some, wish = edition(*items), preferences(papers=10)
    chosen = [int(one.paper.id[-5:]) for one in select(some, wish, (), (*SECTIONS, SLOW))]
    assert chosen == [*range(1, 10), 13]  # one of ten
    week = select(some, wish, (), (*SECTIONS, SLOW), Form.WEEKLY)
    assert [int(one.paper.id[-5:]) for one in week] == [13, 14, *range(1, 9)]


# ── The day, on both engines ─────────────────────────────────────────────────────────────────────


def looked(days_ago, **votes):
    """What a look so many days before noon shows: votes by the number of the paper."""
    at = NOON - days_ago * DAY
    found = [paper(int(number[1:])) for number in votes]
    signals = [
        signal(value, paper_id=paper_id(int(number[1:])), at=at) for number, value in votes.items()
    ]
    if days_ago == 4:
        listings = [signal(name="listed", paper_id=one.id, at=at) for one in found]
        signals += listings
    return harvest(*found, signals=tuple(signals))


def test_a_reader_gets_it_once_with_the_day_s_reason_and_so_does_the_page(store_url):
    """Day after day, from the listing of two papers on; the second is noticed four days later."""
    looks = [
        looked(4, n1=30.0, n2=2.0),
        looked(3, n1=60.0, n2=2.0, n3=50.0),
        looked(1, n1=62.0, n2=3.0, n3=70.0, n4=20.0),
        looked(0, n1=63.0, n2=55.0, n3=71.0, n4=90.0, n5=8.0),
        looked(-1, n1=63.0, n2=160.0, n3=71.0, n4=95.0, n5=18.0, n6=9.0),
    ]
    bar = {"slow_burners": {"top": 1, "votes": 10}}
    with installed(store_url, FakeSource(*looks), now=NOON - 4 * DAY, ranking=bar) as house:
        house.join("new", papers=12)
        sections = {}
        for days in (-4, -3, -1, 0, 1):
            house.now = NOON + days * DAY
            if days == 0:
                house.join("old", papers=12)
            report = house.day()
            edition = report.queued.edition
            sections[days] = {i.paper.id: i.section for i in edition.items}
            if days == 0:
                (found,) = (i for i in edition.items if i.section == "slow_burners")
        assert found.paper.id == paper_id(2)
        assert found.why.startswith("listed 4 days ago, 52 votes today after 3 before")
        assert sections[-1][paper_id(2)] == "trending"
        assert sections[1][paper_id(2)] == "trending"  # 105 votes more: but it had its day
        had = house.papers_had()
        for papers in had.values():
            assert len(papers) == len(set(papers))
        assert had["old"].count(paper_id(2)) == 1


def test_the_last_edition_of_each_day_comes_from_the_store(store):
    for cut in (NOON - DAY, NOON, NOON + HOUR, NOON + DAY):
        store.editions.publish(edition(item(cut.hour), cut=cut))
    store.editions.publish(edition(cut=NOON + 2 * HOUR, items=(), note="nothing"))
    found = store.editions.lasts(NOON.date() - DAY, NOON.date())
    assert [one.cut for one in found] == [NOON - DAY, NOON + HOUR]
    assert store.editions.lasts(NOON.date() + 2 * DAY, NOON.date() + 3 * DAY) == []
