"""What comes back: bounces, complaints, wishes to leave, and what follows from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class FeedbackKind(StrEnum):
    """What one piece of feedback says about an address, or about us."""

    HARD = "hard bounce"  # there is no such address
    REFUSED = "refused"  # a definite no for another reason
    FULL = "mailbox full"
    SOFT = "soft bounce"  # could not be delivered for now, and was given up
    POLICY = "policy"  # the sender's fault, not the reader's
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    UNVERIFIED = "unverified"  # nothing in it proves that it is about a mail of ours


class NoticeKind(StrEnum):
    """What a mail or a webhook's message turned out to be."""

    DELIVERY = "delivery report"  # RFC 3464
    COMPLAINT = "complaint"  # RFC 5965
    MESSAGE = "message"  # somebody wrote; to the right address that means: unsubscribe
    UNSUBSCRIBE = "unsubscribe"  # the provider says that the reader wants no more
    AUTOMATIC = "automatic reply"  # RFC 3834, RFC 8098
    UNREADABLE = "not understood"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """What a relay says of one recipient: ``action`` as in RFC 3464, ``status`` as in RFC 3463."""

    action: str
    status: str
    text: str = ""
    recipient: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A mail or a webhook's message, read and not yet believed.

    Attributes:
        kind: what it is.
        reports: what it says of recipients.
        addresses: where a token of ours may stand: who it was written to, who the mail was from.
        subject: the subject of a message.
        links: the List-Unsubscribe of the mail it is about.
        message_id: of the mail it is about, where ``signed``.
        signed: whether the provider's signature was checked; only then ``message_id`` counts.
        note: what was not understood, or why it is of no interest.
    """

    kind: NoticeKind
    reports: tuple[DeliveryReport, ...] = ()
    addresses: tuple[str, ...] = ()
    subject: str = ""
    links: tuple[str, ...] = ()
    message_id: str = ""
    signed: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One verified event; appended, never updated.

    Attributes:
        key: the same for the same event, however often it comes.
        kind: what it says.
        at: when it came.
        fingerprint: the keyed hash of the address that was written to.
        delivery_id: of the ledger, where known.
        status: as in RFC 3463, or empty.
        text: the server's words on one line, without addresses.
        source: how it came: ``mail``, ``smtp``, ``ses``, ``mailgun``.
    """

    key: str
    kind: FeedbackKind
    at: datetime
    fingerprint: str = ""
    delivery_id: int | None = None
    status: str = ""
    text: str = ""
    source: str = "mail"


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is known when an event is judged, the event itself excluded.

    Attributes:
        events: earlier ones of the same address, since its reader last confirmed, oldest first.
        delivered: the local dates of mails to it that a server accepted.
        domain: the part behind the @; empty for an address that is nobody's any more.
        equal: addresses at the domain that met the same refusal within the window, this one
            included.
        complaints: from readers at the domain within the window, this one included.
        offered: asks how many mails went to the domain within the window.
    """

    events: Sequence[Feedback] = ()
    delivered: Sequence[date] = ()
    domain: str = ""
    equal: int = 0
    complaints: int = 0
    offered: Callable[[], int] = lambda: 0


class Action(StrEnum):
    """What an event does to its reader."""

    SUPPRESS = "suppressed"  # nothing is written to this address any more
    LEAVE = "left"
    COUNT = "counted"
    IGNORE = "ignored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What follows from an event: for the reader, and for all mail to their domain (``pause``)."""

    action: Action
    reason: str = ""
    pause: "Alert | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What the operator should look at: mail to ``domain`` waits until then, and why."""

    domain: str
    reason: str
    since: datetime
    until: datetime
