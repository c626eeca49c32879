"""Signed links and keyed hashes: a rule. A token carries no address and cannot be made or altered.

A token is bound to its scope (what it may do), so that one for the preferences cannot unsubscribe.
Tokens are deterministic: the same subject gives the same link, whichever mail carries it.
"""

import hmac
import json
import re
from binascii import b2a_base64
from datetime import UTC, datetime
from hashlib import sha256
from json.encoder import encode_basestring_ascii

from itsdangerous import BadData, base64_decode
from itsdangerous import Signer as Seal

from digest.errors import ExpiredLink, LinkError

CONFIRM, CHANGE, UNDO, PREFERENCES, UNSUBSCRIBE, EDITION = (
    "confirm",
    "change",
    "undo",
    "preferences",
    "unsubscribe",
    "edition",
)
LONGEST_TOKEN = 1000  # characters; nobody signs longer ones

_TICKET = re.compile(r"([0-9]{1,18})-[0-9a-f]{24}")

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def content(*subject: str, until: int = 0) -> bytes:
    """What a token says: a list in JSON, as base64. A reader's tokens may share it."""
    said = ",".join([*map(encode_basestring_ascii, subject), str(until)])
    return _base64(f"[{said}]".encode("ascii"))


def _base64(raw: bytes) -> bytes:
    """As itsdangerous writes it: for addresses, without padding."""
    return b2a_base64(raw, newline=False).translate(_URL_SAFE).rstrip(b"=")


class _Keyed:
    """HMAC-SHA-256 (RFC 2104) that takes the key in once: every mail carries four of them."""

    def __init__(self, key: bytes) -> None:
        key = sha256(key).digest() if len(key) > sha256().block_size else key
        block = key.ljust(sha256().block_size, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in block))

    def digest(self, message: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


class Signer:
    """Makes and reads tokens, and hashes what must not be stored in clear.

    Tokens are those of itsdangerous, which reads them. They are written here: it takes ten times
    as long, and every mail carries three.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._keyed = _Keyed(self._secret)
        self._seals: dict[str, Seal] = {}
        self._scoped: dict[str, _Keyed] = {}

    def token(self, scope: str, *subject: str, expires: datetime | None = None) -> str:
        """A URL-safe token for ``subject``, good until ``expires`` (for ever without)."""
        until = int(expires.timestamp()) if expires else 0
        return self.sealed(scope, content(*subject, until=until)).decode("ascii")

    def sealed(self, scope: str, content: bytes) -> bytes:
        """The token with that ``content``; ASCII."""
        keyed = self._scoped.get(scope)
        if keyed is None:
            keyed = self._scoped[scope] = _Keyed(self._seal(scope).derive_key())
        return b"%b.%b" % (content, _base64(keyed.digest(content)))

    def read(self, scope: str, token: str, now: datetime) -> tuple[str, ...]:
        """The subject of a token made for ``scope``.

        Raises:
            LinkError: it was not made here for this, or was altered in any bit.
            ExpiredLink: it was good until before ``now``.
        """
        if len(token) > LONGEST_TOKEN or not token.isascii():
            raise LinkError("this link is not complete")
        try:
            *subject, until = json.loads(base64_decode(self._seal(scope).unsign(token)))
        except (BadData, ValueError, TypeError) as error:
            raise LinkError("this link is not complete") from error
        # Base64 has spellings that decode alike: only the one that was given out is good.
        if not hmac.compare_digest(
            token.encode(), self.sealed(scope, content(*subject, until=until))
        ):
            raise LinkError("this link is not complete")
        if until and datetime.fromtimestamp(until, UTC) < now:
            raise ExpiredLink("this link is too old")
        return tuple(subject)

    def fingerprint(self, kind: str, text: str) -> str:
        """A keyed hash (128 bits, hex): recognises ``text`` again, tells nobody what it was."""
        return self._keyed.digest(f"{kind}\0{text}".encode()).hex()[:32]

    def _seal(self, scope: str) -> Seal:
        if scope not in self._seals:
            self._seals[scope] = Seal(
                self._secret, f"digest.{scope}", key_derivation="hmac", digest_method=sha256
            )
        return self._seals[scope]


def ticket(signer: Signer, delivery_id: int, subscriber_key: str) -> str:
    """What lets the reader of one mail rate its papers, and nobody anything else.

    It is on every card, so it is short: the delivery's number and 96 bits of a keyed hash, which
    can only be tried out by asking the service.
    """
    return f"{delivery_id}-{signer.fingerprint('rate', f'{delivery_id} {subscriber_key}')[:24]}"


def delivery_of(ticket: str) -> int:
    """The delivery that a ticket names; whether it is good, only ``ticket`` for its reader tells.

    Raises:
        LinkError: it is none.
    """
    if found := _TICKET.fullmatch(ticket):
        return int(found[1])
    raise LinkError("this link is not complete")


def message_id(signer: Signer, mail: str, subscriber_key: str, domain: str) -> str:
    """The Message-ID of one mail to one reader: the same on every try, distinct for every reader.

    ``mail`` names what is sent: an edition's id, or a letter's own number.
    """
    return f"<d.{mail}.{signer.fingerprint('message', f'{mail} {subscriber_key}')[:24]}@{domain}>"
