"""Who is a reader, and what may be written to whom."""

import pytest
from make import day, subscriber

from digest.membership import Answer, barred, on_confirm, on_sign_up
from digest.model import MailKind, SubscriberState

PENDING, ACTIVE, LEFT = SubscriberState
DIGEST, CONFIRM, KNOWN, CHANGE = MailKind


@pytest.mark.parametrize(
    ("state", "asked", "after", "letter"),
    [
        (None, 1, PENDING, CONFIRM),  # somebody new
        (PENDING, 2, PENDING, CONFIRM),  # the first letter was lost
        (LEFT, 1, PENDING, CONFIRM),  # coming back needs a new yes
        (ACTIVE, 1, ACTIVE, KNOWN),  # told by mail, since the page must not tell anybody
        # The limit itself is in order, what is above it is silent.
        (None, 3, PENDING, CONFIRM),
        (None, 4, PENDING, None),
        (PENDING, 4, PENDING, None),
        (LEFT, 4, PENDING, None),
        (ACTIVE, 4, ACTIVE, None),
    ],
)
def test_what_a_sign_up_leads_to(state, asked, after, letter):
    assert on_sign_up(state, asked, 3) == Answer(after, letter)


@pytest.mark.parametrize(
    ("suppressed", "answer"),
    [
        ("bounce: mailbox full 4.2.2", Answer(PENDING, CONFIRM)),  # the letter tries it anew
        ("complaint", Answer(ACTIVE, KNOWN)),  # and that letter is barred
        (None, Answer(ACTIVE, KNOWN)),
    ],
)
def test_an_active_reader_whose_mail_bounced_confirms_anew(suppressed, answer):
    assert on_sign_up(ACTIVE, 1, 3, suppressed) == answer


@pytest.mark.parametrize(
    ("state", "after"),
    [
        (PENDING, ACTIVE),
        (ACTIVE, ACTIVE),  # again is as good as once
        (LEFT, None),  # the link is older than the goodbye
        (None, None),  # erased since
    ],
)
def test_what_a_confirmation_leads_to(state, after):
    assert on_confirm(state) is after


@pytest.mark.parametrize("state", [PENDING, ACTIVE, LEFT])
@pytest.mark.parametrize("kind", list(MailKind))
def test_who_complained_gets_nothing_at_all(state, kind):
    reader = subscriber(state=state, pending_email="new@example.org")
    assert barred(reader, kind, "complaint", day()) == "suppressed: complaint"


@pytest.mark.parametrize(
    ("state", "kind", "may_go"),
    [
        (PENDING, DIGEST, False),  # no mail before the yes
        (PENDING, CONFIRM, True),
        (PENDING, KNOWN, False),
        (PENDING, CHANGE, False),
        (ACTIVE, DIGEST, True),
        (ACTIVE, CONFIRM, False),  # confirmed since it was queued
        (ACTIVE, KNOWN, True),
        (ACTIVE, CHANGE, True),
        (LEFT, DIGEST, False),
        (LEFT, CONFIRM, False),
        (LEFT, KNOWN, False),
        (LEFT, CHANGE, False),
    ],
)
def test_which_mail_may_go_to_whom(state, kind, may_go):
    reader = subscriber(state=state, pending_email="new@example.org")
    assert (barred(reader, kind, None, day()) == "") is may_go


@pytest.mark.parametrize("reason", ["bounce", "bounce: 550 no such user"])
def test_a_bounce_stops_all_but_the_mail_that_can_lift_it(reason):
    assert barred(subscriber(state=PENDING), CONFIRM, reason, None) == ""
    assert barred(subscriber(), DIGEST, reason, day()) == f"suppressed: {reason}"
    assert barred(subscriber(), KNOWN, reason, None) == f"suppressed: {reason}"


def test_a_change_of_address_that_was_withdrawn_does_not_go():
    assert barred(subscriber(), CHANGE, None, None) == "the change of address was withdrawn"


def test_who_moves_from_an_address_that_bounces_is_asked_at_the_new_one():
    mover = subscriber(pending_email="new@example.org")
    assert barred(mover, CHANGE, "bounce: 5.1.1", None) == ""
    assert barred(mover, CHANGE, "complaint", None) == "suppressed: complaint"


@pytest.mark.parametrize(
    ("until", "kind", "may_go"),
    [
        (day(1), DIGEST, False),
        (day(), DIGEST, True),  # the pause ends that day
        (day(-1), DIGEST, True),
        (None, DIGEST, True),
        (day(1), KNOWN, True),  # letters are answers to what somebody did
    ],
)
def test_a_pause_holds_up_digests_until_its_day(until, kind, may_go):
    reader = subscriber(paused_until=until)
    assert (barred(reader, kind, None, day()) == "") is may_go
