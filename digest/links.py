"""Signed links and keyed hashes: a rule. A token carries no address and cannot be made or altered.

A token is bound to its scope (what it may do), so that one for the preferences cannot unsubscribe.
Tokens are deterministic: the same subject gives the same link, whichever mail carries it.
"""

import hashlib
import hmac
from datetime import UTC, datetime

from itsdangerous import BadData, URLSafeSerializer

from digest.errors import ExpiredLink, LinkError

CONFIRM, CHANGE, PREFERENCES, UNSUBSCRIBE, EDITION = (
    "confirm",
    "change",
    "preferences",
    "unsubscribe",
    "edition",
)
LONGEST_TOKEN = 1000  # characters; nobody signs longer ones


class Signer:
    """Makes and reads tokens, and hashes what must not be stored in clear."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def token(self, scope: str, *subject: str, expires: datetime | None = None) -> str:
        """A URL-safe token for ``subject``, good until ``expires`` (for ever without)."""
        until = int(expires.timestamp()) if expires else 0
        return str(self._serializer(scope).dumps([*subject, until]))

    def read(self, scope: str, token: str, now: datetime) -> tuple[str, ...]:
        """The subject of a token made for ``scope``.

        Raises:
            LinkError: it was not made here for this, or was altered in any bit.
            ExpiredLink: it was good until before ``now``.
        """
        if len(token) > LONGEST_TOKEN or not token.isascii():
            raise LinkError("this link is not complete")
        try:
            *subject, until = self._serializer(scope).loads(token)
        except (BadData, ValueError, TypeError) as error:
            raise LinkError("this link is not complete") from error
        # Base64 has spellings that decode alike: only the one that was given out is good.
        if not hmac.compare_digest(token, str(self._serializer(scope).dumps([*subject, until]))):
            raise LinkError("this link is not complete")
        if until and datetime.fromtimestamp(until, UTC) < now:
            raise ExpiredLink("this link is too old")
        return tuple(subject)

    def fingerprint(self, kind: str, text: str) -> str:
        """A keyed hash (128 bits, hex): recognises ``text`` again, tells nobody what it was."""
        message = f"{kind}\0{text}".encode()
        return hmac.digest(self._secret.encode(), message, "sha256").hex()[:32]  # some per mail

    def _serializer(self, scope: str) -> URLSafeSerializer:
        how = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        return URLSafeSerializer(self._secret, salt=f"digest.{scope}", signer_kwargs=how)


def message_id(signer: Signer, mail: str, subscriber_key: str, domain: str) -> str:
    """The Message-ID of one mail to one reader: the same on every try, distinct for every reader.

    ``mail`` names what is sent: an edition's id, or a letter's own number.
    """
    return f"<d.{mail}.{signer.fingerprint('message', f'{mail} {subscriber_key}')[:24]}@{domain}>"
