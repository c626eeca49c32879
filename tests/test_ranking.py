"""The trending score: the formula, its terms, the line that says why, and a stable order."""

import math
import random
from dataclasses import replace
from datetime import timedelta

import pytest
from make import DAY, HOUR, NOON, candidate, paper, paper_id, signal

from digest.ranking import Formula, rank, read

PLAIN = Formula()
WEIGHED = Formula(weights={"comments": 0.02, "stars": 0.01, "code": 0.05})


def observed(*signals, seen_at=None, number=1):
    """The n-th paper with those signals, seen when it was listed or announced."""
    if seen_at is None:
        started = [one.at for one in signals if one.name in {"listed", "announced"}]
        seen_at = min(started, default=NOON)
    return replace(candidate(number), seen_at=seen_at, signals=tuple(signals))


def score(one, formula=PLAIN, now=NOON):
    """The score of one candidate alone."""
    ((item, _),) = rank([one], now, formula)
    return item.score


def listed(at, **over):
    """A list took the paper up at that instant."""
    return signal(name="listed", at=at, **over)


# ── The formula ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("votes", "age", "delay_days", "expected"),
    [
        # exp(ln(1+votes) − 0.2·ln(age+2)) · (1+delay)^−0.66, by hand:
        (0, 0, 0, 0.8705505632961241),  # 2^−0.2
        (1, 0, 0, 1.7411011265922482),  # 2 · 2^−0.2
        (63, 2, 0, 48.5029301280),  # 64 · 4^−0.2 = 2^5.6
        (63, 30, 1, 2**4.34),  # 64 · 32^−0.2 · 2^−0.66 = 2^(6−1−0.66)
        (1023, 30, 3, 2**7.68),  # 2^(10−1−1.32)
        (1023, 1022, 42, 2**8 * 43**-0.66),
    ],
)
def test_the_score_is_the_formula(votes, age, delay_days, expected):
    start = NOON - max(delay_days * 24, age) * HOUR
    one = observed(listed(start), signal(votes, at=start + age * HOUR))
    assert score(one) == pytest.approx(expected, rel=1e-9)


def test_the_exponents_are_the_configuration_s():
    one = observed(listed(NOON - 3 * DAY), signal(7, at=NOON - 3 * DAY + 14 * HOUR))
    formula = Formula(age_exponent=1.0, delay_exponent=0.5)
    assert score(one, formula) == pytest.approx(8 / 16 / 2)


def test_other_signals_add_their_weight_times_a_logarithm():
    plain = observed(listed(NOON), signal(9, at=NOON))
    more = observed(*plain.signals, signal(15, name="comments"), signal(1, name="code"))
    formula = Formula(weights={"comments": 0.5, "code": 1.0})
    assert score(more, formula) == pytest.approx(score(plain) * 16**0.5 * 2)


def test_signals_without_a_weight_do_not_count():
    plain = observed(listed(NOON), signal(9))
    assert score(observed(*plain.signals, signal(1e6, name="stars"))) == score(plain)


@pytest.mark.parametrize(
    "one",
    [
        candidate(votes=64),
        candidate(votes=None),
        observed(listed(NOON - 5 * DAY), signal(3, name="stars"), signal(1, name="code")),
        observed(),
    ],
)
def test_the_terms_add_up_to_the_logarithm_of_the_score(one):
    ((item, _),) = rank([one], NOON, WEIGHED)
    assert math.fsum(term.value for term in item.terms) == pytest.approx(math.log(item.score))


def test_more_votes_less_age_and_less_delay_are_better():
    base = observed(listed(NOON - 2 * DAY), signal(10, at=NOON - DAY))
    voted = observed(listed(NOON - 2 * DAY), signal(11, at=NOON - DAY))
    faster = observed(listed(NOON - 2 * DAY), signal(10, at=NOON - DAY - HOUR))
    fresher = observed(listed(NOON - DAY), signal(10, at=NOON))
    assert score(base) < min(score(voted), score(faster), score(fresher))


# ── Reading the signals ──────────────────────────────────────────────────────────────────────────


def test_what_is_observed_after_now_does_not_exist():
    now = observed(listed(NOON), signal(5, at=NOON))
    later = timedelta(microseconds=1)
    future = observed(
        *now.signals, signal(900, at=NOON + later), signal(1, name="code", at=NOON + later)
    )
    assert read(future, NOON) == read(now, NOON)
    assert score(future, WEIGHED) == score(now, WEIGHED)


def test_the_last_votes_count_even_if_they_fell():
    fell = observed(listed(NOON - DAY), signal(9, at=NOON - HOUR), signal(7, at=NOON))
    assert read(fell, NOON).votes == 7


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_in_which_signals_come_does_not_matter(order):
    signals = [listed(NOON - DAY), signal(3, at=NOON - 3 * HOUR), signal(8, at=NOON)]
    reading = read(observed(*signals[::order]), NOON)
    assert (reading.votes, reading.age) == (8, DAY)


@pytest.mark.parametrize(
    ("signals", "age", "delay"),
    [  # seen six hours ago, whenever it was listed: no digest before could carry it
        ((listed(NOON - 30 * HOUR),), 30, 0),  # no votes yet: it ages until now
        ((listed(NOON - 30 * HOUR), signal(1, at=NOON - 10 * HOUR)), 20, 0),
        ((signal(name="announced", at=NOON - 50 * HOUR),), 50, 0),
        # Listed counts, whenever it was announced.
        ((signal(name="announced", at=NOON - 50 * HOUR), listed(NOON - 3 * HOUR)), 3, 0),
        # Listed twice: the first.
        ((listed(NOON - 9 * HOUR), listed(NOON - 3 * HOUR)), 9, 0),
        ((), 6, 0),  # nothing known: from when we saw it
        ((listed(NOON + HOUR),), 6, 0),  # in the future: not yet
        # Votes that are older than the listing: no age below zero.
        ((listed(NOON), signal(1, at=NOON - HOUR)), 0, 0),
    ],
)
def test_age_and_delay_are_read_off_the_signals(signals, age, delay):
    reading = read(observed(*signals, seen_at=NOON - 6 * HOUR), NOON)
    assert reading.age / HOUR == pytest.approx(age)
    assert reading.delay == delay


@pytest.mark.parametrize(
    ("listed_at", "seen_at", "delay"),
    [
        (NOON - 30 * HOUR, NOON - 30 * HOUR, 1),
        (NOON - 30 * HOUR, NOON - 25 * HOUR, 1),
        (NOON - 30 * HOUR, NOON - 23 * HOUR, 0),  # listed before, but nobody could know
        (NOON - 23 * HOUR, NOON - 30 * HOUR, 0),  # known before, but not on a list
        (NOON - DAY, NOON - DAY, 1),  # a whole day
        (NOON - DAY + timedelta(microseconds=1), NOON - DAY, 0),
    ],
)
def test_the_delay_counts_from_the_first_digest_that_could_have_carried_it(
    listed_at, seen_at, delay
):
    assert read(observed(listed(listed_at), seen_at=seen_at), NOON).delay == delay


def test_a_paper_seen_after_now_is_new_and_not_from_the_future():
    reading = read(observed(seen_at=NOON + DAY), NOON)
    assert (reading.age, reading.delay) == (timedelta(), 0)


@pytest.mark.parametrize("value", [-5.0, float("nan")])
def test_a_count_that_is_none_counts_nothing(value):
    odd = observed(listed(NOON), signal(value), signal(value, name="stars"))
    assert score(odd, WEIGHED) == pytest.approx(score(observed(listed(NOON), signal(0))))


# ── Why ──────────────────────────────────────────────────────────────────────────────────────────


def why(*signals, others=(), formula=WEIGHED):
    """The line of the first paper among others."""
    found = rank([observed(*signals), *others], NOON, formula)
    return next(item.why for item, _ in found if item.paper.id == paper_id(1))


LISTED = listed(NOON - 5 * HOUR)


@pytest.mark.parametrize(
    ("signals", "line"),
    [
        ((LISTED, signal(64)), "64 votes in 5 h; new today"),
        ((LISTED, signal(1)), "1 vote in 5 h; new today"),
        ((LISTED, signal(1_234)), "1,234 votes in 5 h; new today"),
        ((listed(NOON - 59 * timedelta(minutes=1)), signal(2)), "2 votes; new today"),
        ((LISTED,), "no votes yet; new today"),
        ((LISTED, signal(0)), "no votes yet; new today"),
        ((listed(NOON - 30 * HOUR), signal(3)), "3 votes in 30 h; since yesterday"),
        ((listed(NOON - 50 * HOUR), signal(3)), "3 votes in 2 days; 2 days old"),
        (
            (LISTED, signal(3), signal(1, name="code"), signal(2, name="comments")),
            "3 votes in 5 h; new today; 2 comments; code available",  # in the weights' order
        ),
        (
            (LISTED, signal(3), signal(1, name="stars")),
            "3 votes in 5 h; new today; 1 star on GitHub",
        ),
        ((LISTED, signal(3), signal(0, name="stars")), "3 votes in 5 h; new today"),
        ((LISTED, signal(3), signal(9, name="project")), "3 votes in 5 h; new today"),  # no weight
    ],
)
def test_the_line_says_why(signals, line):
    assert why(*signals) == line


def test_a_signal_without_words_is_said_by_its_name():
    formula = Formula(weights={"citations": 0.1})
    assert why(LISTED, signal(3, name="citations"), formula=formula).endswith("; 3 citations")


@pytest.mark.parametrize(
    ("votes", "said"),
    [
        (19, ", 2.0× the usual"),  # 20 for 10
        (14, ", 1.5× the usual"),  # from here on
        (13, ""),
        (9, ""),
    ],
)
def test_what_is_far_above_the_usual_is_said_so(votes, said):
    others = [observed(LISTED, signal(9), number=n) for n in range(2, 6)]
    assert why(LISTED, signal(votes), others=others) == f"{votes} votes in 5 h{said}; new today"


def test_papers_without_votes_do_not_lower_the_usual():
    others = [observed(LISTED, number=n) for n in range(2, 50)]
    assert "usual" not in why(LISTED, signal(9), others=others)


# ── The order ────────────────────────────────────────────────────────────────────────────────────


def test_the_best_comes_first_and_ranks_count_from_one():
    found = rank([candidate(n, votes=n) for n in (2, 9, 5)], NOON, PLAIN)
    assert [(item.rank, item.paper.id) for item, _ in found] == [
        (1, paper_id(9)),
        (2, paper_id(5)),
        (3, paper_id(2)),
    ]


def test_ties_go_to_the_smaller_id():
    found = rank([candidate(n, votes=7) for n in (3, 1, 2)], NOON, PLAIN)
    assert [item.paper.id for item, _ in found] == [paper_id(n) for n in (1, 2, 3)]


def test_nothing_ranks_as_nothing():
    assert list(rank([], NOON, PLAIN)) == []


def test_ten_thousand_candidates_are_in_the_same_order_however_they_come():
    dice = random.Random(7)  # noqa: S311 - the same every time
    many = [
        observed(
            listed(NOON - dice.randrange(7 * 24) * HOUR),
            signal(dice.randrange(30), at=NOON),
            number=number,
        )
        for number in range(10_000)
    ]
    first = [item.paper.id for item, _ in rank(many, NOON, WEIGHED)]
    dice.shuffle(many)
    assert [item.paper.id for item, _ in rank(many, NOON, WEIGHED)] == first
    assert len(set(first)) == 10_000


def test_a_paper_is_passed_on_as_it_is():
    odd = paper(title="$\\ell_2$ \n & <b>", categories=())
    ((item, _),) = rank([candidate(paper=odd)], NOON, PLAIN)
    assert item.paper is odd
    assert item.section == ""
