"""What follows from bounces: a table of statuses, a count of points, and what pauses a domain."""

from datetime import timedelta

import pytest
from make import DAY, HOUR, NOON, day, feedback

from digest.model import Action, FeedbackKind, History
from digest.suppression import (
    Policy,
    anonymous,
    judge,
    kind_of,
    sameness,
    score,
    status_of,
)

HARD, REFUSED, FULL = FeedbackKind.HARD, FeedbackKind.REFUSED, FeedbackKind.FULL
SOFT, POLICY, COMPLAINT = FeedbackKind.SOFT, FeedbackKind.POLICY, FeedbackKind.COMPLAINT
USUAL = Policy()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("5.1.1", HARD),  # no such mailbox
        ("5.1.2", HARD),  # no such domain
        ("5.1.3", HARD),
        ("5.1.6", HARD),  # moved, nobody says where
        ("5.1.10", HARD),  # null MX; Exchange: recipient not found
        ("5.2.1", HARD),  # disabled
        ("5.1.7", POLICY),  # our own address is what is wrong
        ("5.1.8", POLICY),
        ("5.2.2", FULL),
        ("4.2.2", FULL),
        ("5.3.4", SOFT),  # too large for it today
        ("5.0.0", REFUSED),
        ("5.4.1", REFUSED),
        ("5.6.0", REFUSED),
        ("5.1.0", REFUSED),
        ("5.7.1", POLICY),
        ("5.7.26", POLICY),  # Gmail: not authenticated
        ("5.7.515", POLICY),  # Outlook: the same
        ("4.7.28", POLICY),  # Gmail: too many mails from this machine
        ("4.4.1", SOFT),  # given up: their server did not answer
        ("4.3.0", SOFT),
        ("", REFUSED),  # a failure that says nothing
    ],
)
def test_a_status_says_whose_fault_it_is(status, kind):
    assert kind_of(status) == kind


@pytest.mark.parametrize(
    ("status", "text", "code", "found"),
    [
        ("5.1.1", "", 0, "5.1.1"),
        ("5.1.1 (bad destination mailbox address)", "", 0, "5.1.1"),
        ("5.0.0", "550 5.1.1 no such user", 0, "5.1.1"),  # Exim says 5.0.0 always
        ("5.0.0", "550 No such user", 0, "5.0.0"),
        ("5.0.0", "452 4.2.2 full", 0, "5.0.0"),  # another class: not the same answer
        ("", "550-5.7.26 This mail", 0, "5.7.26"),
        ("", "5.7.1 refused", 550, "5.7.1"),
        ("", "no such user", 550, "5.0.0"),
        ("", "host 192.0.2.5.1.1 said: 451 later", 0, "4.0.0"),  # an IP address is no status
        ("", "", 452, "4.0.0"),
        ("nonsense", "nonsense", 0, ""),
        ("05.01.001", "", 0, ""),
        ("5.001.001", "", 0, "5.1.1"),
    ],
)
def test_the_status_is_taken_from_where_it_is(status, text, code, found):
    assert status_of(status, text, code) == found


def test_a_servers_words_are_kept_without_anybodys_address():
    said = (
        "550 5.1.1 <ada@reader.example.net>: no such\r\nuser, ask root@example.net \x07" + "x" * 999
    )
    kept = anonymous(said)
    assert kept.startswith("550 5.1.1 <address>: no such user, ask <address> x")
    assert len(kept) == 300
    assert "@" not in kept


def test_refusals_are_equal_but_for_who_and_when():
    one = sameness("5.7.1", "550 5.7.1 ada@example.net blocked, see id=4f2a at 12:00")
    two = sameness("5.7.1", "550 5.7.1 Ben@example.net BLOCKED, see id=77bb at 13:09")
    assert one == two != sameness("5.7.1", "550 5.7.1 ada@example.net is unknown")


# ── The reader ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "action", "reason"),
    [
        (HARD, Action.SUPPRESS, "bounce: hard bounce 5.1.1"),
        (COMPLAINT, Action.SUPPRESS, "complaint"),  # no opt-in lifts it: it does not begin so
        (FeedbackKind.UNSUBSCRIBE, Action.LEAVE, "unsubscribed by mail"),
        (POLICY, Action.COUNT, "the sender was refused, not the reader"),
        (SOFT, Action.COUNT, "1 of 5 points"),
        (REFUSED, Action.COUNT, "2 of 5 points"),
        (FeedbackKind.UNVERIFIED, Action.IGNORE, "nothing proves that it is about a mail of ours"),
    ],
)
def test_the_first_event_of_an_address(kind, action, reason):
    ruling = judge(feedback(kind=kind, status="5.1.1"), History(), USUAL)
    assert (ruling.action, ruling.reason) == (action, reason)


def days(*events, start=NOON):
    """Events, a day each: kinds, or None for a day without."""
    return [
        feedback(n, kind, at=start + n * DAY) for n, kind in enumerate(events) if kind is not None
    ]


@pytest.mark.parametrize(
    ("events", "points"),
    [
        (days(SOFT), 1),
        (days(FULL, FULL, FULL, FULL, FULL), 5),
        (days(REFUSED, REFUSED, SOFT), 5),
        (days(POLICY, POLICY, COMPLAINT), 0),  # no points: another matter
        ([feedback(n, SOFT, at=NOON + n * HOUR) for n in range(8)], 1),  # one a day
        ([feedback(1, SOFT), feedback(2, REFUSED), feedback(3, FULL)], 2),  # the gravest of a day
        (days(SOFT, *[None] * 29, SOFT), 1),  # thirty days later: anew
        (days(SOFT, *[None] * 28, SOFT), 2),
    ],
)
def test_points_add_up_a_day_at_a_time(events, points):
    assert score(events, (), USUAL) == points


def test_seven_days_of_accepted_mail_clear_an_address():
    events = [*days(SOFT, SOFT), feedback(9, SOFT, at=NOON + 9 * DAY)]
    assert score(events, [day(n) for n in range(2, 9)], USUAL) == 1
    assert score(events, [day(n) for n in range(2, 8)], USUAL) == 3
    assert score(events, [day(2)] * 7, USUAL) == 3  # one day, however many mails
    assert score(events, [day(n) for n in range(10, 20)], USUAL) == 3  # after, not between


def test_the_fifth_point_suppresses_until_a_new_opt_in():
    *before, last = days(FULL, FULL, FULL, FULL, FULL)
    assert judge(before[-1], History(events=before[:-1]), USUAL).action is Action.COUNT
    ruling = judge(last, History(events=before), USUAL)
    assert (ruling.action, ruling.reason) == (Action.SUPPRESS, "bounce: mailbox full 4.4.1")


# ── The domain ───────────────────────────────────────────────────────────────────────────────────


def history(**over):
    offered = over.pop("offered", 0)
    return History(domain="example.org", offered=lambda: offered, **over)


@pytest.mark.parametrize(
    ("kind", "known", "paused"),
    [
        (POLICY, history(equal=9, offered=9), False),
        (POLICY, history(equal=10, offered=10), True),
        (POLICY, history(equal=10, offered=100), True),  # a tenth of what went there
        (POLICY, history(equal=10, offered=101), False),  # some readers forward their mail
        (HARD, history(equal=10, offered=20), True),  # a server that denies everybody is ill
        (HARD, history(equal=10, offered=5000), False),  # a large one with some dead addresses
        (SOFT, history(equal=10, offered=10), True),
        (FULL, history(equal=50, offered=50), False),  # each mailbox for itself
        (COMPLAINT, history(complaints=1, offered=100), True),  # one in a hundred: too many
        (COMPLAINT, history(complaints=1, offered=0), True),
        (COMPLAINT, history(complaints=5, offered=5000), False),  # 0.1 %, as Gmail wants at most
        (COMPLAINT, history(complaints=6, offered=5000), True),
        (POLICY, History(equal=10), False),  # nobody's any more: no domain
    ],
)
def test_complaints_and_many_equal_refusals_pause_a_domain(kind, known, paused):
    ruling = judge(feedback(kind=kind), known, USUAL)
    assert bool(ruling.pause) == paused
    if paused:
        assert (ruling.pause.domain, ruling.pause.since) == ("example.org", NOON)
        assert ruling.pause.until == NOON + timedelta(hours=6)


def test_the_alert_says_why():
    refused = feedback(kind=POLICY, status="5.7.1", text="550 5.7.1 blocked")
    assert judge(refused, history(equal=12), USUAL).pause.reason == (
        "12 equal refusals: 5.7.1 550 5.7.1 blocked"
    )
    complained = judge(feedback(kind=COMPLAINT), history(complaints=2), USUAL)
    assert complained.pause.reason == "complaints: 2 within 24 hours"
