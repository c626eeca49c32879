"""The bench's own SMTP server: takes every mail and forgets it. A process of its own.

    python -m digest.bench.sink [SECONDS]      says its port on stdout, and ends with its stdin

It offers PIPELINING and CHUNKING. Replies to what was read in one go are written in one go,
SECONDS later: that is what a client sees of a round trip. It looks at nothing but where a mail
ends; with large mails on a fast machine it may still be what limits the others.
"""

import asyncio
import re
import sys

END = b"\r\n.\r\n"
GREETING = b"220 sink ESMTP\r\n"
EXTENSIONS = b"250-sink\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
OK, GO_ON, BYE = b"250 2.0.0 taken\r\n", b"354 go on\r\n", b"221 2.0.0 bye\r\n"
_CHUNK = re.compile(rb"BDAT (\d+)( LAST)?", re.IGNORECASE)


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._rest = b""  # of a command, or the bytes that may begin the end of a mail
        self._in_data = False
        self._chunk = 0  # bytes of a BDAT chunk that are still to come

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greets."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._answer(GREETING)

    def data_received(self, data: bytes) -> None:
        """Answers whatever is complete."""
        replies = []
        data, self._rest = self._rest + data, b""
        while data:
            if self._chunk:
                taken = min(self._chunk, len(data))
                self._chunk -= taken
                data = data[taken:]
                replies += [OK] if not self._chunk else []
            elif self._in_data:
                data = self._mail(data, replies)
            else:
                line, end, data = data.partition(b"\r\n")
                if not end:
                    self._rest = line
                    break
                replies.append(self._command(line))
        self._answer(b"".join(replies))

    def _mail(self, data: bytes, replies: list[bytes]) -> bytes:
        """What comes after the end of the mail; nothing, if that is still to come."""
        at = data.find(END)
        if at < 0:
            self._rest = data[-len(END) + 1 :]
            return b""
        self._in_data = False
        replies.append(OK)
        return data[at + len(END) :]

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return EXTENSIONS
        if verb == b"DATA":
            self._in_data = True
            return GO_ON
        if found := _CHUNK.match(line):
            self._chunk = int(found[1])
            return b"" if self._chunk else OK
        return BYE if verb == b"QUIT" else OK

    def _answer(self, reply: bytes) -> None:
        if not reply:
            return
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._write, reply)
        else:
            self._write(reply)

    def _write(self, reply: bytes) -> None:
        self._transport.write(reply)
        if reply.endswith(BYE):
            self._transport.close()


async def serve(delay: float) -> None:
    """Serves on a free port of loopback until stdin ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Session(delay), "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]) if sys.argv[1:] else 0.0))
