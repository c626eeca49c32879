"""How fast it goes: never faster than a limit, half as fast after a complaint, and free again."""

from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.pacing import LEAST, RECOVERY, Bucket, Pace, Pacer

RATES = st.floats(0.05, 10_000)


def gone(bucket, *, until, start=0.0):
    """The instants at which something went, by somebody who always waits their turn."""
    now, instants = start, []
    while (now := now + bucket.wait(now)) < until:
        bucket.book(now)
        instants.append(now)
    return instants


@pytest.mark.parametrize(
    ("limit", "period", "seconds", "count"),
    [
        (1, 1, 10, 10),
        (50, 1, 10, 500 + 5),  # a tenth of a second's worth at once, then evenly
        (1000, 3600, 3600, 1000 + 100),
        (30, 60, 120, 60 + 3),
        (0.5, 1, 10, 5),
        (3, 60, 120, 6),  # a tenth would be less than one: evenly from the start
    ],
)
def test_a_bucket_lets_its_limit_through_and_a_tenth_at_once(limit, period, seconds, count):
    assert len(gone(Bucket(limit, period), until=seconds - 1e-6)) == pytest.approx(count, abs=1)


@given(limit=RATES, asked=st.lists(st.floats(0, 3), max_size=200))
def test_in_no_span_of_time_goes_more_than_the_limit_and_its_tenth(limit, asked):
    bucket, now, instants = Bucket(limit), 0.0, []
    for later in asked:
        now += later
        now += bucket.wait(now)
        bucket.book(now)
        instants.append(now)
    for first, start in enumerate(instants):
        for last, end in enumerate(instants[first:], first):
            assert last - first + 1 <= limit * (end - start) * 1.000001 + max(1, limit / 10) + 1.01


def test_lanes_that_ask_at_the_same_time_go_one_after_the_other():
    bucket, waits = Bucket(10), []
    for _ in range(5):
        waits.append(bucket.wait(0.0))
        bucket.book(0.0)
    assert waits == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


def test_who_will_not_wait_gets_a_turn_of_their_own():
    bucket = Bucket(2)
    for _ in range(20):
        bucket.book(0.0)  # ten seconds are given away
    promised = [bucket.promise(0.0, 5.0) for _ in range(3)]
    assert promised == pytest.approx([10.5 - 0.0, 11.0, 11.5], abs=0.51)
    assert all(later - sooner == pytest.approx(0.5) for sooner, later in pairwise(promised))
    assert bucket.promise(100.0, 5.0) == pytest.approx(5.5)  # what is over is forgotten


# ── A relay that says "slower" ───────────────────────────────────────────────────────────────────


def steady(pacer, rate, *, start, seconds):
    """So many successes a second, evenly; the time after them."""
    for number in range(int(rate * seconds)):
        pacer.succeeded(start + number / rate)
    return start + seconds


def test_a_pacer_is_free_until_somebody_complains():
    pacer = Pacer()
    steady(pacer, 1000, start=0, seconds=3)
    assert (pacer.bucket, pacer.pace) == (None, Pace())
    assert not pacer.pace.slowed
    assert str(pacer.pace) == ""


@pytest.mark.parametrize("rate", [5, 100, 3000])
def test_a_complaint_halves_the_rate_that_was_measured(rate):
    pacer = Pacer()
    now = steady(pacer, rate, start=50.0, seconds=4)
    pacer.complained(now, "451 4.7.1 too fast")
    assert pacer.pace.per_second == pytest.approx(rate / 2, rel=0.1)
    assert pacer.pace.reason == "451 4.7.1 too fast"
    assert str(pacer.pace) == f"slowed to {pacer.pace.per_second:.3g}/s: 451 4.7.1 too fast"
    assert len(gone(pacer.bucket, start=now, until=now + 10)) == pytest.approx(5 * rate, rel=0.15)


def test_a_burst_of_complaints_is_one_and_the_last_words_are_told():
    pacer = Pacer()
    now = steady(pacer, 100, start=0, seconds=3)
    for number in range(10):
        pacer.complained(now + number / 10, f"421 bye {number}")
    assert pacer.pace.per_second == pytest.approx(50, rel=0.1)
    assert pacer.pace.reason == "421 bye 9"


def test_who_goes_on_complaining_is_given_half_again_and_never_left_alone():
    pacer = Pacer()
    now, rates = steady(pacer, 100, start=0, seconds=3), []
    for number in range(20):
        pacer.complained(now + 10 * number, "421 bye")
        rates.append(pacer.pace.per_second)
    assert rates[:3] == pytest.approx([50, 25, 12.5], rel=0.1)
    assert rates[-1] == LEAST


@pytest.mark.parametrize("busy", [0, 1000])
def test_without_anything_measured_lately_one_a_second_goes(busy):
    pacer = Pacer()
    now = steady(pacer, busy, start=0, seconds=3) if busy else 0.0
    pacer.complained(now + 3600.0, "421 too many connections")
    assert pacer.pace.per_second == 1.0


def test_a_complaint_about_what_little_goes_halves_the_rate_that_was_granted():
    pacer = Pacer()
    now = steady(pacer, 100, start=0, seconds=3)
    pacer.complained(now, "451 4.7.1 too fast")
    pacer.complained(now + 60, "451 4.7.1 too fast")
    assert pacer.pace.per_second == pytest.approx(25, rel=0.1)


@pytest.mark.parametrize("rate", [4, 100])
def test_successes_raise_the_rate_evenly_until_it_is_free(rate):
    pacer = Pacer()
    now = start = steady(pacer, rate, start=0, seconds=5)
    pacer.complained(now, "451 4.7.1 too fast")
    rates = []
    while pacer.bucket:
        now += pacer.bucket.wait(now)
        pacer.bucket.book(now)
        pacer.succeeded(now)
        rates.append(pacer.pace.per_second)
    assert rates == sorted(rates)
    assert now - start == pytest.approx(RECOVERY, rel=0.25)
    assert pacer.pace.per_second == inf
    assert not pacer.pace.slowed


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=200))
def test_whatever_happens_the_rate_is_a_rate(events):
    pacer, now = Pacer(), 0.0
    for later, good in events:
        now += later
        pacer.succeeded(now) if good else pacer.complained(now, "no")
        assert pacer.pace.per_second >= LEAST
        assert (pacer.bucket is None) is (pacer.pace.per_second == inf)
