"""The built-in catch-all inbox of the demonstration: takes every mail over real SMTP, keeps it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from digest.model import ReceivedMail

MOST_MAILS = 500

_log = logging.getLogger(__name__)


class CatchAll:
    """An SMTP server on loopback, on a free port, within the running event loop.

    Args:
        clock: when a mail arrived.
        save_to: a folder that gets every mail as an .eml file.
    """

    def __init__(self, clock: Callable[[], datetime], save_to: Path | None = None) -> None:
        self._clock = clock
        self._save_to = save_to
        self._mails: list[ReceivedMail] = []
        self._begun = self._count = 0  # a mail is counted once it is kept
        self._arrived = asyncio.Condition()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Listens while the block runs; gives the port. The mails stay."""
        if self._save_to:
            self._save_to.mkdir(parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(self, loop=loop), "127.0.0.1", 0)
        async with server:
            yield int(server.sockets[0].getsockname()[1])

    def received(self) -> Sequence[ReceivedMail]:
        """All mails, newest first."""
        return list(reversed(self._mails))

    async def wait_for(self, count: int, seconds: float) -> bool:
        """Waits until ``count`` mails have arrived in all; False when they did not in time."""
        async with self._arrived:
            there = self._arrived.wait_for(lambda: self._count >= count)
            try:
                await asyncio.wait_for(there, seconds)
            except TimeoutError:
                return False
        return True

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Takes a mail."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self._begun = number = self._begun + 1
        self._mails.append(self._kept(number, content, ", ".join(envelope.rcpt_tos)))
        del self._mails[:-MOST_MAILS]
        if self._save_to:
            path = self._save_to / f"{number:03}.eml"
            await asyncio.to_thread(path.write_bytes, content)
        async with self._arrived:
            self._count += 1
            self._arrived.notify_all()
        return "250 2.0.0 kept"

    def _kept(self, number: int, content: bytes, to: str) -> ReceivedMail:
        """The mail as far as it can be read; its bytes in any case."""
        plain = ReceivedMail(
            id=number,
            subject="",
            sender="",
            to=to,
            at=self._clock(),
            size=len(content),
            headers=[],
            text="",
            html="",
            source=content.decode("utf-8", "replace"),
        )
        try:
            return replace(plain, **_read(content))
        except Exception:  # noqa: BLE001 - the library stumbles over broken mails in many ways
            _log.warning("mail=%s cannot be read, only its source is shown", number)
            return plain


def _read(content: bytes) -> dict[str, Any]:
    mail = message_from_bytes(content, policy=default)
    assert isinstance(mail, EmailMessage)
    return {
        "subject": str(mail["subject"] or ""),
        "sender": str(mail["from"] or ""),
        "headers": [(name, str(value)) for name, value in mail.items()],
        "text": _part(mail, "plain"),
        "html": _part(mail, "html"),
    }


def _part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body(preferencelist=(kind,))
    return str(body.get_content()) if body else ""
