"""Addresses that carry a token, one per mail or reader: a rule.

    bounce+TOKEN@domain        envelope sender (VERP): TOKEN = address's keyed hash, delivery, MAC
    unsubscribe+TOKEN@domain   List-Unsubscribe's mailto: TOKEN = the reader's key, MAC

Nobody else can make one, so what a bounce says about it is believed. A token says which address was
written to, so it stays true when its reader moves or is deleted. Relays change the case of letters:
tokens are base32, in which that does not matter. RFC 5321 leaves 64 octets before the @.
"""

import hmac
import re
from base64 import b32decode, b32encode
from binascii import Error
from dataclasses import dataclass

from digest import addresses
from digest.links import Signer

MAC = 10  # bytes: 80 bits, which can only be tried out by sending mail
MARK = 16  # bytes of an address's keyed hash
MOST_ID = 8  # bytes of a delivery's number
LONGEST_LOCAL = 64  # octets, RFC 5321 section 4.5.3.1.1
BOUNCE, LEAVE = "verp", "mailto"  # scopes: the one cannot be used for the other
# Base32 after a separator, also within what a forwarder made of it (SRS, BATV).
_TOKEN = re.compile(r"(?:^|[\s+=-])([a-z2-7]{20,64})(?=[@\s]|$)")


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a VERP token says: which delivery, to the address of which keyed hash."""

    delivery_id: int
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """Where tagged mail comes in: ``bounce``, ``+``, ``bounce.example.org``."""

    local: str
    domain: str
    separator: str = "+"


def mark(signer: Signer, address: str) -> str:
    """The keyed hash (32 hex digits) by which an address is recognised."""
    return signer.fingerprint("address", addresses.key(address))


def verp(signer: Signer, delivery_id: int, address: str, box: Mailbox) -> str:
    """The envelope sender of one delivery to one address."""
    number = delivery_id.to_bytes((delivery_id.bit_length() + 7) // 8 or 1, "big")
    return _tagged(signer, BOUNCE, bytes.fromhex(mark(signer, address)) + number, box)


def read_verp(signer: Signer, address: str) -> Ticket | None:
    """What an envelope sender of ours says; None where it is none, or was altered."""
    subject = _read(signer, BOUNCE, address)
    if subject is None or not MARK < len(subject) <= MARK + MOST_ID:
        return None
    return Ticket(int.from_bytes(subject[MARK:], "big"), subject[:MARK].hex())


def unsubscribe_address(signer: Signer, key: str, box: Mailbox) -> str:
    """Where a mail from (or in the name of) the reader of that key ends their subscription."""
    return _tagged(signer, LEAVE, key.encode("utf-8"), box)


def read_unsubscribe(signer: Signer, text: str) -> str | None:
    """The reader's key in such an address, or in a line of text with its token."""
    subject = _read(signer, LEAVE, text)
    return subject.decode("utf-8", "replace") if subject else None


def _tagged(signer: Signer, scope: str, subject: bytes, box: Mailbox) -> str:
    token = b32encode(subject + _mac(signer, scope, subject)).decode("ascii").rstrip("=").lower()
    local = f"{box.local}{box.separator}{token}"
    if len(local) > LONGEST_LOCAL:
        raise ValueError(f"{len(local)} octets before the @ of {box.local}{box.separator}…")
    return f"{local}@{box.domain}"


def _read(signer: Signer, scope: str, text: str) -> bytes | None:
    for found in _TOKEN.finditer(text.strip().strip("<>").lower()):
        token = found[1].upper()
        try:
            raw = b32decode(token + "=" * (-len(token) % 8))
        except Error:
            continue
        subject, given = raw[:-MAC], raw[-MAC:]
        if subject and hmac.compare_digest(given, _mac(signer, scope, subject)):
            return subject
    return None


def _mac(signer: Signer, scope: str, subject: bytes) -> bytes:
    return bytes.fromhex(signer.fingerprint(scope, subject.hex()))[:MAC]
