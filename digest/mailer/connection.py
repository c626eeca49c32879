"""The mailer's room: one connection to the relay, from the greeting to QUIT.

aiosmtplib connects, speaks TLS and logs in; then one mail after another goes through ``offer``:

    MAIL ─▶ RCPT ─▶ DATA ─▶ body ─▶ final dot ─▶ 250
    └───────────── unsent ───────┘  └─ in doubt ──┘     where the connection is lost

Its ``sendmail`` and ``data`` do not tell on which side of the dot a connection was lost, so the
message is written here: first the body, and once the last of it has left this process, the dot.
Lost before the dot was written, the server cannot have the whole mail. Once the dot was handed to
the socket nobody can know, and the mail is in doubt, although it may well have been on this side.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import cast

from aiosmtplib import (
    SMTP,
    SMTPException,
    SMTPResponse,
    SMTPResponseException,
)
from aiosmtplib.protocol import SMTPProtocol

from digest.errors import InputError
from digest.mailer.replies import (
    CLOSING,
    GO_AHEAD,
    Reply,
    accepted,
    in_doubt,
    refused,
    unsent,
)
from digest.mime import wire_address
from digest.model import Envelope, Outcome, OutcomeKind

GOODBYE = 2.0  # seconds at most for QUIT and its answer
FAULTS = (SMTPException, OSError, ValueError)  # what aiosmtplib, asyncio and ssl raise
OUT_OF_STEP = "an answer that does not belong here"


class Lost(Exception):  # noqa: N818 - the name says what happened
    """The connection is of no more use. The message says where it was lost."""


class NotOffered(Exception):  # noqa: N818
    """A connection that had served before was over when the mail's turn came: take another one."""


class Connection:
    """An open connection. ``served`` counts the mails that were offered over it."""

    def __init__(
        self, smtp: SMTP, protocol: SMTPProtocol, timeout: float, redact: Callable[[str], str]
    ) -> None:
        self._smtp, self._protocol, self._timeout = smtp, protocol, timeout
        self._redact = redact
        self._transport = cast("asyncio.WriteTransport", protocol.transport)
        # Nothing stays behind in this process once drain() returns (TLS may keep a part). Not 0:
        # asyncio's TLS transport pauses at "size >= high", so for ever.
        self._transport.set_write_buffer_limits(high=1, low=0)
        loop = asyncio.get_running_loop()
        self._writer = asyncio.StreamWriter(self._transport, protocol, None, loop)
        self._sized = smtp.supports_extension("size")
        self.served = 0

    @property
    def alive(self) -> bool:
        """Whether nobody has closed it yet, as far as this side knows."""
        return self._protocol.is_connected

    async def offer(self, envelope: Envelope) -> Outcome:
        """Takes one mail to its outcome. After it, ``alive`` says whether to go on here.

        Raises:
            NotOffered: the connection was over before the mail was named, and not the first time
                that it was used. The mail may be offered over another one.
        """
        try:
            message = _stuffed(envelope.data)
            sender = wire_address(envelope.sender, "sender") if envelope.sender else ""
        except (InputError, ValueError) as error:
            return unsent(str(error))
        try:
            recipient = wire_address(envelope.recipient, "recipient")
        except InputError as error:
            return Outcome(kind=OutcomeKind.REFUSED, text=str(error))
        try:
            return await self._transact(sender, recipient, message)
        except Lost as lost:
            return unsent(str(lost))
        except asyncio.CancelledError:
            self.abort()
            raise

    async def quit(self) -> None:
        """Says QUIT and closes, within two seconds."""
        try:
            with contextlib.suppress(*FAULTS):
                await self._smtp.quit(timeout=min(GOODBYE, self._timeout))
        finally:
            self.abort()

    def abort(self) -> None:
        """Closes at once; what was not written yet is thrown away."""
        self._transport.abort()
        self._smtp.close()

    # ── One mail ─────────────────────────────────────────────────────────────────────────────────

    async def _transact(self, sender: str, recipient: str, message: bytes) -> Outcome:
        verdict = await self._mail(sender, len(message))
        if verdict is None:
            verdict = await self._name(recipient)
        if verdict is not None:
            return verdict
        await self._write(message)
        return await self._finish()

    async def _mail(self, sender: str, size: int) -> Outcome | None:
        used, self.served = self.served > 0, self.served + 1
        options = [f"SIZE={size}"] if self._sized else []
        try:
            reply = await self._say("MAIL", f"FROM:<{sender}>", *options)
        except Lost as lost:
            if used:
                raise NotOffered(str(lost)) from lost
            raise
        if reply.good:
            return None
        if reply.code == CLOSING and used:
            self.abort()
            raise NotOffered(reply.text)
        outcome = self._turned_down(reply)
        about_the_sender = reply.refusal and reply.code != CLOSING
        return unsent(outcome.text, reply.code) if about_the_sender else outcome

    async def _name(self, recipient: str) -> Outcome | None:
        """RCPT and DATA. A refusal ends the transaction, so that the next MAIL can begin one."""
        reply = await self._say("RCPT", f"TO:<{recipient}>")
        if reply.good:
            reply = await self._say("DATA")
            if reply.code == GO_AHEAD:
                return None
        outcome = self._turned_down(reply)
        if self.alive:
            with contextlib.suppress(Lost):
                if not (await self._say("RSET")).good:
                    self.abort()
        return outcome

    def _turned_down(self, reply: Reply) -> Outcome:
        """What a reply before the dot that is no yes makes of the mail."""
        if reply.code == CLOSING or not reply.refusal:
            self.abort()
        if reply.refusal:
            return refused(reply)
        return unsent(f"{OUT_OF_STEP}: {reply.code} {reply.text}")

    async def _write(self, message: bytes) -> None:
        """Writes all but the dot and waits until it has left."""
        with self._losing("the message"):
            self._protocol.write(message)
            async with asyncio.timeout(self._timeout):
                await self._writer.drain()
            # A server that closed after its 354 is seen in the second turn of the loop: the first
            # one was planned before the loop looked at the socket again.
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def _finish(self) -> Outcome:
        with self._losing("the message"):
            self._protocol.write(b".\r\n")
        try:
            with self._losing("the end of the message"):
                response = await self._protocol.read_response(timeout=self._timeout)
        except Lost as lost:
            return in_doubt(str(lost))
        reply = self._reply(response)
        if reply.good:
            return accepted(reply)
        outcome = self._turned_down(reply)
        return outcome if reply.refusal else in_doubt(outcome.text)

    async def _say(self, verb: str, *words: str) -> Reply:
        """One command and its reply, whatever its code.

        Raises:
            Lost: there was no reply, or none that can be read; the connection is closed.
        """
        command = [word.encode("ascii") for word in (verb, *words)]
        with self._losing(verb):
            return self._reply(await self._smtp.execute_command(*command))

    def _reply(self, response: SMTPResponse) -> Reply:
        return Reply(response.code, self._redact(response.message))

    @contextlib.contextmanager
    def _losing(self, what: str) -> Iterator[None]:
        try:
            yield
        except (SMTPException, OSError) as error:
            self.abort()
            raise Lost(self._redact(_explain(error, what, self._timeout))) from error


def _explain(error: Exception, what: str, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer to {what} within {timeout:g} s"
    if isinstance(error, SMTPResponseException):
        return f"the answer to {what} cannot be read: {error.message}"
    return f"connection lost at {what}: {error}"


def _stuffed(data: bytes) -> bytes:
    """The message as DATA carries it, without its final dot (RFC 5321 section 4.5.2).

    Raises:
        ValueError: a bare CR or LF, which some servers take for the end of the message.
    """
    pairs = data.count(b"\r\n")
    if not data.endswith(b"\r\n") or data.count(b"\n") != pairs or data.count(b"\r") != pairs:
        raise ValueError("the message has a line that does not end with CRLF")
    stuffed = data.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if data.startswith(b".") else stuffed
