"""The mailer's room: what a reply, or the lack of one, says about a mail.

while                      no answer    421         4xx         5xx
opening the connection     unsent       unsent      unsent      unsent      the whole window
MAIL                       unsent       deferred    unsent      unsent      the sender's fault
RCPT, DATA                 unsent       deferred    deferred    refused
the body, before the dot   unsent
the dot                    in doubt     deferred    deferred    refused     2xx: accepted
"""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from digest.model import Outcome, OutcomeKind

CLOSING = 421
GO_AHEAD = 354
LONGEST = 300  # characters of a reply that are kept


LONGEST_REPLY = 32_768  # bytes; far more than any real one
CODES = {b"%d" % code: code for code in range(200, 600)}


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of the server; ``raw`` are its lines without the code, joined by line breaks."""

    code: int
    raw: bytes
    good: bool = field(init=False)  # the command did what it says: RFC 5321 section 4.2.1
    refusal: bool = field(init=False)  # a definite no, for now (4xx) or for ever (5xx)

    def __post_init__(self) -> None:
        object.__setattr__(self, "good", self.code // 100 == 2)  # noqa: PLR2004
        object.__setattr__(self, "refusal", self.code // 100 in (4, 5))

    @property
    def text(self) -> str:
        """What it says; bytes that are no UTF-8 become surrogates, which nobody prints."""
        return self.raw.decode("utf-8", "surrogateescape")

    @property
    def temporary(self) -> bool:
        """Whether it is a no for now."""
        return self.code // 100 == 4  # noqa: PLR2004

    @property
    def confused(self) -> bool:
        """Whether it complains about the order of commands, not about a mail (RFC 5321, 4.2.3)."""
        return self.code in (500, 502, 503) or (self.code == 554 and self.raw[:4] == b"5.5.")  # noqa: PLR2004


class Unreadable(Exception):  # noqa: N818 - the name says what happened
    """What the server sent is no reply."""


class Replies:
    """Takes replies out of bytes that come in whatever pieces."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []  # of a reply that is not complete

    @property
    def halfway(self) -> bool:
        """Whether the last one is not complete."""
        return bool(self._rest or self._lines)

    def read(self, data: bytes) -> Iterator[Reply]:
        """The replies that are complete with these bytes.

        Raises:
            Unreadable: after those before it, at a line that is no reply, or one without end.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            reply, complete = _read(line)
            if not complete:
                self._lines.append(reply.raw)
            elif self._lines:
                text = b"\n".join([*self._lines, reply.raw])
                self._lines.clear()
                yield Reply(reply.code, text)
            else:
                yield reply
        if len(self._rest) + sum(map(len, self._lines)) > LONGEST_REPLY:
            raise Unreadable("a reply without end")


@lru_cache(maxsize=64)  # but for the last reply to a mail, a server says the same to each
def _read(line: bytes) -> tuple[Reply, bool]:
    """A line, and whether it is the last of its reply."""
    code, mark = CODES.get(line[:3]), line[3:4]
    if code is None or mark not in b"- \r":
        raise Unreadable(line[:100].decode("utf-8", "surrogateescape"))
    return Reply(code, line[4:].strip()), mark != b"-"


def one_line(text: str) -> str:
    """A reply for logs and tables: printable, on one line, cut to 300 characters."""
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(text.split())[:LONGEST]


def unsent(text: str, code: int = 0) -> Outcome:
    """The mail was never offered, or not to its end: nobody can have it."""
    return Outcome(kind=OutcomeKind.UNSENT, code=code, text=one_line(text))


def in_doubt(text: str) -> Outcome:
    """The server may have the whole mail, and did not say so."""
    return Outcome(kind=OutcomeKind.IN_DOUBT, text=one_line(text))


def refused(code: int, text: str) -> Outcome:
    """What a 4xx or 5xx about this mail makes of it."""
    kind = OutcomeKind.DEFERRED if code // 100 == 4 else OutcomeKind.REFUSED  # noqa: PLR2004
    return Outcome(kind=kind, code=code, text=one_line(text))


def accepted(code: int, text: str) -> Outcome:
    """A 2xx for the end of the message."""
    return Outcome(kind=OutcomeKind.ACCEPTED, code=code, text=one_line(text))


def redactor(username: str, password: str) -> Callable[[str], str]:
    """Takes out of a text every form in which AUTH sends the password, should it be echoed."""
    if not password:
        return str
    forms = [password]
    for plain in (f"\0{username}\0{password}", password):
        encoded = base64.b64encode(plain.encode()).decode()
        forms += [encoded, encoded.rstrip("=")]
    # Longest first: the whole of a form goes, not the password inside it.
    pattern = re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))))
    return lambda text: pattern.sub("***", text)
