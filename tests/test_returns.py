"""What comes back, from the bytes to what follows: believed with a token, else changing nothing."""

import random
import re
from urllib.parse import unquote

import pytest
from bounced import READER, complaint, dsn, exchange, exim, gmail, old_exim, original, written
from make import DAY, NOON, consent, preferences
from sqlalchemy import select
from test_mime import LIST

from digest import links
from digest.links import Signer
from digest.mime import list_headers
from digest.model import (
    Action,
    Claim,
    DeliveryReport,
    MailKind,
    Notice,
    NoticeKind,
    Outcome,
    OutcomeKind,
    SubscriberState,
)
from digest.returns import Returns
from digest.store.tables import FEEDBACK, SUPPRESSION
from digest.subscriptions import Limits, Subscriptions
from digest.suppression import Policy
from digest.verp import Mailbox, mark, unsubscribe_address, verp

SIGNER = Signer("an invented key that signs nothing outside of the tests")
BOX = Mailbox(local="bounce", domain="bounce.example.org")
LEAVE = Mailbox(local="unsubscribe", domain="bounce.example.org")
SENDER = verp(SIGNER, 4711, READER, BOX)
FORGED = verp(Signer("a key of somebody else's"), 4711, READER, BOX)
SUPPRESS, COUNT, IGNORE, LEFT = Action.SUPPRESS, Action.COUNT, Action.IGNORE, Action.LEAVE


@pytest.fixture
def returns(store):
    """Takes what comes back; ada is an active reader."""
    subscriptions = Subscriptions(store, SIGNER, Limits(), "Yes, please.")
    subscriptions.add([(READER, preferences())], NOON - 9 * DAY)
    return Returns(store, SIGNER, Policy())


def ada(store):
    return store.roster.find(fingerprint=mark(SIGNER, READER))


def suppressed(store):
    with store._database.read() as connection:
        return {row.fingerprint: row.reason for row in connection.execute(select(SUPPRESSION))}


def events(store):
    with store._database.read() as connection:
        return list(connection.execute(select(FEEDBACK).order_by(FEEDBACK.c.id)))


# ── Bounces ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("mail", "kind", "action"),
    [
        (dsn(SENDER), "hard bounce", SUPPRESS),
        (dsn(SENDER.upper()), "hard bounce", SUPPRESS),
        (exchange(SENDER), "hard bounce", SUPPRESS),
        (exim(SENDER, reply="550 5.1.1 unknown user"), "hard bounce", SUPPRESS),
        (old_exim(SENDER), "hard bounce", SUPPRESS),
        (exim(SENDER), "refused", COUNT),
        (gmail(SENDER), "mailbox full", COUNT),
        (dsn(SENDER, status="4.4.1", diagnostic=""), "soft bounce", COUNT),
        (dsn(SENDER, status="5.7.1", diagnostic="smtp; 550 blocked"), "policy", COUNT),
        (dsn(SENDER, action="delayed", status="4.4.1"), "delivery report", IGNORE),
        (dsn(SENDER, action="relayed", status="2.0.0"), "delivery report", IGNORE),
        (dsn(SENDER, action="delivered", status="2.0.0"), "delivery report", IGNORE),
        (dsn("bounce@bounce.example.org", sender=SENDER), "hard bounce", SUPPRESS),
    ],
)
def test_a_bounce_with_our_token_counts(returns, store, mail, kind, action):
    taken = returns.mail(mail, (), NOON)
    assert (taken.kind, taken.action) == (kind, action)
    assert (mark(SIGNER, READER) in suppressed(store)) == (action is SUPPRESS)
    assert len(events(store)) == (action is not IGNORE)


def test_what_is_kept_names_nobody(returns, store):
    returns.mail(dsn(SENDER), (), NOON)
    (event,) = events(store)
    assert (event.delivery_id, event.domain, event.status) == (4711, "reader.example.net", "5.1.1")
    assert event.text == "550 5.1.1 <address>: no such user"
    assert "ada" not in str(tuple(event))


def test_the_same_report_twice_is_one_event(returns, store):
    assert [returns.mail(dsn(SENDER), (), NOON + n * DAY).action for n in range(2)] == [
        SUPPRESS,
        IGNORE,
    ]
    assert len(events(store)) == 1


@pytest.mark.parametrize(
    "mail",
    [
        dsn(FORGED),
        dsn("bounce@bounce.example.org"),
        dsn(FORGED, head="Authentication-Results: digest.example.org; dkim=pass\n"),
        dsn(READER),
        exim("bounce+@bounce.example.org"),
        complaint("fbl@bounce.example.org"),
        complaint("fbl@bounce.example.org", mail_from=FORGED),
        written("unsubscribe@bounce.example.org"),
        written(unsubscribe_address(Signer("another"), "key", LEAVE)),
        written("bounce@bounce.example.org", "unsubscribe " + READER),
        b"\0\0\0",
        b"",
    ],
)
def test_what_is_forged_or_unreadable_is_kept_and_changes_nothing(returns, store, mail):
    taken = returns.mail(mail, ("bounce@bounce.example.org",), NOON)
    assert taken.action is IGNORE
    assert suppressed(store) == {}
    assert ada(store).state is SubscriberState.ACTIVE
    assert [event.kind for event in events(store)] == ["unverified"]
    returns.mail(mail, ("bounce@bounce.example.org",), NOON)
    assert len(events(store)) == 1


def test_an_answer_to_the_envelope_sender_is_ignored(returns, store):
    for mail in (
        written(SENDER, "Re: 12 papers", Auto_Submitted="auto-replied"),
        written(SENDER, "Thank you"),
    ):
        assert returns.mail(mail, (), NOON).action is IGNORE
    assert ada(store).state is SubscriberState.ACTIVE
    assert events(store) == []


def test_a_late_bounce_of_the_old_address_leaves_the_new_one_alone(returns, store):
    new = mark(SIGNER, "ada@new.example")
    assert store.subscribers.change(ada(store).key, "ada@new.example", new, consent("moved"))
    assert returns.mail(dsn(SENDER), (), NOON).action is SUPPRESS
    assert list(suppressed(store)) == [mark(SIGNER, READER)]


def test_a_bounce_of_who_was_deleted_still_counts(returns, store):
    store.subscribers.erase(ada(store).key)
    assert returns.mail(dsn(SENDER), (), NOON).action is SUPPRESS
    assert list(suppressed(store)) == [mark(SIGNER, READER)]


# ── Complaints ───────────────────────────────────────────────────────────────────────────────────


def https_link(store):
    return f"<https://digest.example.org/unsubscribe/{SIGNER.token('unsubscribe', ada(store).key)}>"


def mailto_link(store):
    return f"<mailto:{unsubscribe_address(SIGNER, ada(store).key, LEAVE)}>"


@pytest.mark.parametrize("link", [https_link, mailto_link])
def test_a_complaint_is_known_by_the_link_of_the_mail_it_is_about(returns, store, link):
    # Providers hide who complained; the mail's own links are left in it.
    mail = complaint(
        "fbl@example.org", inside=original("<>", f"<https://x.example/>, {link(store)}")
    )
    assert returns.mail(mail, (), NOON).action is SUPPRESS
    assert suppressed(store) == {mark(SIGNER, READER): "complaint"}


@pytest.mark.parametrize("where", ["Original-Mail-From", "Return-Path", "recipient"])
def test_a_complaint_is_known_by_the_envelope_sender(returns, store, where):
    mail = complaint(
        SENDER if where == "recipient" else "fbl@example.org",
        mail_from=SENDER if where == "Original-Mail-From" else "",
        inside=original(SENDER) if where == "Return-Path" else "",
    )
    assert returns.mail(mail, (), NOON).action is SUPPRESS
    assert store.bounces.paused_domains(NOON) == {"reader.example.net"}


def test_the_same_complaint_twice_is_one_event(returns, store):
    mail = complaint("fbl@example.org", inside=original("<>", mailto_link(store)))
    taken = [returns.mail(mail, (), NOON + n * DAY).action for n in range(2)]
    assert taken == [SUPPRESS, IGNORE]


def test_a_report_of_no_spam_changes_nothing(returns, store):
    assert returns.mail(complaint(SENDER, kind="not-spam"), (), NOON).action is IGNORE
    assert suppressed(store) == {}


# ── Leaving by mail ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", ["address", "envelope", "subject", "broken", "generated"])
def test_a_mail_to_the_readers_own_address_ends_the_subscription(returns, store, how):
    to = unsubscribe_address(SIGNER, ada(store).key, LEAVE)
    token = to.partition("+")[2].partition("@")[0]
    mail, recipients = {
        "address": (written(to.upper()), ()),
        "envelope": (written("undisclosed@example.org"), (to,)),
        "subject": (written("unsubscribe@bounce.example.org", token), ()),
        "broken": (b'Content-Type: a/b; x="' + b";" * 9000, (to,)),
        "generated": (written(to, Auto_Submitted="auto-generated"), ()),
    }[how]
    assert returns.mail(mail, recipients, NOON).action is LEFT
    assert ada(store).state is SubscriberState.LEFT
    assert returns.mail(mail, recipients, NOON).note == "left before"
    assert suppressed(store) == {}  # who left may come back


def test_an_automatic_reply_unsubscribes_nobody(returns, store):
    to = unsubscribe_address(SIGNER, ada(store).key, LEAVE)
    for mail in (written(to, Auto_Submitted="auto-replied"), dsn(to)):
        assert returns.mail(mail, (), NOON).action is IGNORE
    assert ada(store).state is SubscriberState.ACTIVE


# ── Refused at the door ──────────────────────────────────────────────────────────────────────────


def claim(store, number=4711):
    return Claim(
        delivery_id=number,
        kind=MailKind.DIGEST,
        edition_id="e",
        subscriber=ada(store),
        address=READER,
        paper_ids=(),
        attempts=1,
        due_at=NOON,
    )


@pytest.mark.parametrize(
    ("outcome", "kind", "action"),
    [
        (Outcome(kind=OutcomeKind.REFUSED, code=550, text="5.1.1 no"), "hard bounce", SUPPRESS),
        (Outcome(kind=OutcomeKind.REFUSED, code=550, text="no such user"), "refused", COUNT),
        (Outcome(kind=OutcomeKind.REFUSED, code=554, text="5.7.1 policy"), "policy", COUNT),
        (Outcome(kind=OutcomeKind.REFUSED, code=552, text="5.2.2 full"), "mailbox full", COUNT),
        # Given up after its deadline: what the last try was told.
        (Outcome(kind=OutcomeKind.DEFERRED, code=452, text="4.2.2 full"), "mailbox full", COUNT),
        (Outcome(kind=OutcomeKind.DEFERRED, code=451, text="later"), "soft bounce", COUNT),
    ],
)
def test_a_refusal_at_the_door_feeds_the_same_rule(returns, store, outcome, kind, action):
    (taken,) = returns.refused([(claim(store), outcome)], NOON)
    assert (taken.kind, taken.action) == (kind, action)
    assert (mark(SIGNER, READER) in suppressed(store)) == (action is SUPPRESS)


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(kind=OutcomeKind.REFUSED, text="recipient: cannot be written"),  # our own words
        Outcome(kind=OutcomeKind.UNSENT, code=454, text="no TLS"),
        Outcome(kind=OutcomeKind.UNSENT, text="connection refused"),
        Outcome(kind=OutcomeKind.IN_DOUBT, text="lost"),
        Outcome(kind=OutcomeKind.ACCEPTED, code=250, text="taken"),
    ],
)
def test_what_no_server_said_of_the_reader_is_passed_over(returns, store, outcome):
    assert returns.refused([(claim(store), outcome)], NOON) == []
    assert events(store) == []


def test_a_refusal_and_its_report_are_one_event(returns, store):
    refused = Outcome(kind=OutcomeKind.REFUSED, code=550, text="unknown")
    assert returns.refused([(claim(store), refused)], NOON)[0].action is COUNT
    assert returns.mail(dsn(SENDER, status="5.0.0", diagnostic=""), (), NOON).action is IGNORE
    assert len(events(store)) == 1


# ── What a provider signed ───────────────────────────────────────────────────────────────────────


def notice(store, *, signed=True, recipient=READER, mail="2026011512", domain="example.org"):
    name = links.message_id(SIGNER, mail, ada(store).key, domain)
    report = DeliveryReport(action="failed", status="5.1.1", recipient=recipient)
    return Notice(kind=NoticeKind.DELIVERY, reports=(report,), message_id=name, signed=signed)


def test_a_signed_message_that_names_a_mail_of_ours_counts(returns, store):
    assert returns.take(notice(store), "ses", NOON).action is SUPPRESS
    assert list(suppressed(store)) == [mark(SIGNER, READER)]


def test_without_a_signature_a_message_id_proves_nothing(returns, store):
    assert returns.take(notice(store, signed=False), "mail", NOON).action is IGNORE
    assert suppressed(store) == {}


def test_a_signed_message_about_a_mail_we_did_not_make_changes_nothing(returns, store):
    good = notice(store)
    wrong = [
        notice(store, recipient="ben@reader.example.net"),  # a reader whom nobody knows
        Notice(kind=good.kind, reports=good.reports, message_id="<other@example.org>", signed=True),
        Notice(kind=good.kind, reports=good.reports, signed=True),
        Notice(
            kind=good.kind,
            reports=good.reports,
            message_id=good.message_id.replace("d.2026", "d.2027"),
            signed=True,
        ),
    ]
    for one in wrong:
        assert returns.take(one, "ses", NOON).action is IGNORE
    assert suppressed(store) == {}


# ── Hostile ──────────────────────────────────────────────────────────────────────────────────────


def test_no_damaged_mail_breaks_it_or_hits_anybody_else(returns, store):
    draw = random.Random(5965)  # noqa: S311 - guards nothing
    shapes = [dsn(SENDER), exim(SENDER), exchange(SENDER), complaint(SENDER), written(SENDER)]
    for number in range(150):
        mail = bytearray(shapes[number % len(shapes)])
        for _ in range(draw.randrange(1, 40)):
            mail[draw.randrange(len(mail))] = draw.randrange(256)
        returns.mail(bytes(mail), ("\udcff\0@\u2028",), NOON)
    assert suppressed(store).keys() <= {mark(SIGNER, READER)}


def test_the_mails_own_header_offers_the_address_that_is_read(store, returns):  # noqa: ARG001
    to = unsubscribe_address(SIGNER, ada(store).key, LEAVE)
    headers = dict(list_headers(**LIST, unsubscribe_mailto=to))
    (offered,) = re.findall(r"<mailto:([^>?]+)", headers["List-Unsubscribe"])
    assert unquote(offered) == to
