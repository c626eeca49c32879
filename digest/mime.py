"""A rule: one mail as the exact bytes that go over the wire.

    header_block(mail) ──────────────────┐
    encode_part(text) ─┐                 ├─▶ compose(mail)
    encode_part(html) ─┴─▶ frame(…) ─────┘

Headers and parts are encoded apart, so that parts may come from pieces encoded earlier (see
``quoted``). Python's own ``EmailMessage`` is not used: it folds a long List-Unsubscribe into
encoded-words, which RFC 2047 section 5 forbids there and receivers cannot read, and its lines of
quoted-printable are longer than the 76 characters of RFC 2045 section 6.7.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime
from email.utils import quote as escape
from functools import lru_cache
from hashlib import sha256
from urllib.parse import urlsplit

import idna

from digest.errors import InputError
from digest.quoted import LINE, encode_part

LONGEST_LINE = 998  # RFC 5322 section 2.1.1
HERE = ("127.0.0.1", "localhost")  # where one-click may be tried out without https
OURS = {
    *("from", "to", "cc", "bcc", "reply-to", "subject", "date", "message-id", "mime-version"),
    *("sender", "content-type", "content-transfer-encoding"),
}

INJECTION = re.compile(r"[\r\n\0]")
UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LOCAL_PART = re.compile(rf"{ATOM}(\.{ATOM})*")
# What nearly all addresses look like; up to 64 characters there is nothing else to check.
USUAL = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9]+([.-][A-Za-z0-9]+)*")
LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
DOMAIN = re.compile(rf"{LABEL}(\.{LABEL})*")
PHRASE = re.compile(rf"{ATOM}( {ATOM})*")
MESSAGE_ID = re.compile(r"<[!-;=?A-~]+@[!-;=?A-~]+>")
HEADER_NAME = re.compile(r"[!-9;-~]+")
HEADER_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")
LIST_ID = re.compile(rf"{LABEL}(\.{LABEL})+")
URI = re.compile(r"[!-~]+")
FEEDBACK = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What a mail says, before it is bytes.

    ``message_id`` stands in its angle brackets; no ``reply_to`` means no such header; ``date`` is
    aware; ``headers`` are written after the usual ones, in their order and as they are. The
    boundary comes from ``seed``, or from the Message-ID where there is none.
    """

    sender_name: str
    sender_address: str
    reply_to: str
    recipient: str
    subject: str
    html: str
    text: str
    message_id: str
    date: datetime
    headers: tuple[tuple[str, str], ...] = ()
    seed: str = ""


def compose(mail: Mail) -> bytes:
    """The whole message: 7-bit, CRLF, multipart/alternative; equal mails have equal bytes.

    Raises:
        InputError: a field that cannot be written, or that would write more than itself.
    """
    before, between, after = frame(boundary(mail.seed or mail.message_id))
    parts = (before, encode_part(mail.text), between, encode_part(mail.html), after)
    return header_block(mail) + b"".join(parts)


def header_block(mail: Mail) -> bytes:
    """The headers and the empty line after them; ``html`` and ``text`` are not looked at.

    Raises:
        InputError: as ``compose``.
    """
    if mail.date.utcoffset() is None:
        raise InputError("date", "date must be aware")
    between = boundary(mail.seed or mail.message_id)
    lines = [
        _mailbox(mail.sender_name, wire_address(mail.sender_address, "sender_address")),
        f"To: {wire_address(mail.recipient, 'recipient')}",
        *([f"Reply-To: {wire_address(mail.reply_to, 'reply_to')}"] if mail.reply_to else ()),
        _subject(mail.subject),
        f"Date: {dated(mail.date)}",
        f"Message-ID: {_message_id(mail.message_id)}",
        *_verbatim(mail.headers),
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative;\r\n boundary="{between}"',
    ]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n"


def dated(instant: datetime) -> str:
    """An instant as Date has it (RFC 5322 section 3.3), in UTC."""
    return format_datetime(instant.astimezone(UTC))


def frame(boundary: str) -> tuple[bytes, bytes, bytes]:
    """What stands around the two encoded parts of a multipart/alternative, the poorer one first."""
    head = b'Content-Type: text/%s; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable'
    line, plain, rich = b"--" + boundary.encode("ascii"), head % b"plain", head % b"html"
    return (
        b"%s\r\n%s\r\n\r\n" % (line, plain),
        b"\r\n%s\r\n%s\r\n\r\n" % (line, rich),
        b"\r\n%s--\r\n" % line,
    )


def boundary(seed: str) -> str:
    """What parts the parts: no quoted-printable has ``=_`` in it, so none has this line."""
    return "=_" + sha256(seed.encode("utf-8", "replace")).hexdigest()[:32]


def wire_address(address: str, field: str = "address") -> str:
    """An address as SMTP and headers carry it: an IDN domain becomes its A-labels (RFC 5891).

    Raises:
        InputError: with ``field``: no plain ``local@domain``, one that needs SMTPUTF8 (RFC 6531),
            or one longer than RFC 5321 section 4.5.3.1 allows.
    """
    if len(address) <= 64 and USUAL.fullmatch(address):  # noqa: PLR2004 - RFC 5321 4.5.3.1.1
        return address
    local, at, domain = address.rpartition("@")
    if not at or INJECTION.search(address):
        raise InputError(field, f"{field} is not an e-mail address: {address[:100]!r}")
    if not local.isascii():
        raise InputError(field, f"{field}: only ASCII can be used before the @: {address[:100]!r}")
    if not LOCAL_PART.fullmatch(local) or len(local) > 64:  # noqa: PLR2004 - RFC 5321 4.5.3.1.1
        raise InputError(field, f"{field} cannot be written before the @: {address[:100]!r}")
    whole = f"{local}@{_domain(domain, field)}"
    if len(whole) > 254:  # noqa: PLR2004 - RFC 3696, erratum 1690
        raise InputError(field, f"{field} is too long: {address[:100]!r}")
    return whole


def list_headers(  # noqa: D417 - each says what it is
    *,
    list_id: str,
    list_name: str,
    unsubscribe_url: str,
    help_url: str,
    owner: str,
    feedback: Sequence[str],
    unsubscribe_mailto: str = "",
) -> tuple[tuple[str, str], ...]:
    """The headers of a list's mail (RFC 2919, 2369, 8058, 3834), for ``Mail.headers``.

    One-click is announced with https only (RFC 8058 section 3.1); http on this machine is let
    through so that it can be tried out. A name that is not ASCII is left out of List-Id: the id is
    what tells lists apart.

    Args:
        list_id: ``daily.digest.example.org``.
        unsubscribe_url: the reader's own https address, with a token and without their address.
        unsubscribe_mailto: the address of a mailbox whose mail is read, or nothing.
        owner: the address of a person.
        feedback: the four fields of Feedback-ID, the stable one of the sender last.

    Raises:
        InputError: an argument, by its name, that cannot be written.
    """
    if not LIST_ID.fullmatch(list_id):
        raise InputError("list_id", f"list_id must look like daily.example.org, not {list_id!r}")
    if len(feedback) != 4 or not all(FEEDBACK.fullmatch(part) for part in feedback):  # noqa: PLR2004
        raise InputError("feedback", "feedback needs four fields of letters, digits and . _ -")
    link = _uri(unsubscribe_url, "unsubscribe_url")
    ways = [f"<{link}>"]
    if unsubscribe_mailto:
        mailbox = wire_address(unsubscribe_mailto, "unsubscribe_mailto")
        ways.append(f"<mailto:{_escaped(mailbox)}?subject=unsubscribe>")
    one_click = link.startswith("https:") or urlsplit(link).hostname in HERE
    name = _display(list_name, "list_name")
    phrase = f"{_phrase(name)} " if name and name.isascii() else ""
    return (
        ("List-Id", f"{phrase}<{list_id}>"),
        ("List-Unsubscribe", ", ".join(ways)),
        *([("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")] if one_click else ()),
        ("List-Help", f"<{_uri(help_url, 'help_url')}>"),
        ("List-Owner", f"<mailto:{_escaped(wire_address(owner, 'owner'))}>"),
        ("Auto-Submitted", "auto-generated"),
        ("Precedence", "bulk"),
        ("Feedback-ID", ":".join(feedback)),
    )


# ── Pieces ───────────────────────────────────────────────────────────────────────────────────────


def _display(value: str, field: str) -> str:
    """Text for the eye on one line; what has no business there becomes a space."""
    if INJECTION.search(value):
        raise InputError(field, f"{field} must be one line, without NUL")
    return " ".join(UNSHOWN.sub(" ", value).split())


@lru_cache(256)  # a sender and some days' top papers: the standard library takes its time
def _words(header: str, value: str) -> str:
    """Encoded-words of at most 75 characters, one a line (RFC 2047 section 2)."""
    return Header(value, "utf-8", maxlinelen=LINE, header_name=header).encode(linesep="\r\n")


def _phrase(name: str) -> str:
    return name if PHRASE.fullmatch(name) else f'"{escape(name)}"'


def _mailbox(name: str, address: str) -> str:
    name = _display(name, "sender_name")
    if not name:
        return f"From: {address}"
    plain = f"From: {_phrase(name)}"
    # A quoted "=?utf-8?…" is text by the standard, and decoded by many a client nevertheless.
    if not name.isascii() or "=?" in name or len(plain) > LINE:
        plain = f"From: {_words('From', name)}"
    last = len(plain) - plain.rfind("\n") - 1
    return plain + (" " if last + len(address) + 3 <= LINE else "\r\n ") + f"<{address}>"


def _subject(value: str) -> str:
    subject = _display(value, "subject")
    if not subject:
        raise InputError("subject", "subject is empty")
    longest = LINE - len("Subject: ")
    foldable = all(len(word) <= longest for word in subject.split(" "))
    if not subject.isascii() or "=?" in subject or not foldable:
        return f"Subject: {_words('Subject', subject)}"
    lines, line = [], "Subject:"
    for word in subject.split(" "):
        if len(line) + 1 + len(word) > LINE:
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line])


def _message_id(value: str) -> str:
    if not MESSAGE_ID.fullmatch(value) or len(value) > LONGEST_LINE - len("Message-ID: "):
        raise InputError("message_id", f"message_id must look like <a@b>, not {value[:100]!r}")
    return value


def _verbatim(headers: tuple[tuple[str, str], ...]) -> list[str]:
    """Headers as they are: nothing is encoded, and folded only between two URIs."""
    lines, seen = [], set(OURS)
    for name, value in headers:
        if not HEADER_NAME.fullmatch(name) or name.lower() in seen:
            raise InputError(name, f"{name[:50]!r} is no header's name, or stands there already")
        seen.add(name.lower())
        if not HEADER_VALUE.fullmatch(value) or len(name) + len(value) + 2 > LONGEST_LINE:
            raise InputError(name, f"{name} must be one line of ASCII: {value[:100]!r}")
        lines.append(f"{name}: " + value.replace(">, <", ">,\r\n <"))
    return lines


def _domain(domain: str, field: str) -> str:
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise InputError(field, f"{field}: {domain[:100]!r} is not a domain") from error
    if not DOMAIN.fullmatch(domain) or len(domain) > 253:  # noqa: PLR2004 - RFC 1035
        raise InputError(field, f"{field}: {domain[:100]!r} is not a domain")
    return domain


def _escaped(address: str) -> str:
    """An address inside a mailto URI (RFC 6068): what means something there is escaped."""
    return re.sub(r"[^A-Za-z0-9@._~+-]", lambda found: f"%{ord(found[0]):02X}", address)


def _uri(value: str, field: str) -> str:
    """An http(s) URI that may stand in angle brackets; an IDN host becomes its A-labels."""
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if parts.scheme in ("http", "https") and not host.isascii():
        parts = parts._replace(netloc=_domain(host, field) + (f":{port}" if port else ""))
        value = parts.geturl()
    if parts.scheme not in ("http", "https") or not host or not URI.fullmatch(value):
        raise InputError(field, f"{field} must be an http(s) address: {value[:100]!r}")
    if any(letter in value for letter in '<>",'):
        raise InputError(field, f"{field} must have its commas and brackets escaped")
    return value
