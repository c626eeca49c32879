"""Deliveries: one mail on its way to one reader, on the wire and in the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from digest.model.readers import Subscriber


class MailKind(StrEnum):
    """What a delivery carries."""

    DIGEST = "digest"
    CONFIRM = "confirm"  # please confirm your subscription
    KNOWN = "known"  # you are subscribed already; here are your preferences
    CHANGE = "change"  # please confirm your new address
    WELCOME = "welcome"  # you are confirmed; here is what the last edition had
    GOODBYE = "goodbye"  # you have left; undo it if that was a slip


class DeliveryState(StrEnum):
    """Where a delivery stands; the ledger in ``store`` is the truth."""

    QUEUED = "queued"
    SENDING = "sending"  # committed before the bytes go out
    SENT = "sent"
    DEFERRED = "deferred"  # definitely not accepted; again at again_at
    REFUSED = "refused"
    UNKNOWN = "unknown"  # in doubt: resent only on the operator's word
    SKIPPED = "skipped"  # nothing was sent, and ``reason`` says why


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One delivery taken for sending: the reader as they are now, and the papers for them."""

    delivery_id: int
    kind: MailKind
    edition_id: str | None
    subscriber: Subscriber
    address: str
    paper_ids: tuple[str, ...]
    attempts: int
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A row of the ledger as the operator sees it."""

    id: int
    kind: MailKind
    edition_id: str | None
    email: str
    local_date: date | None
    state: DeliveryState
    attempts: int
    due_at: datetime
    again_at: datetime | None
    reason: str


class Envelope(NamedTuple):
    """A finished mail: the envelope addresses and the exact bytes (CRLF) that go over the wire.

    ``clean`` promises that every line of ``data`` ends with CRLF and none begins with a dot, so
    that nothing has to be checked and nothing stuffed. ``trace`` is what a report about it shall
    name it by (letters, digits and dots); without one no report is asked for. A tuple,
    since every mail is one.
    """

    sender: str
    recipient: str
    message_id: str
    data: bytes
    clean: bool = False
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailLinks:
    """The addresses a mail carries for its reader; ``confirm`` only where there is to confirm.

    A paper is rated at ``rate``, then its rank in the edition, then the reader's ``ticket``.
    """

    home: str
    preferences: str = ""
    unsubscribe: str = ""
    edition: str = ""
    confirm: str = ""
    rate: str = ""
    ticket: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailText:
    """A mail's words, rendered: subject in one line, HTML and the equivalent plain text."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMail:
    """One mail as it arrived; ``source`` are its bytes, decoded as they are."""

    id: int
    subject: str
    sender: str
    to: str
    at: datetime
    size: int
    headers: Sequence[tuple[str, str]]
    text: str
    html: str
    source: str


class OutcomeKind(StrEnum):
    """What became of one mail on the wire."""

    ACCEPTED = "accepted"  # a 2xx for the final dot
    DEFERRED = "deferred"  # a 4xx about this mail: definitely not taken
    REFUSED = "refused"  # a 5xx about this mail or its reader
    UNSENT = "unsent"  # never offered: no connection, or the sender itself was turned away
    IN_DOUBT = "in doubt"  # the connection was lost between the final dot and its answer
    HELD = "held"  # never offered: a limit of our own has it wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the server did with one mail: the reply's code (0 where there was none) and its text.

    ``wait`` are the seconds until a mail that was held may come again.
    """

    kind: OutcomeKind
    code: int = 0
    text: str = ""
    wait: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What we do next: the delivery's new state, when to try again, and the reason to show.

    ``counted`` says whether this was a try: a mail that a limit of our own held back had none.
    """

    state: DeliveryState
    again_at: datetime | None = None
    reason: str = ""
    counted: bool = True
