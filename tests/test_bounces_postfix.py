"""The whole way with a real Postfix: our mail goes out through it, its reports come back to us.

Far end: smtplab, which misbehaves by recipient. Postfix gives up after four seconds here.
"""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from make import NOON, preferences
from postfix import Postfix, free_port
from test_mime import MAIL
from website import Clock, fresh_app

from digest import loop
from digest.intake import bounce_box, unsubscribe_box
from digest.mailer.smtp import SmtpMailer
from digest.mime import compose
from digest.model import Envelope, OutcomeKind, SubscriberState
from digest.verp import mark, unsubscribe_address, verp

pytestmark = [pytest.mark.usefixtures("postfix_installed"), pytest.mark.timeout(180)]

SMTPLAB = Path(__file__).parents[2] / "shared" / "tools" / "smtplab" / "smtplab.py"
BOUNCES = "bounce.example.org"
IMPATIENT = {
    "default_transport": "smtp:[127.0.0.1]:{far}",
    "transport_maps": "inline:{{{{ " + BOUNCES + "=lmtp:inet:127.0.0.1:{ours} , "
    "closed.example=smtp:[127.0.0.1]:{closed} }}}}",
    "smtpd_recipient_restrictions": "permit_mynetworks, reject",
    "maximal_queue_lifetime": "4s",
    "bounce_queue_lifetime": "60s",
    "minimal_backoff_time": "1s",
    "maximal_backoff_time": "1s",
    "queue_run_delay": "1s",
    "smtp_connect_timeout": "2s",
    "lmtp_connect_timeout": "2s",
}
# What the far end does by the recipient's name, and what must come of it.
EXPECTED = {
    "bounce-ada@reader.example": ("hard bounce", "suppressed", "5.1.1"),
    "full-ben@reader.example": ("mailbox full", "counted", "4.2.2"),
    "policy-cyd@reader.example": ("policy", "counted", "5.7.1"),
    "dan@closed.example": ("soft bounce", "counted", "4.4.1"),
}
FINE = ["grey-eve@reader.example", "fay@reader.example"]


@contextmanager
def smtplab(ledger: Path, *options: str) -> Iterator[int]:
    """The far end; its port."""
    if not SMTPLAB.exists():
        pytest.skip("smtplab is not beside this checkout")
    command = [sys.executable, SMTPLAB, "serve", "--port", "0", "--ledger", ledger, *options]
    quiet = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=quiet) as process:
        try:
            yield int(process.stdout.readline().split(",")[0].rpartition(":")[2])
        finally:
            process.terminate()


@pytest.fixture
def app(tmp_path):
    """An installation that takes bounces for its domain."""
    found = fresh_app(f"sqlite:///{tmp_path}/digest.db", Clock(), bounces={"domain": BOUNCES})
    yield found
    found.store.close()


@contextmanager
def relay(far: int, ours: int) -> Iterator[Postfix]:
    """A Postfix that sends to the far end, and reports to us."""
    ports = {"far": far, "ours": ours, "closed": free_port()}
    parameters = {name: value.format(**ports) for name, value in IMPATIENT.items()}
    with Postfix(parameters=parameters) as running:
        yield running


async def send(app, port: int, *envelopes: Envelope):
    """Over our own mailer."""
    smtp = app.settings.smtp.model_copy(update={"host": "127.0.0.1", "port": port, "tls": "none"})
    mailer = SmtpMailer(smtp)
    try:
        return await mailer.send(envelopes)
    finally:
        await mailer.close()


def envelope(app, number: int, recipient: str, sender: str = "") -> Envelope:
    """A mail under a VERP address."""
    name = f"<d.{number}.0123456789abcdef01234567@digest.example.org>"
    mail = replace(MAIL, recipient=recipient, message_id=name)
    box = bounce_box(app.settings.bounces)
    return Envelope(
        sender=sender or verp(app.signer, number, recipient, box),
        recipient=recipient,
        message_id=name,
        data=compose(mail),
        trace=name[1:].partition("@")[0],
    )


def test_every_kind_of_failure_comes_back_and_is_understood(app, tmp_path, monkeypatch):
    readers, reports = [*EXPECTED, *FINE], []
    take = app.intake.returns.mail

    def kept(data, *rest):
        reports.append(data)
        return take(data, *rest)

    monkeypatch.setattr(app.intake.returns, "mail", kept)
    app.subscriptions.add([(one, preferences()) for one in readers], NOON)

    async def journey(far: int) -> None:
        async with app.intake.listening(port=0) as ours:
            with relay(far, ours) as postfix:
                mails = [envelope(app, n, one) for n, one in enumerate(readers, 1)]
                outcomes = await send(app, postfix.port, *mails)
                assert {one.kind for one in outcomes} == {OutcomeKind.ACCEPTED}
                taken = r"to=<bounce\+.*status=sent \(250 2\.0\.0 taken\)"
                await asyncio.to_thread(postfix.said, taken, times=len(EXPECTED), timeout=90)
                for name in FINE:
                    arrived = rf"to=<{name}>.*status=sent"
                    await asyncio.to_thread(postfix.said, arrived, timeout=90)
                # Whoever had it deferred at first got it: that was no bounce.
                assert postfix.said(r"to=<grey-eve@.*status=deferred")

    with smtplab(tmp_path / "ledger.jsonl", "--grey-seconds", "1") as far:
        loop.run(journey(far))
    marks = {mark(app.signer, one): one for one in readers}
    found = {
        marks[event.fingerprint]: (event.kind.value, action.value, event.status)
        for event, action, _ in app.store.bounces.recent()
    }
    assert found == EXPECTED
    assert not any("@" in event.text for event, _, _ in app.store.bounces.recent())
    assert {event.delivery_id for event, _, _ in app.store.bounces.recent()} == {1, 2, 3, 4}
    # They name the mail as it was called (ENVID), and bring back its headers alone (RET=HDRS).
    named = [re.search(rb"Original-Envelope-Id: (d\.\d)\.", one)[1] for one in reports]
    assert sorted(named) == [b"d.1", b"d.2", b"d.3", b"d.4"]
    assert all(b"Content-Type: text/rfc822-headers" in one for one in reports)


def test_a_mail_to_the_unsubscribe_address_ends_the_subscription(app):
    app.subscriptions.add([("fay@reader.example", preferences())], NOON)
    fay = app.store.roster.find(fingerprint=mark(app.signer, "fay@reader.example"))
    to = unsubscribe_address(app.signer, fay.key, unsubscribe_box(app.settings.bounces))

    async def journey() -> None:
        async with app.intake.listening(port=0) as ours:
            with relay(free_port(), ours) as postfix:
                mail = envelope(app, 1, to, sender="fay@reader.example")
                await send(app, postfix.port, mail)
                await asyncio.to_thread(postfix.said, r"to=<unsubscribe\+.*status=sent")

    loop.run(journey())
    assert app.store.roster.find(key=fay.key).state is SubscriberState.LEFT


def test_postfix_comes_again_where_we_could_not_store(app, monkeypatch):
    """The database is away when the report comes: it waits with Postfix, and nothing is lost."""
    app.subscriptions.add([("dan@closed.example", preferences())], NOON)
    take, faults = app.intake.returns.mail, [OSError("disk full")]

    def faulty(*given):
        if faults:
            raise faults.pop()
        return take(*given)

    monkeypatch.setattr(app.intake.returns, "mail", faulty)

    async def journey() -> None:
        async with app.intake.listening(port=0) as ours:
            with relay(free_port(), ours) as postfix:
                await send(app, postfix.port, envelope(app, 1, "dan@closed.example"))
                await asyncio.to_thread(postfix.said, r"to=<bounce\+.*deferred.*451 4\.3\.0")
                await asyncio.to_thread(postfix.said, r"to=<bounce\+.*status=sent", timeout=60)

    loop.run(journey())
    assert [event.kind.value for event, _, _ in app.store.bounces.recent()] == ["soft bounce"]
