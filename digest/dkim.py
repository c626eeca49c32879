"""DKIM signatures (RFC 6376, 8301, 8463) and what to publish for them: a rule over given keys.

    body ────▶ relaxed ─▶ SHA-256 ─▶ bh= ──┐
    headers ─▶ relaxed ────────────────────┴─▶ key ─▶ b= ─▶ DKIM-Signature: … + the mail as it was

Own canonicalisation over ``cryptography``: ``dkimpy`` signs with Python's integers and takes over
twenty times as long. It is what the tests verify with.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from digest.errors import ConfigError

SHORTEST_KEY = 2048  # bits, RFC 8301 section 3.2
# RFC 6376 section 5.4.1, RFC 8058 section 4, and what a mailbox provider tells senders by.
SIGNED = (
    *("from", "to", "reply-to", "subject", "date", "message-id", "mime-version", "content-type"),
    *("list-id", "list-unsubscribe", "list-unsubscribe-post", "feedback-id"),
)
# Signed once more than they are there, so that nobody can add another one.
OVERSIGNED = ("from", "subject")

_PADDING, _DIGEST = PKCS1v15(), hashes.SHA256()
_FIELD_END = re.compile(rb"\r\n(?![ \t])")
_SPACE = re.compile(rb"[ \t\r\n]+")
_WIDTH = 72  # characters of base64 on a line
_STRING = 255  # characters of one string in a TXT record, RFC 1035 section 3.3


@dataclass(frozen=True, slots=True)
class Key:
    """A private key under the selector by which its public half is found in DNS."""

    selector: str
    private: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)

    @property
    def algorithm(self) -> str:
        """The name of the signature's algorithm: ``rsa`` or ``ed25519``."""
        return "rsa" if isinstance(self.private, RSAPrivateKey) else "ed25519"

    def sign(self, data: bytes) -> bytes:
        """The signature over ``data``; Ed25519 signs its SHA-256 (RFC 8463 section 3)."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(data, _PADDING, _DIGEST)
        return self.private.sign(sha256(data).digest())

    def public(self) -> bytes:
        """The public half as the record carries it: DER for RSA, the plain 32 bytes for Ed25519."""
        public = self.private.public_key()
        if isinstance(self.private, RSAPrivateKey):
            return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def rsa_key(pem: bytes, selector: str, setting: str = "dkim.key_file") -> Key:
    """An RSA key from its PEM.

    Raises:
        ConfigError: with ``setting``, and nothing of the key: not a PEM, encrypted, not RSA, short.
    """
    private = _private(pem, setting)
    if not isinstance(private, RSAPrivateKey):
        raise ConfigError(f"{setting}: this is not an RSA key")
    if private.key_size < SHORTEST_KEY:
        raise ConfigError(
            f"{setting}: the key has {private.key_size} bits, receivers want {SHORTEST_KEY}"
        )
    return Key(selector, private)


def ed25519_key(pem: bytes, selector: str, setting: str = "dkim.ed25519_key_file") -> Key:
    """An Ed25519 key from its PEM. Raises ConfigError as ``rsa_key``."""
    private = _private(pem, setting)
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigError(f"{setting}: this is not an Ed25519 key")
    return Key(selector, private)


def throwaway(*, ed25519: bool = False) -> Key:
    """A key that nobody keeps: for who measures what signing costs."""
    if ed25519:
        return Key("measured2", Ed25519PrivateKey.generate())
    return Key("measured", generate_private_key(public_exponent=65537, key_size=SHORTEST_KEY))


def record(domain: str, key: Key) -> tuple[str, str]:
    """The name and the text of the TXT record to publish for a key (RFC 6376 section 3.6.1)."""
    public = b64encode(key.public()).decode("ascii")
    return f"{key.selector}._domainkey.{domain}", f"v=DKIM1; k={key.algorithm}; p={public}"


def zone_line(name: str, text: str) -> str:
    """A TXT record as a line of a zone file, in strings of at most 255 characters."""
    strings = (text[at : at + _STRING] for at in range(0, len(text), _STRING))
    return f"{name}. IN TXT ( " + " ".join(f'"{one}"' for one in strings) + " )"


class Signer:
    """Signs mails for one domain, once with each key; threads may share it."""

    def __init__(self, domain: str, keys: Sequence[Key]) -> None:
        self._domain = domain
        self._keys = tuple(keys)

    def records(self) -> list[tuple[str, str]]:
        """The TXT records to publish, by name."""
        return [record(self._domain, key) for key in self._keys]

    def sign(self, message: bytes, now: datetime) -> bytes:
        """The message (CRLF, 7-bit) with a DKIM-Signature of each key before its first header."""
        head, _, body = message.partition(b"\r\n\r\n")
        names, fields = signed_fields(head)
        body_hash = b64encode(sha256(relaxed_body(body)).digest()).decode("ascii")
        signatures = [
            self._signature(key, names, fields, body_hash, int(now.timestamp()))
            for key in self._keys
        ]
        return b"".join((*signatures, message))

    def _signature(
        self, key: Key, names: Sequence[str], fields: bytes, body_hash: str, at: int
    ) -> bytes:
        lines = [
            f"v=1; a={key.algorithm}-sha256; c=relaxed/relaxed; d={self._domain};",
            f" s={key.selector}; t={at};",
            f" bh={body_hash};",
            *_folded_names(names),
            " b=",
        ]
        empty = "\r\n".join(lines).encode("ascii")
        signed = b64encode(key.sign(fields + _relaxed(b"dkim-signature", empty))).decode("ascii")
        pieces = (signed[at : at + _WIDTH] for at in range(0, len(signed), _WIDTH))
        return b"DKIM-Signature: " + empty + "\r\n ".join(pieces).encode("ascii") + b"\r\n"


def signed_fields(head: bytes) -> tuple[list[str], bytes]:
    """What h= names, and those fields as they are signed; of several the last one comes first."""
    there: dict[str, list[bytes]] = {}
    for line in _FIELD_END.split(head):
        name, _, value = line.partition(b":")
        there.setdefault(name.strip().lower().decode("latin-1"), []).append(value)
    names, fields = [], []
    for name in SIGNED:
        values = there.get(name, [])
        names += [name] * (len(values) + (name in OVERSIGNED))
        fields += [_relaxed(name.encode("ascii"), value) + b"\r\n" for value in reversed(values)]
    return names, b"".join(fields)


def relaxed_body(body: bytes) -> bytes:
    """The body in relaxed form (RFC 6376 section 3.4.4).

    Replacing is ten times as fast as a regular expression here.
    """
    text = (body + b"\r\n").replace(b"\t", b" ")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    text = text.replace(b" \r\n", b"\r\n").rstrip(b"\r\n")
    return text + b"\r\n" if text else b""


def _relaxed(name: bytes, value: bytes) -> bytes:
    """A header field in relaxed form (RFC 6376 section 3.4.2), without its line break."""
    return name + b":" + _SPACE.sub(b" ", value).strip(b" ")


def _folded_names(names: Sequence[str]) -> list[str]:
    lines, line = [], " h=" + names[0]
    for name in names[1:]:
        if len(line) + len(name) > _WIDTH:
            lines.append(line + ":")
            line = "  " + name
        else:
            line += ":" + name
    return [*lines, line + ";"]


def _private(pem: bytes, setting: str) -> object:
    try:
        return load_pem_private_key(pem, None)
    except TypeError:
        raise ConfigError(f"{setting}: the key is encrypted; it has to be readable") from None
    except (ValueError, UnsupportedAlgorithm):  # not shown: they may quote the file
        raise ConfigError(f"{setting}: there is no private key in PEM in this file") from None
