"""The mailer's room: the pool of connections, and windows of mails going over them.

send(window) ─▶ a free lane (at most ``connections``) ─▶ its connection, opened when needed
"""

import asyncio
import re
import socket
import ssl
import time
from collections.abc import Iterable

from digest.errors import ConfigError
from digest.mailer.opening import NotOpened, connect
from digest.mailer.relay import Relay
from digest.mailer.replies import unsent
from digest.mailer.window import Told, Window
from digest.mailer.wire import Wire
from digest.model import Envelope, Outcome
from digest.pacing import Pace
from digest.settings import Smtp

LOSSES = 3  # connections lost together with a mail, one after another and nothing taken between
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
        self._relay = Relay(settings, time.monotonic)
        self._slots = asyncio.Semaphore(settings.connections)
        self._waiting = 0  # for a slot
        self._idle: list[Wire] = []
        self._wires: list[Wire] = []  # all that were open lately
        self._hostname = hostname
        self._closed = False

    @property
    def pace(self) -> Pace:
        """Whether the relay has us slowed down, to how many mails a second, and its words."""
        return self._relay.pace

    @property
    def down(self) -> Outcome | None:
        """Why there was no way to the relay at the last attempt; None where there was one."""
        return self._relay.down

    async def send(
        self, window: Iterable[Envelope], told: Told = lambda _, __: None
    ) -> list[Outcome]:
        """Sends the mails in their order; one Outcome each. See ``Mailer.send``."""
        mails = Window(window, self._relay.permit, told, lambda: self._waiting > 0)
        while True:
            self._waiting += 1
            try:
                await self._slots.acquire()
            finally:
                self._waiting -= 1
            try:
                mails.begin()
                await self._send(mails)
            finally:
                self._slots.release()
            if not mails.over:
                return mails.outcomes

    async def probe(self) -> None:
        """Opens a connection and closes it again, for the operator's peace of mind.

        Raises:
            ConfigError: the relay does not let us in; the message is its reply.
        """
        try:
            wire = await self._open()
        except NotOpened as error:
            where = f"{self._settings.host}:{self._settings.port}"
            raise ConfigError(f"smtp {where}: {error.outcome.text}") from error
        await wire.quit()

    async def close(self) -> None:
        """Says QUIT on every idle connection; a busy one is closed when its window is done."""
        self._closed = True
        idle, self._idle = self._idle, []
        await asyncio.gather(*(wire.quit() for wire in idle))

    async def _send(self, mails: Window) -> None:
        """Takes the window to its end, over as many connections as that takes."""
        wire, taken = self._take(), self._relay.taken
        try:
            while mails.pending() and not mails.over:
                wire = await self._ready(wire)
                await wire.carry(mails)
                if mails.stuck and not wire.alive:
                    self._bear_loss(mails, wire, taken)
                await asyncio.sleep(mails.rest())
        except NotOpened as error:
            alone = self._alone
            mails.give_up(self._relay.failed(error.outcome, is_down=alone), rest=alone)
        except BaseException:
            if wire:
                wire.abort()
            raise
        if wire and wire.alive and not self._closed and not wire.spent:
            self._idle.append(wire)
        elif wire:
            await wire.quit()

    def _bear_loss(self, mails: Window, wire: Wire, taken: int) -> None:
        """A connection was lost together with a mail: gives up after some of these in a row.

        A server that closes after taking a mail is in order: then the window gets on.
        """
        losses = mails.lost(self._relay.taken)
        if losses > LOSSES:
            text = f"gave up after losing {losses} connections, the last one: {wire.why}"
            is_down = taken == self._relay.taken
            mails.give_up(self._relay.failed(unsent(text), is_down=is_down), rest=self._alone)

    @property
    def _alone(self) -> bool:
        """Whether there is no connection."""
        return not any(wire.alive for wire in self._wires)

    async def _ready(self, wire: Wire | None) -> Wire:
        """That connection if it is still good, or another one."""
        if wire and wire.alive and not wire.spent:
            return wire
        if wire:
            await wire.quit()
        return await self._open()

    def _take(self) -> Wire | None:
        """The connection that was used last and is still open."""
        while self._idle:
            wire = self._idle.pop()
            if wire.alive:
                return wire
            wire.abort()
        return None

    async def _open(self) -> Wire:
        if not self._hostname:  # may ask DNS, so not in the loop
            name = await asyncio.to_thread(socket.getfqdn)
            # RFC 5321 section 4.1.4: a client without a proper name gives an address.
            self._hostname = name if PROPER_NAME.fullmatch(name) else "[127.0.0.1]"
        wire = await connect(self._settings, self._tls, self._hostname, self._relay)
        self._relay.down = None
        self._wires = [*(one for one in self._wires if one.alive), wire]
        return wire


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
