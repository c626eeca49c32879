"""Of the backtest: days made of looks at the list, as a store that had looked then would have them.

Where looks are few they say less than a store does, and more than one digest a day: a list stays on
view over the weekend, and old papers are counted then.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from digest.backtest.recorded import SOURCE, Day, Recorded, Row, rows
from digest.errors import InputError
from digest.model import Candidate, Paper, Signal

NEEDED = ("snapshot_at", "paper_id", "daily_date", "upvotes")
ONE = timedelta(days=1)


@dataclass(slots=True)
class _Seen:
    """One paper: its votes by instant, and when the list took it up, if that is told."""

    title: str
    votes: dict[datetime, float] = field(default_factory=dict)
    listed: datetime | None = None


def read(snapshots: Path, *, hour: int, window: timedelta) -> Recorded:
    """The days of a file of looks, each cut at ``hour`` (UTC) from the candidates of ``window``.

    Papers of which nobody told when they were listed are left out. The truth is the most votes
    that any look saw.

    Raises:
        InputError: the file cannot be read, or has no such papers.
    """
    seen = {name: one for name, one in _read(snapshots).items() if one.listed}
    if not seen:
        raise InputError("snapshots", f"{snapshots}: no paper with the day of its listing")
    candidates = sorted((_candidate(*pair) for pair in seen.items()), key=lambda c: c.seen_at)
    first: dict[str, datetime] = {}
    days = []
    at = datetime.combine(candidates[0].seen_at.date(), time(hour), UTC)
    while at <= candidates[-1].seen_at + window:
        now = tuple(_known(c, at) for c in candidates if at - window < c.seen_at <= at)
        for one in now:
            first.setdefault(one.paper.id, at)
        batch = frozenset(one.paper.id for one in now if one.seen_at > at - ONE)
        if now:
            days.append(Day(f"{at:%Y-%m-%d}", at, now, batch))
        at += ONE
    final = {name: max(one.votes.values()) for name, one in seen.items()}
    return Recorded(tuple(days), final, first, blind=True)


def _read(snapshots: Path) -> Mapping[str, _Seen]:
    found: dict[str, _Seen] = defaultdict(lambda: _Seen(""))
    try:
        for row in rows(snapshots, NEEDED):
            one = found[row["paper_id"]]
            one.title = one.title or row.get("title") or row["paper_id"]
            one.votes[_instant(row["snapshot_at"])] = float(row["upvotes"] or 0)
            one.listed = one.listed or _listed(row)
    except ValueError as error:
        raise InputError("snapshots", f"{snapshots}: {error}") from error
    return found


def _listed(row: Row) -> datetime | None:
    told = row.get("submitted_at") or row["daily_date"]
    return _instant(told) if told else None


def _candidate(name: str, seen: _Seen) -> Candidate:
    first = min(seen.votes)
    listed = min(seen.listed or first, first)

    def signal(what: str, value: float, at: datetime) -> Signal:
        return Signal(paper_id=name, source=SOURCE, name=what, value=value, at=at)

    counts = [signal("votes", value, at) for at, value in sorted(seen.votes.items())]
    return Candidate(
        paper=Paper(id=name, title=seen.title, source=SOURCE),
        seen_at=first,
        signals=(signal("listed", 1.0, listed), *counts),
    )


def _known(candidate: Candidate, at: datetime) -> Candidate:
    """What was known of it at that instant."""
    known = tuple(one for one in candidate.signals if one.at <= at)
    return Candidate(paper=candidate.paper, seen_at=candidate.seen_at, signals=known)


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=found.tzinfo or UTC)
