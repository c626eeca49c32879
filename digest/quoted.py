"""A rule: text as quoted-printable (RFC 2045 section 6.7), whole or in pieces to be joined."""

import re
from binascii import b2a_qp

LINE = 76  # characters; RFC 5322 asks for 78 at most, RFC 2047 for 76 where there are words

_UNFIT = re.compile(rb"^(?:\.[^\r\n]*|[^\r\n]{77,})", re.MULTILINE)
# Nearly no text has any of these, and there is nothing to mend then.
_SPACES = (b"=20", b"=09")
_SUSPECT = (b"\n.", b"=20\r", b"=09\r")
# Needs no encoding, neither as quoted-printable nor as HTML.
_PLAIN = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.@+-]*")


def encode_part(text: str) -> bytes:
    """Text in UTF-8 as quoted-printable: lines of at most 76 characters, ended by CRLF.

    Encoded texts that end with a line break may be joined; the result is that of the joined text.
    No line begins with a dot, so that there is nothing to stuff (RFC 5321 section 4.5.2).
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    # The encoder takes its soft line breaks from the first line break it meets, so there is one.
    raw = b2a_qp(lines.encode("utf-8", "replace") + b"\r\n")[:-2]
    # The encoder leaves dots alone, and a space it encodes at the end of a full line makes 77.
    unfit = raw.startswith(b".") or raw.endswith(_SPACES) or any(one in raw for one in _SUSPECT)
    return _UNFIT.sub(_fitted, raw) if unfit else raw


def _fitted(found: re.Match[bytes]) -> bytes:
    """A line that begins with a dot, or is too long for one line: the rest goes on the next."""
    line = found[0].replace(b".", b"=2E", 1) if found[0].startswith(b".") else found[0]
    if len(line) <= LINE:
        return line
    cut = LINE - 1
    while b"=" in line[cut - 2 : cut]:  # not within an escape
        cut -= 1
    rest = line[cut:]
    return line[:cut] + b"=\r\n" + (b"=2E" + rest[1:] if rest.startswith(b".") else rest)


def is_plain(text: str) -> bool:
    """Whether ``text`` says the same in HTML, in plain text and in quoted-printable."""
    return _PLAIN.fullmatch(text) is not None


def encode_plain(text: bytes) -> bytes:
    """As ``encode_piece``, of what ``is_plain``: an address, a token."""
    if len(text) < LINE:
        return text + b"=\r\n"
    lines = b"=\r\n".join([text[at : at + LINE - 1] for at in range(0, len(text), LINE - 1)])
    return _piece(text.decode("ascii")) if b"\n." in lines else lines + b"=\r\n"


def encode_piece(text: str) -> bytes:
    """As ``encode_part``, but ending at a line break, soft where ``text`` ends without.

    Pieces may be joined, whatever they are: that decodes to the joined texts.
    """
    return encode_plain(text.encode("ascii")) if is_plain(text) else _piece(text)


def _piece(text: str) -> bytes:
    # A "=" in its place keeps room for that of the soft line break within the 76 characters.
    raw = encode_part(text + "=").removesuffix(b"=3D")
    return raw if not raw or raw.endswith(b"\n") else raw + b"=\r\n"
