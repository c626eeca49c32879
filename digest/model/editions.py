"""Editions: the ranked pool of one cut, and why each paper is in it."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from digest.model.papers import Paper, SourceReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One named part of a score: ``value`` adds to its natural logarithm, ``text`` says so."""

    name: str
    value: float
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A paper in an edition: where it stands and why. ``score = exp(sum of terms)``.

    ``before`` is its rank in the edition that ``Colophon.since`` names; None: it was not in there.
    """

    rank: int
    paper: Paper
    section: str
    score: float
    terms: tuple[Term, ...]
    why: str
    before: int | None = None


class Form(StrEnum):
    """What a reader's digest looks back on."""

    DAILY = "daily"
    WEEKLY = "weekly"  # who chose one weekday: the best of seven days
    RETURN = "return"  # the first after a pause: the best of what was missed


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A day without an edition, and why."""

    day: date
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A new version of a paper that an earlier edition carried: a line, and no new paper."""

    title: str
    version: int
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Colophon:
    """How an edition came about: ``looks`` one per source, ``since`` the edition it follows."""

    since: date | None = None
    looks: tuple[SourceReport, ...] = ()
    gaps: tuple[Gap, ...] = ()
    revised: tuple[Revision, ...] = ()


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
    colophon: Colophon = Colophon()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the mail: its name, its heading, and how many of a reader's papers it may take."""

    name: str
    title: str
    share: float
