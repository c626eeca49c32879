"""The mailer's room: the bytes of one connection, moved between its socket and its conversation.

Everything happens in the loop's callbacks: no task is switched, no future made and no time-out set
for a reply. There is one future for a window and one timer, which looks now and then.
"""

import asyncio

from digest.mailer.conversation import Conversation
from digest.mailer.window import Window

GOODBYE = 2.0  # seconds at most for QUIT and its answer
# The end of a mail and the envelope behind it are no longer than this: while the transport has more
# than that in hand, the end has not left this process.
TAIL = 2048  # bytes
# Turns of the loop until it has looked at a socket again and told that a server has closed: asyncio
# takes two; uvloop, which writes at the end of a turn, three.
TURNS = 3
ROOM = 16_384  # bytes for replies: a buffer of our own, for asyncio allocates 256 KB at every read


class Wire(asyncio.BufferedProtocol):
    """One connection, taken over from whoever opened it."""

    def __init__(
        self, transport: asyncio.Transport, conversation: Conversation, timeout: float
    ) -> None:
        self._transport, self._conversation = transport, conversation
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard = 0.0  # when something last moved
        self._left = 0  # bytes the transport had in hand then
        self._gone = ""  # why it is over
        self._view = memoryview(bytearray(ROOM))
        transport.set_protocol(self)
        transport.set_write_buffer_limits(high=TAIL, low=TAIL)

    @property
    def alive(self) -> bool:
        """Whether nobody has closed it yet, as far as this side knows."""
        return self._conversation.open and not self._transport.is_closing()

    @property
    def spent(self) -> bool:
        """Whether as many mails went over it as may."""
        return self._conversation.spent

    @property
    def why(self) -> str:
        """Why it is over."""
        return self._conversation.why

    async def carry(self, window: Window) -> None:
        """Sends mails of the window until there is none, or it pauses, or the connection is over.

        Raises:
            Exception: what the window's iterator raised; the connection is closed.
        """
        self._done = self._loop.create_future()
        self._heard = self._loop.time()
        self._timer = self._loop.call_later(self._timeout, self._look)
        try:
            self._write(self._conversation.begin(window))
            self._rest()
            await self._done
        except BaseException:
            self.abort()
            raise
        finally:
            self._timer.cancel()
            self._done = None

    async def quit(self) -> None:
        """Says QUIT and closes, within two seconds."""
        if self.alive:
            self._done = self._loop.create_future()
            self._conversation.open = False  # whatever it answers
            self._transport.write(b"QUIT\r\n")
            await asyncio.wait([self._done], timeout=min(GOODBYE, self._timeout))
        self.abort()

    def abort(self) -> None:
        """Closes at once; what was not written yet is thrown away."""
        self._conversation.open = False
        self._transport.abort()

    # ── Inside ───────────────────────────────────────────────────────────────────────────────────

    def _write(self, out: list[bytes]) -> None:
        while out:
            self._transport.writelines(out)
            out = self._conversation.more()
        if self._conversation.patient:
            self._elapse(TURNS)

    def _elapse(self, turns: int) -> None:
        """Goes on after so many turns of the loop."""
        if turns:
            self._loop.call_soon(self._elapse, turns - 1)
        elif not self._gone:
            self._write(self._conversation.elapsed())

    def _rest(self) -> None:
        """Lets go of the window where nothing of it is on its way."""
        if self._conversation.idle and self._done and not self._done.done():
            self._done.set_result(None)
        if not self._conversation.open:
            self._transport.abort()

    def _fail(self, error: BaseException) -> None:
        self._transport.abort()
        if self._done and not self._done.done():
            self._done.set_exception(error)

    def _lose(self, reason: str, *, silent: bool = False) -> None:
        self._gone = self._gone or reason or "closed"
        self._conversation.lost(self._gone, silent=silent)
        self._rest()

    def _look(self) -> None:
        """Whether the time-out has passed since something last moved."""
        now, left = self._loop.time(), self._transport.get_write_buffer_size()
        if left < self._left:
            self._heard = now
        self._left = left
        if now - self._heard >= self._timeout:
            self._lose("", silent=True)
        else:
            self._timer = self._loop.call_at(self._heard + self._timeout, self._look)

    # ── What asyncio calls ───────────────────────────────────────────────────────────────────────

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the protocol's
        """Where replies are put."""
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        """Replies, in whatever pieces."""
        try:
            if self._conversation.open:
                self._write(self._conversation.receive(bytes(self._view[:nbytes])))
            if not self._conversation.halfway:  # half a reply is no sign of life
                self._heard = self._loop.time()
        except Exception as error:  # noqa: BLE001 - of the window's iterator: its taker gets it
            self._fail(error)
        if self._conversation.idle:
            self._rest()

    def eof_received(self) -> bool:
        """The server has closed; so does this side."""
        self._lose("closed by the server")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._lose(str(exc or ""))

    def pause_writing(self) -> None:
        """The end of what was written has not left this process."""
        self._conversation.held = True

    def resume_writing(self) -> None:
        """It may have."""
        self._heard = self._loop.time()
        try:
            self._write(self._conversation.resumed())
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error)
