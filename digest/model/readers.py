"""Readers: who they are, what they chose, what they agreed to, when they are due."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

EVERY_DAY = frozenset(range(7))  # Monday is 0, as in date.weekday()


class SubscriberState(StrEnum):
    """Where a reader stands."""

    PENDING = "pending"  # asked, not confirmed: gets nothing but the confirmation mail
    ACTIVE = "active"
    LEFT = "left"


class Rating(StrEnum):
    """What a reader said of a paper."""

    MORE = "more"  # like this
    LESS = "less"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What a reader chose. ``hour`` is local to ``zone``; no ``categories`` means all of them.

    ``taste`` is what their ratings come to, in the words of ``taste``; empty for who rated nothing.
    """

    hour: int = 7
    zone: str = "UTC"
    days: frozenset[int] = EVERY_DAY
    papers: int = 12
    categories: tuple[str, ...] = ()
    paused_until: date | None = None
    taste: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A reader. ``key`` is the random public name that links carry instead of the address."""

    id: int
    key: str
    email: str
    state: SubscriberState
    preferences: Preferences
    created_at: datetime
    confirmed_at: datetime | None = None
    pending_email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What was agreed to: ``action`` by whom, when, from which network, under which text."""

    action: str
    at: datetime
    source: str
    network: str = ""
    agent: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueSlot:
    """Readers with this hour, zone and days are due for the mail of this local date.

    ``late`` slots are of yesterday's local date: only who was a reader at ``due_at`` counts.
    """

    hour: int
    zone: str
    days: frozenset[int]
    local_date: date
    due_at: datetime
    late: bool
