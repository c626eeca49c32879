"""Papers, what is observed of them, and what one look at a source brought home."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One paper as its source wrote it: texts are raw (LaTeX, line breaks), never rendered.

    ``id`` is canonical: an arXiv id without version (``2601.01234``, ``hep-ex/0307015``), else a
    DOI in lower case, else a name of its source's own.
    ``categories`` has the primary one first and is empty while nobody has told them.
    ``lab`` is the organisation behind it, where a source names one.
    ``links`` maps ``paper``, ``pdf``, ``code``, ``project``, ``discussion``, ``hackernews``,
    ``review``, and the pages of who put it on a list (``submitter``, ``organisation``), to http(s)
    addresses.
    """

    id: str
    title: str
    abstract: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    source: str
    published_at: datetime | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    lab: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One observation of one paper: appended, never updated.

    ``name`` says what was counted: ``votes``, ``comments``, ``stars``, ``followers`` (of who put
    the paper on the list), ``code`` or ``project`` (1 where the paper has such a link), ``listed``
    (1 at the instant a list took the paper up), ``announced`` (1 at the instant arXiv announced it)
    and ``revised`` (the version announced). Others are in docs/sources.md.
    """

    paper_id: str
    source: str
    name: str
    value: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A paper that an edition may carry, with everything observed of it, oldest first."""

    paper: Paper
    seen_at: datetime
    signals: tuple[Signal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A paper of the past, as it speaks for its authors: the most votes it was seen with."""

    authors: tuple[str, ...]
    votes: float


class FetchState(StrEnum):
    """How one look at a source went."""

    FRESH = "fresh"  # it answered with something to read
    UNCHANGED = "unchanged"  # it said that nothing changed since the last look (304)
    STALE = "stale"  # the last batch again, under a new build date
    QUIET = "quiet"  # empty, on a day when it announces nothing
    MISSING = "missing"  # empty, on a day when it should have announced something
    FAILED = "failed"  # no answer, or one that cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What to remember of the last good answer of one address, for the next conditional GET."""

    url: str
    etag: str | None = None
    last_modified: str | None = None
    built: str | None = None  # the feed's own build date, as written
    batch: str | None = None  # fingerprint of the ids it listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """One category of what a source showed: how many papers it listed, and how many were read.

    ``again`` says that it was the list before once more, while the other categories went on.
    """

    name: str
    listed: int
    read: int
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """What one look at one source brought home.

    ``listed`` counts the entries the source showed, whether or not they were taken;
    ``note`` is the fault or the remark, one line, naming the source's address where that helps.
    """

    source: str
    state: FetchState
    papers: tuple[Paper, ...] = ()
    signals: tuple[Signal, ...] = ()
    visits: tuple[Visit, ...] = ()
    tallies: tuple[Tally, ...] = ()
    listed: int = 0
    note: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """One line of the day's report: what a source listed and how much of it was new to us."""

    source: str
    state: FetchState
    at: datetime
    listed: int = 0
    new: int = 0
    newest_id: str = ""
    seconds: float = 0.0
    note: str = ""
    tallies: tuple[Tally, ...] = ()
