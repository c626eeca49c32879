"""Signed links and keyed hashes: a rule. A token carries no address and cannot be made or altered.

A token is bound to its scope (what it may do), so that one for the preferences cannot unsubscribe.
Tokens are deterministic: the same subject gives the same link, whichever mail carries it.
"""

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from functools import lru_cache

from itsdangerous import BadData, base64_decode, base64_encode
from itsdangerous import Signer as Seal
from itsdangerous.signer import SigningAlgorithm

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

_write = json.JSONEncoder(separators=(",", ":")).encode


@lru_cache(16)  # a reader's tokens differ in their scopes
def _payload(*content: str | int) -> bytes:
    return base64_encode(_write(content))


class _Sha256(SigningAlgorithm):
    """HMAC-SHA-256 that takes the key in once: every mail carries three signatures."""

    def __init__(self, key: bytes) -> None:
        self._keyed = hmac.new(key, digestmod=hashlib.sha256)

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        del key  # taken in already
        mine = self._keyed.copy()
        mine.update(value)
        return mine.digest()


class Signer:
    """Makes and reads tokens, and hashes what must not be stored in clear."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._keyed = hmac.new(self._secret, digestmod=hashlib.sha256)
        self._seals: dict[str, Seal] = {}

    def token(self, scope: str, *subject: str, expires: datetime | None = None) -> str:
        """A URL-safe token for ``subject``, good until ``expires`` (for ever without)."""
        until = int(expires.timestamp()) if expires else 0
        return self._token(scope, [*subject, until])

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
        if not hmac.compare_digest(token, self._token(scope, [*subject, until])):
            raise LinkError("this link is not complete")
        if until and datetime.fromtimestamp(until, UTC) < now:
            raise ExpiredLink("this link is too old")
        return tuple(subject)

    def fingerprint(self, kind: str, text: str) -> str:
        """A keyed hash (128 bits, hex): recognises ``text`` again, tells nobody what it was."""
        message = f"{kind}\0{text}".encode()
        mine = self._keyed.copy()
        mine.update(message)
        return mine.hexdigest()[:32]

    def _token(self, scope: str, content: list[str | int]) -> str:
        return self._seal(scope).sign(_payload(*content)).decode("ascii")

    def _seal(self, scope: str) -> Seal:
        if scope not in self._seals:
            salt = f"digest.{scope}"
            seal = Seal(self._secret, salt, key_derivation="hmac", digest_method=hashlib.sha256)
            key = seal.derive_key()  # once, and not for every token
            self._seals[scope] = Seal(key, key_derivation="none", algorithm=_Sha256(key))
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
