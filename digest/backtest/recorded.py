"""Of the backtest: recorded days from files, as candidates with what was known at each digest.

Columns are those of ``rankeval``. Whatever a later row says cannot reach an earlier day: a day's
candidates are made of its own rows, of when a paper was first a candidate, and of its texts.
"""

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from digest.errors import InputError
from digest.model import Candidate, Paper, Signal

SOURCE = "huggingface"
# A paper is first seen by the look before the first digest that could carry it.
BEFORE = timedelta(hours=1)
NEEDED = ("day", "digest_at", "paper_id", "age_hours_at_T", "age_hours_when_seen", "upvotes_at_T")
LONGEST_FIELD = 10_000_000

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Day:
    """One digest: its instant, what could be sent, and which of it was new."""

    name: str
    at: datetime
    candidates: tuple[Candidate, ...]
    batch: frozenset[str]


@dataclass(frozen=True, slots=True)
class Recorded:
    """Days in order, and the truth: ``final`` is the most votes a paper is known to have had.

    ``first`` is the first digest that could have carried it. Without a column of truth ``final`` is
    the most votes that any row of the file shows, and ``blind`` is True.
    """

    days: tuple[Day, ...]
    final: Mapping[str, float]
    first: Mapping[str, datetime]
    blind: bool


@dataclass(slots=True)
class _About:
    """What is told of a paper beside its votes."""

    paper: Paper
    values: dict[str, float] = field(default_factory=dict)


def read(votes: Path, papers: Path | None = None) -> Recorded:
    """The recorded days of two files (CSV, gzipped or not).

    Raises:
        InputError: a file cannot be read, or lacks a column.
    """
    about = dict(_papers(papers)) if papers else {}
    first: dict[str, datetime] = {}
    final: dict[str, float] = {}
    grouped: dict[str, list[Row]] = {}
    blind = False
    for row in rows(votes, NEEDED):
        grouped.setdefault(row["day"], []).append(row)
    days = []
    for name, of_day in sorted(grouped.items(), key=lambda pair: pair[1][0]["digest_at"]):
        at = _instant(of_day[0]["digest_at"], votes)
        for row in of_day:
            first.setdefault(row["paper_id"], at)
            truth = row.get("final_upvotes") or ""
            blind = blind or not truth
            seen = max(_number(truth), _number(row["upvotes_at_T"]))
            final[row["paper_id"]] = max(final.get(row["paper_id"], 0.0), seen)
        days.append(_day(name, at, of_day, about, first))
    if not days:
        raise InputError("votes", f"{votes}: no rows")
    return Recorded(tuple(days), final, first, blind)


def rows(path: Path, needed: Sequence[str]) -> Iterator[Row]:
    """The rows of a CSV file, which must have those columns.

    Raises:
        InputError: it cannot be read, or lacks one.
    """
    csv.field_size_limit(LONGEST_FIELD)
    try:
        with _open(path) as file:
            table = csv.DictReader(file)
            absent = [name for name in needed if name not in (table.fieldnames or ())]
            if absent:
                raise InputError("file", f"{path}: no column {', '.join(absent)}")
            yield from table
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        raise InputError("file", f"{path}: {error}") from error


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _papers(path: Path) -> Iterator[tuple[str, _About]]:
    for row in rows(path, ("paper_id", "title")):
        links = {
            kind: f"https://huggingface.co/{quote(row[column], safe='')}"
            for kind, column in (("submitter", "submitter"), ("organisation", "org"))
            if row.get(column)
        }
        paper = Paper(
            id=row["paper_id"],
            title=row["title"],
            abstract=row.get("abstract") or "",
            authors=tuple((row.get("authors") or "").split("|")) if row.get("authors") else (),
            source=SOURCE,
            links=links,
        )
        about = _About(paper)
        if row.get("submitter_followers"):
            about.values["followers"] = _number(row["submitter_followers"])
        for name, column in (("code", "has_repo"), ("project", "has_page")):
            if row.get(column) == "True":
                about.values[name] = 1.0
        yield paper.id, about


def _day(
    name: str,
    at: datetime,
    of_day: Sequence[Row],
    about: Mapping[str, _About],
    first: Mapping[str, datetime],
) -> Day:
    batch = frozenset(r["paper_id"] for r in of_day if r.get("is_batch_of_the_day") == "1")
    candidates = tuple(
        Candidate(
            paper=_about(row, about).paper,
            seen_at=first[row["paper_id"]] - BEFORE,
            signals=tuple(_signals(row, at, _about(row, about).values)),
        )
        for row in of_day
    )
    return Day(name, at, candidates, batch)


def _about(row: Row, about: Mapping[str, _About]) -> _About:
    name = row["paper_id"]
    return about.get(name) or _About(Paper(id=name, title=name, source=SOURCE))


def _signals(row: Row, at: datetime, values: Mapping[str, float]) -> Iterator[Signal]:
    """What was known of one candidate at its digest, oldest first."""
    listed = at - timedelta(hours=_number(row["age_hours_at_T"]))
    looked = listed + timedelta(hours=_number(row["age_hours_when_seen"]))
    paper_id = row["paper_id"]

    def signal(name: str, value: float, when: datetime) -> Signal:
        return Signal(paper_id=paper_id, source=SOURCE, name=name, value=value, at=when)

    yield signal("listed", 1.0, listed)
    for name, value in values.items():
        yield signal(name, value, listed)
    if row.get("prev_seen_at") and row.get("prev_upvotes"):
        before = _instant(row["prev_seen_at"], Path("prev_seen_at"))
        yield signal("votes", _number(row["prev_upvotes"]), before)
    looked = min(looked, at)
    yield signal("votes", _number(row["upvotes_at_T"]), looked)
    for name, column in (("comments", "comments_at_T"), ("stars", "github_stars_at_T")):
        if row.get(column):
            yield signal(name, _number(row[column]), looked)


def _number(text: str) -> float:
    try:
        return float(text or 0)
    except ValueError:
        raise InputError("votes", f"{text!r} is not a number") from None


def _instant(text: str, where: Path) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError("votes", f"{where}: {text!r} is not an instant") from None
    return found.replace(tzinfo=found.tzinfo or UTC)
