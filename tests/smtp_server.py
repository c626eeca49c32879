"""A real SMTP server that misbehaves on request: by the recipient's prefix, or by an option.

async with SmtpServer() as server:          with running(SmtpServer()) as server:
    server.port, server.accepted                server.port, server.accepted

bounce-        550 at RCPT                  data-bounce-      550 after the dot
defer-         451 at RCPT                  data-defer-       451 after the dot
grey-          451 at the first RCPT        data-421-         421 after the dot, and closes
drop-421-      421 at RCPT, and closes      drop-after-dot-   takes the mail, closes
hang-          never answers RCPT           hang-after-dot-   takes the mail, never answers
drop-data-     354, and closes              slow-             answers the dot ``slow`` seconds late
stall-         354, and reads no more       drop-body-        closes after 1,000 bytes of the body
drop-rcpt-     closes at RCPT               drop-mail-        closes at MAIL (the sender's prefix)

It lies as ``lies`` says: ``drops`` what comes with a command, like one that reads a line and throws
away the rest; ``closes`` on that, or ``complains`` first (554 5.5.0); answers ``twice``, once more
after each mail (``echo``), or in ``pieces`` (which is no lie); offers BDAT and says 502 (``bdat``).
"""

import asyncio
import base64
import contextlib
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

AT_RCPT = {
    "bounce-": "550 5.1.1 no such user",
    "defer-": "451 4.3.0 try again later",
    "drop-421-": "421 4.3.2 shutting down",
}
AFTER_DOT = {
    "data-bounce-": "550 5.7.1 message content rejected",
    "data-defer-": "451 4.3.0 could not store the message",
    "data-421-": "421 4.3.2 shutting down",
}


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A message that the server took, and how it came."""

    sender: str
    recipient: str
    data: bytes
    connection: int
    secure: bool
    commands: tuple[str, ...]


class Closed(Exception):  # noqa: N818
    """The server hangs up."""


@dataclass(kw_only=True)
class SmtpServer:
    """What it offers and how it fails.

    ``replies`` answers a verb (or ``greeting``) with a line, or with silence where that is empty;
    ``accepted`` are the messages it answered with 250, ``unanswered`` those it took without a word.
    """

    extensions: Sequence[str] = ("PIPELINING", "8BITMIME", "SIZE 10485760")
    replies: Mapping[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    user: str = ""
    password: str = ""
    max_connections: int = 0
    max_per_connection: int = 0  # 421 and close at the MAIL after so many
    limit_with_reply: bool = False  # … or right after the last 250
    lies: str = ""
    slow: float = 0.2

    def __post_init__(self):
        self.accepted: list[Accepted] = []
        self.unanswered: list[Accepted] = []
        self.heard: list[str] = []  # every command line of every connection, as it came
        self.connections = self.open = self.most = self.port = 0
        self.greyed: set[str] = set()
        self.sessions: set[asyncio.Task] = set()

    async def __aenter__(self):
        self.stopping, self.news = asyncio.Event(), asyncio.Event()
        context = self.tls if self.implicit else None
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", 0, ssl=context)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        self.stopping.set()
        await self.hang_up()

    async def until(self, line):
        """Waits until a client has said this line."""
        while line not in self.heard:
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 5)

    def hear(self, line):
        self.heard.append(line)
        self.news.set()

    async def hang_up(self):
        """Closes every connection, as a server does with idle ones."""
        sessions = list(self.sessions)
        for task in sessions:
            task.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    def accept(self, reader, writer):
        """Begins a session; cancelled before it ran, it closes its connection all the same."""
        task = asyncio.create_task(self.serve(reader, writer))
        self.sessions.add(task)
        task.add_done_callback(lambda _: (self.sessions.discard(task), writer.close()))

    async def serve(self, reader, writer):
        self.connections += 1
        self.open += 1
        self.most = max(self.most, self.open)
        session = Session(self, reader, writer, self.connections)
        try:
            await session.run()
        except (Closed, ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort() if self.stopping.is_set() else None
        finally:
            self.open -= 1
            writer.close()
            # After a handshake that failed, asyncio's streams would wait for ever.
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await asyncio.wait_for(writer.wait_closed(), 0.2)


class Session:
    """One connection."""

    def __init__(self, server, reader, writer, number):
        self.server, self.reader, self.writer, self.number = server, reader, writer, number
        self.secure = server.implicit
        self.known, self.greeted = not server.user, False
        self.commands, self.delivered, self.sender, self.recipient = [], 0, None, ""
        self.chunks = []

    async def run(self):
        crowded = 0 < self.server.max_connections < self.server.open
        await self.say(
            "421 4.7.0 too many connections" if crowded else self.reply("greeting", "220 test")
        )
        while True:
            line = (await self.reader.readuntil(b"\n")).decode("utf-8", "replace").strip()
            self.server.hear(line)
            await self.lie(line)
            self.commands.append(line)
            verb = line.partition(" ")[0].upper()
            if verb in self.server.replies:
                await self.say(self.server.replies[verb])
            else:
                await getattr(self, f"do_{verb.lower()}", self.unknown)(line)

    def reply(self, verb, default):
        return self.server.replies.get(verb, default)

    async def say(self, reply):
        """Answers; 421 and a refusal at the greeting are the end."""
        if not reply:
            await self.silence()
        if self.server.lies == "twice" and self.greeted:
            reply = f"{reply}\r\n{reply}"
        pieces = [*reply, "\r", "\n"] if self.server.lies == "pieces" else []
        for piece in pieces:
            self.writer.write(piece.encode())
            await asyncio.sleep(0)
        if not pieces:
            self.writer.write(reply.encode() + b"\r\n")
        await self.writer.drain()
        if reply.startswith("421") or (not self.greeted and not reply.startswith("2")):
            raise Closed
        self.greeted = True

    async def silence(self):
        """Says nothing until the client has gone."""
        while await self.reader.read(4096):
            pass
        raise Closed

    async def lie(self, line):
        """Treats what came together with a command as a server does that was not asked for it."""
        more = bytes(self.reader._buffer)
        if not more or line.upper().startswith("BDAT"):
            return
        if self.server.lies == "complains":
            await self.say("554 5.5.0 synchronization error")
        if self.server.lies in {"complains", "closes"}:
            raise Closed
        if self.server.lies == "drops":
            self.reader._buffer.clear()

    async def unknown(self, _):
        await self.say("500 5.5.2 what?")

    async def do_ehlo(self, _):
        offered = ["test", *self.server.extensions]
        if self.server.tls and not self.secure:
            offered.append("STARTTLS")
        if self.server.user:
            offered.append("AUTH PLAIN LOGIN")
        marks = ["-"] * (len(offered) - 1) + [" "]
        await self.say("\r\n".join(f"250{m}{o}" for m, o in zip(marks, offered, strict=True)))

    async def do_starttls(self, _):
        await self.say("220 go ahead")
        await self.writer.start_tls(self.server.tls)
        self.secure = True

    async def do_auth(self, line):
        _, method, given = line.split(" ", 2)
        said = [base64.b64decode(given).decode()]
        if method == "LOGIN":
            await self.say("334 UGFzc3dvcmQ6")
            said.append(base64.b64decode(await self.reader.readuntil(b"\n")).decode())
        else:
            said = said[0].split("\0")[1:]
        self.known = said == [self.server.user, self.server.password]
        # A careless server: it repeats what it was told.
        await self.say("235 welcome" if self.known else f"535 5.7.8 no such login: {given} {said}")

    async def do_mail(self, line):
        if self.delivered and self.delivered == self.server.max_per_connection:
            await self.say("421 4.7.0 too many messages on this connection")
        elif not self.known or self.sender is not None:
            await self.say("530 5.7.0 log in first" if not self.known else "503 5.5.1 nested MAIL")
        else:
            self.sender = line.partition("<")[2].partition(">")[0]
            if self.sender.startswith("drop-mail-"):
                raise Closed
            await self.say("250 2.1.0 ok")

    async def do_rcpt(self, line):
        recipient = line.partition("<")[2].partition(">")[0]
        first = recipient not in self.server.greyed
        if recipient.startswith("grey-") and first:
            self.server.greyed.add(recipient)
            await self.say("451 4.7.1 greylisted")
        elif recipient.startswith("hang-") and not recipient.startswith("hang-after-"):
            await self.silence()
        elif recipient.startswith("drop-rcpt-"):
            raise Closed
        elif refusal := chosen(AT_RCPT, recipient):
            await self.say(refusal)
        else:
            self.recipient = recipient
            await self.say("250 2.1.5 ok")

    async def do_data(self, _):
        if not self.recipient:
            await self.say("554 5.5.1 no valid recipients")
            return
        await self.say("354 go ahead")
        if self.recipient.startswith("drop-data-"):
            raise Closed
        await self.half_a_body()
        data = await self.message()
        self.server.hear(".")
        if self.server.lies in {"drops", "closes"}:
            await self.lie("")
        await self.take(data)

    async def half_a_body(self):
        if self.recipient.startswith("stall-"):
            self.writer.transport.pause_reading()
            await self.server.stopping.wait()
            raise Closed
        if self.recipient.startswith("drop-body-"):
            await self.reader.readexactly(1000)
            raise Closed

    async def do_bdat(self, line):
        if self.server.lies == "bdat":
            await self.say("502 5.5.1 what?")
            return
        _, size, *last = line.split()
        await self.half_a_body()
        self.chunks.append(await self.reader.readexactly(int(size)))
        if not self.recipient:
            self.chunks.clear()
            await self.say("503 5.5.1 no valid recipients")
        elif not last:
            await self.say("250 2.0.0 chunk")
        else:
            data = b"".join(self.chunks)
            self.chunks.clear()
            self.server.hear(".")
            if self.recipient.startswith("drop-data-"):
                raise Closed
            await self.take(data)

    async def message(self):
        lines = []
        while (line := await self.reader.readuntil(b"\n")) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    async def take(self, data):
        mail = Accepted(
            sender=self.sender,
            recipient=self.recipient,
            data=data,
            connection=self.number,
            secure=self.secure,
            commands=tuple(self.commands),
        )
        self.sender, self.recipient, self.commands = None, "", []
        if refusal := chosen(AFTER_DOT, mail.recipient):
            await self.say(refusal)
            return
        if "-after-dot-" in mail.recipient:
            self.server.unanswered.append(mail)
            if mail.recipient.startswith("drop-"):
                raise Closed
            await self.silence()
        if mail.recipient.startswith("slow-"):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.server.stopping.wait(), self.server.slow)
        self.delivered += 1
        self.server.accepted.append(mail)
        await self.say("250 2.0.0 queued")
        if self.server.lies == "echo":
            await self.say("250 2.0.0 queued")
        if self.server.limit_with_reply and self.delivered == self.server.max_per_connection:
            await self.say("421 4.7.0 too many messages on this connection")

    async def do_rset(self, _):
        self.sender, self.recipient = None, ""
        await self.say("250 2.0.0 ok")

    async def do_noop(self, _):
        await self.say("250 2.0.0 ok")

    async def do_quit(self, _):
        await self.say("221 2.0.0 bye")
        raise Closed


def chosen(replies, recipient):
    return next((text for prefix, text in replies.items() if recipient.startswith(prefix)), "")


@contextlib.contextmanager
def running(server):
    """The server in a thread of its own, for tests that are not asynchronous."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def main():
        async with server:
            ready.set()
            await stop.wait()

    def run():
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(main())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(10), "the SMTP server did not start"
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
