"""What follows from an outcome: sent, refused, unknown, or again and when."""

from datetime import timedelta

import pytest
from make import HOUR, NOON

from digest.model import DeliveryState, Outcome, OutcomeKind
from digest.retry import Policy, decide

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
ACCEPTED, DEFERRED, REFUSED, UNSENT, IN_DOUBT, HELD = OutcomeKind


def verdict(kind, *, attempts=1, waited=timedelta(), jitter=0.5, policy=None, code=0, text=""):
    """The verdict at noon over a mail that was due so long ago; half a jitter changes nothing."""
    return decide(
        Outcome(kind=kind, code=code, text=text),
        attempts=attempts,
        due_at=NOON - waited,
        now=NOON,
        policy=policy or Policy(),
        jitter=jitter,
    )


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (ACCEPTED, DeliveryState.SENT),
        (REFUSED, DeliveryState.REFUSED),  # 5xx: it will say so again
        (IN_DOUBT, DeliveryState.UNKNOWN),  # it may have arrived: never again by itself
        (DEFERRED, DeliveryState.DEFERRED),  # 4xx: definitely not taken
        (UNSENT, DeliveryState.DEFERRED),  # never offered
        (HELD, DeliveryState.DEFERRED),  # not even tried
    ],
)
def test_every_outcome_has_its_state(kind, state):
    found = verdict(kind)
    assert found.state is state
    assert (found.again_at is not None) is (state is DeliveryState.DEFERRED)
    assert found.counted is (kind is not HELD)


def test_every_kind_of_outcome_is_in_the_table():
    assert len(OutcomeKind) == 6


@pytest.mark.parametrize("kind", [ACCEPTED, REFUSED, IN_DOUBT])
@pytest.mark.parametrize(("attempts", "waited"), [(1, 0), (1_000, 100)])
def test_what_is_final_is_final_however_often_and_late(kind, attempts, waited):
    found = verdict(kind, attempts=attempts, waited=waited * HOUR)
    assert found.state is verdict(kind).state
    assert found.again_at is None


@pytest.mark.parametrize(
    ("attempts", "wait"),
    [
        (1, MINUTE),
        (2, 2 * MINUTE),
        (3, 4 * MINUTE),
        (7, 64 * MINUTE),
        (8, 2 * HOUR),  # 128 minutes: from here on the longest
        (9, 2 * HOUR),
        (10_000, 2 * HOUR),  # no number too large
    ],
)
def test_each_wait_is_twice_the_last_up_to_two_hours(attempts, wait):
    assert verdict(DEFERRED, attempts=attempts).again_at == NOON + wait


@pytest.mark.parametrize(
    ("jitter", "part"),
    [(0.0, 0.75), (0.5, 1.0), (1.0, 1.25)],
)
def test_a_wait_is_spread_by_a_quarter_to_both_sides(jitter, part):
    assert verdict(UNSENT, jitter=jitter).again_at == NOON + part * MINUTE


@pytest.mark.parametrize(
    ("waited", "state"),
    [
        (timedelta(), DeliveryState.DEFERRED),
        (24 * HOUR - MINUTE, DeliveryState.DEFERRED),  # the next try is at the deadline itself
        (24 * HOUR - MINUTE + timedelta(microseconds=1), DeliveryState.REFUSED),  # and now after it
        (48 * HOUR, DeliveryState.REFUSED),
        (-HOUR, DeliveryState.DEFERRED),  # sent before it was due: a letter, a clock set back
    ],
)
def test_a_digest_is_stale_after_a_day(waited, state):
    assert verdict(DEFERRED, waited=waited).state is state


def test_the_operator_s_waits_and_deadline_count():
    policy = Policy(first=10 * SECOND, deadline=HOUR)
    assert verdict(UNSENT, policy=policy, attempts=3).again_at == NOON + 40 * SECOND
    assert verdict(UNSENT, policy=policy, waited=HOUR).state is DeliveryState.REFUSED


def test_a_first_wait_above_the_longest_is_the_longest():
    assert verdict(UNSENT, policy=Policy(first=20 * HOUR)).again_at == NOON + 2 * HOUR


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (250, "OK queued as 1", "250 OK queued as 1"),
        (250, "", "250"),
        (0, "connection lost", "connection lost"),  # nobody said a code
        (0, "", ""),
    ],
)
def test_the_reason_is_what_the_server_said(code, text, reason):
    for kind in OutcomeKind:
        assert verdict(kind, code=code, text=text).reason == reason


@pytest.mark.parametrize(
    ("attempts", "reason"),
    [(1, "gave up after 1 try: 451 busy"), (9, "gave up after 9 tries: 451 busy")],
)
def test_giving_up_says_after_how_many_tries_and_why(attempts, reason):
    found = verdict(DEFERRED, attempts=attempts, waited=48 * HOUR, code=451, text="busy")
    assert found.reason == reason
    assert found.again_at is None


def test_a_day_of_deferrals_ends_within_the_day():
    """What a relay that is down from the first minute on makes of one mail."""
    now, tries = NOON, 0
    while True:
        tries += 1
        found = decide(
            Outcome(kind=UNSENT),
            attempts=tries,
            due_at=NOON,
            now=now,
            policy=Policy(),
            jitter=(tries % 5) / 4,
        )
        if found.again_at is None:
            break
        assert found.again_at > now
        now = found.again_at
    assert NOON + 21 * HOUR < now <= NOON + 24 * HOUR
    assert 15 < tries < 25


@pytest.mark.parametrize("attempts", [1, 9])
@pytest.mark.parametrize("wait", [6.0, 3600.0])
def test_what_we_held_back_ourselves_comes_when_its_turn_does_and_had_no_try(attempts, wait):
    outcome = Outcome(kind=HELD, text="held back by our own limit", wait=wait)
    terms = {"attempts": attempts, "now": NOON, "policy": Policy(), "jitter": 1.0}
    found = decide(outcome, due_at=NOON, **terms)
    assert found.again_at == NOON + timedelta(seconds=wait)
    assert (found.counted, found.reason) == (False, "held back by our own limit")
    late = decide(outcome, due_at=NOON - 24 * HOUR, **terms)
    assert (late.state, late.counted) == (DeliveryState.REFUSED, False)
    tries = f"{attempts - 1} tries"
    assert late.reason == f"gave up after {tries}: held back by our own limit"
