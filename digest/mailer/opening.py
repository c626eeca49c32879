"""The mailer's room: how a connection comes about, step by step: greeting, EHLO, TLS, AUTH.

aiosmtplib does each step; they are taken one by one so that an error can name its own, and so that
nothing is said twice: EHLO again after STARTTLS (RFC 3207 section 4.2), never again after AUTH.
Then its transport is handed to a protocol of ours, with the driver that EHLO allows.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import cast

from aiosmtplib import SMTP, SMTPException, SMTPServerDisconnected
from aiosmtplib.protocol import SMTPProtocol

from digest.mailer.chunking import Chunking
from digest.mailer.conversation import Conversation
from digest.mailer.pipelining import Pipelining
from digest.mailer.relay import Relay
from digest.mailer.replies import unsent
from digest.mailer.sequential import Sequential
from digest.mailer.wire import Wire
from digest.model import Outcome
from digest.settings import Smtp

FAULTS = (SMTPException, OSError, ValueError)  # what aiosmtplib, asyncio and ssl raise

Step = tuple[str, Callable[[], Awaitable[object]]]


class NotOpened(Exception):  # noqa: N818 - the name says what happened
    """There is no connection; ``outcome`` is that of every mail that wanted one."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.text)
        self.outcome = outcome


async def connect(settings: Smtp, tls: ssl.SSLContext | None, hostname: str, relay: Relay) -> Wire:
    """Opens a connection as the settings say: with TLS where they say so, or not at all.

    Args:
        settings: the relay.
        tls: what certificates are verified with; not looked at where the settings say ``none``.
        hostname: who we are, for EHLO.
        relay: what is known of it.

    Raises:
        NotOpened: with the UNSENT outcome that says at which step, and the server's words.
    """
    password = settings.password.get_secret_value()
    redact = relay.redact
    smtp = SMTP(
        hostname=settings.host,
        port=settings.port,
        local_hostname=hostname,
        timeout=settings.timeout,
        use_tls=settings.tls == "tls",
        start_tls=False,  # a step of its own, below
        tls_context=tls,
    )
    steps: list[Step] = [("greeting", smtp.connect), ("EHLO", smtp.ehlo)]
    if settings.tls == "starttls":
        steps += [("STARTTLS", smtp.starttls), ("EHLO", smtp.ehlo)]
    if settings.username:
        steps += [("AUTH", lambda: smtp.login(settings.username, password))]
    protocol: SMTPProtocol | None = None
    try:
        for name, action in steps:
            with _step(f"{settings.host}:{settings.port}, {name}", redact):
                await action()
                protocol = _still_open(smtp)
        assert protocol is not None
        transport = cast("asyncio.Transport", protocol.transport)
        return Wire(transport, _driver(smtp, settings, relay), settings.timeout)
    except BaseException:
        if protocol and protocol.transport:
            cast("asyncio.WriteTransport", protocol.transport).abort()
        smtp.close()
        raise


def _driver(smtp: SMTP, settings: Smtp, relay: Relay) -> Conversation:
    """The fastest driver that the settings allow, EHLO offers and the relay has not forfeited."""
    offers = smtp.supports_extension
    sized, reports = offers("size"), relay.reports and offers("dsn")
    if not (settings.pipelining and relay.trusted and offers("pipelining")):
        return Sequential(relay, sized=sized, reports=reports)
    if settings.bdat_window and offers("chunking"):
        return Chunking(relay, sized=sized, reports=reports, flight=settings.bdat_window)
    return Pipelining(relay, sized=sized, reports=reports)


def _still_open(smtp: SMTP) -> SMTPProtocol:
    if not smtp.protocol or not smtp.protocol.is_connected:
        raise SMTPServerDisconnected("closed by the server")
    return smtp.protocol


@contextlib.contextmanager
def _step(where: str, redact: Callable[[str], str]) -> Iterator[None]:
    try:
        yield
    except FAULTS as error:
        code = max(getattr(error, "code", 0), 0)
        reason = redact(getattr(error, "message", "") or str(error))
        raise NotOpened(unsent(f"{where}: {reason}", code)) from error
