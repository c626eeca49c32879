"""Editions: the ranked pool of one cut, and why each paper is in it."""

from dataclasses import dataclass
from datetime import date, datetime

from digest.model.papers import Paper


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One named part of a score: ``value`` adds to its natural logarithm, ``text`` says so."""

    name: str
    value: float
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A paper in an edition: where it stands and why. ``score = exp(sum of terms)``."""

    rank: int
    paper: Paper
    section: str
    score: float
    terms: tuple[Term, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """The ranked pool at one cut, frozen, addressed by the hash of its content.

    ``cut`` is the full hour it belongs to, ``day`` the editorial date. An edition without items
    says in ``note`` why there is nothing to send.
    """

    id: str
    cut: datetime
    day: date
    items: tuple[Item, ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the mail: its name, its heading, and how many of a reader's papers it may take."""

    name: str
    title: str
    share: float
