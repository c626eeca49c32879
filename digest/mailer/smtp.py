"""The mailer's room: the pool of connections, and windows of mails going over them.

    send(window) ─▶ a free lane (at most ``connections``) ─▶ its connection, opened when needed

The driver here is the sequential one: a command, its reply, the next command. Others take the same
windows through the same lanes.
"""

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from digest.errors import ConfigError
from digest.mailer.connection import Connection, NotOffered
from digest.mailer.opening import NotOpened, connect
from digest.mailer.replies import unsent
from digest.model import Envelope, Outcome, OutcomeKind
from digest.settings import Smtp

LOSSES = 3  # connections that one window may lose together with a mail before it gives up
PROPER_NAME = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


class SmtpMailer:
    """Sends over the relay of the settings. Belongs to the event loop in which it is used first.

    Connections stay open between windows and are closed after ``messages_per_connection``.
    ``hostname`` is who we are, for EHLO; by default the name of this machine.

    Raises:
        ConfigError: there is no host, or ``ca_file`` cannot be read.
    """

    def __init__(self, settings: Smtp, *, hostname: str = "") -> None:
        if not settings.host:
            raise ConfigError("smtp.host is not set")
        self._settings = settings
        self._tls = None if settings.tls == "none" else _trust(settings.ca_file)
        self._slots = asyncio.Semaphore(settings.connections)
        self._idle: list[Connection] = []
        self._hostname = hostname
        self._closed = False

    async def send(self, window: Sequence[Envelope]) -> list[Outcome]:
        """Sends the mails in their order; one Outcome each. See ``Mailer.send``."""
        outcomes: list[Outcome] = []
        async with self._lane() as lane:
            for envelope in window:
                outcomes.append(await lane.deliver(envelope))  # noqa: PERF401 - one after another
        return outcomes

    async def probe(self) -> None:
        """Opens a connection and closes it again, for the operator's peace of mind.

        Raises:
            ConfigError: the relay does not let us in; the message is its reply.
        """
        try:
            connection = await self._open()
        except NotOpened as error:
            where = f"{self._settings.host}:{self._settings.port}"
            raise ConfigError(f"smtp {where}: {error.outcome.text}") from error
        await connection.quit()

    async def close(self) -> None:
        """Says QUIT on every idle connection; a busy one is closed when its window is done."""
        self._closed = True
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.quit() for connection in idle))

    @contextlib.asynccontextmanager
    async def _lane(self) -> AsyncIterator["_Lane"]:
        async with self._slots:
            lane = _Lane(self._settings, self._open, self._take())
            try:
                yield lane
            except BaseException:
                if lane.connection:
                    lane.connection.abort()
                raise
            if not lane.connection or not lane.connection.alive:
                return
            if self._closed or lane.spent:
                await lane.connection.quit()
            else:
                self._idle.append(lane.connection)

    def _take(self) -> Connection | None:
        """The connection that was used last and is still open."""
        while self._idle:
            connection = self._idle.pop()
            if connection.alive:
                return connection
            connection.abort()
        return None

    async def _open(self) -> Connection:
        if not self._hostname:  # may ask DNS, so not in the loop
            name = await asyncio.to_thread(socket.getfqdn)
            # RFC 5321 section 4.1.4: a client without a proper name gives an address.
            self._hostname = name if PROPER_NAME.fullmatch(name) else "[127.0.0.1]"
        return await connect(self._settings, self._tls, self._hostname)


class _Lane:
    """One place in the pool, while one window goes over it."""

    def __init__(
        self,
        settings: Smtp,
        opener: Callable[[], Awaitable[Connection]],
        connection: Connection | None,
    ) -> None:
        self._limit, self._open = settings.messages_per_connection, opener
        self.connection = connection
        self._lost = 0
        self._given_up: Outcome | None = None

    @property
    def spent(self) -> bool:
        """Whether the connection has carried as many mails as it may."""
        return self.connection is not None and self.connection.served >= self._limit

    async def deliver(self, envelope: Envelope) -> Outcome:
        """One mail; once there is no way to the server, the rest is UNSENT at once."""
        if self._given_up:
            return self._given_up
        try:
            outcome = await self._offer(envelope)
        except NotOpened as error:
            self._given_up = error.outcome
            return error.outcome
        # A server that closes after taking a mail is in order: the window still gets on.
        alive = self.connection is not None and self.connection.alive
        if outcome.kind is not OutcomeKind.ACCEPTED and not alive:
            self._lost += 1
        if self._lost > LOSSES:
            text = f"gave up after losing {self._lost} connections, the last one: {outcome.text}"
            self._given_up = unsent(text, outcome.code)
        return outcome

    async def _offer(self, envelope: Envelope) -> Outcome:
        if self.connection and self.spent:
            await self.connection.quit()
        if not self.connection or not self.connection.alive:
            self.connection = await self._open()
        try:
            return await self.connection.offer(envelope)
        except NotOffered:
            self.connection = await self._open()
            return await self.connection.offer(envelope)


def _trust(ca_file: str) -> ssl.SSLContext:
    """Certificates are verified, against the system's authorities and that of ``ca_file``."""
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:  # ssl.SSLError is one
            reason = error.strerror or error
            raise ConfigError(f"smtp.ca_file: cannot read {ca_file}: {reason}") from error
    return context
