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
from collections.abc import Callable
from typing import NamedTuple

from digest.model import Outcome, OutcomeKind

CLOSING = 421
GO_AHEAD = 354
LONGEST = 300  # characters of a reply that are kept


class Reply(NamedTuple):
    """One reply of the server: its lines joined by line breaks."""

    code: int
    text: str

    @property
    def good(self) -> bool:
        """Whether the command did what it says."""
        return self.code // 100 == 2  # noqa: PLR2004 - RFC 5321 section 4.2.1

    @property
    def refusal(self) -> bool:
        """Whether it is a definite no, for now (4xx) or for ever (5xx)."""
        return self.code // 100 in (4, 5)


def one_line(text: str) -> str:
    """A reply for logs and tables: printable, on one line, cut to 300 characters."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(shown.split())[:LONGEST]


def unsent(text: str, code: int = 0) -> Outcome:
    """The mail was never offered, or not to its end: nobody can have it."""
    return Outcome(kind=OutcomeKind.UNSENT, code=code, text=one_line(text))


def in_doubt(text: str) -> Outcome:
    """The server may have the whole mail, and did not say so."""
    return Outcome(kind=OutcomeKind.IN_DOUBT, text=one_line(text))


def refused(reply: Reply) -> Outcome:
    """What a 4xx or 5xx about this mail makes of it."""
    kind = OutcomeKind.DEFERRED if reply.code // 100 == 4 else OutcomeKind.REFUSED  # noqa: PLR2004
    return Outcome(kind=kind, code=reply.code, text=one_line(reply.text))


def accepted(reply: Reply) -> Outcome:
    """A 2xx for the final dot."""
    return Outcome(kind=OutcomeKind.ACCEPTED, code=reply.code, text=one_line(reply.text))


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
