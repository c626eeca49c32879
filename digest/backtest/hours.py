"""Of the backtest: what the hour of the cut is worth, from snapshots of the list.

For each look at a day's list: of the ten papers of that day that ended with most votes, how many
are among the ten with most votes at that look? Only looks count after which half of the day's
papers were seen again, at least twelve hours later: else nobody knows what they ended with.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean

from digest.backtest.recorded import rows
from digest.errors import InputError

TOP = 10
SMALLEST_DAY, SMALLEST_LOOK = 15, 5  # papers: below, a share of ten says little
LONGEST = 80.0  # hours
FEWEST_DAYS = 20  # below, an hour is not shown
LATER = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Hour:
    """How much the looks in one hour had: ``days`` looked at, mean share of the top ten."""

    hour: int
    days: int
    share: float


def measure(snapshots: Path) -> tuple[Hour, ...]:
    """The hours since a list's day began (UTC) at which at least twenty days were looked at.

    Raises:
        InputError: the file cannot be read.
    """
    looks, day_of, final, last = _read(snapshots)
    lists: dict[str, list[str]] = defaultdict(list)
    for paper, day in day_of.items():
        lists[day].append(paper)
    found: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for (day, at), votes in looks.items():
        papers, instant = lists[day], _instant(at)
        hours = (instant - _instant(day)) / timedelta(hours=1)
        known = sum(last[paper] >= instant + LATER for paper in papers)
        enough = len(papers) >= SMALLEST_DAY and len(votes) >= SMALLEST_LOOK
        if enough and 0 <= hours <= LONGEST and 2 * known >= len(papers):
            found[int(hours)][day].append(_share(papers, votes, final))
    return tuple(
        Hour(hour, len(days), fmean(share for shares in days.values() for share in shares))
        for hour, days in sorted(found.items())
        if len(days) >= FEWEST_DAYS
    )


Looks = Mapping[tuple[str, str], Mapping[str, float]]


def _read(
    path: Path,
) -> tuple[Looks, Mapping[str, str], Mapping[str, float], Mapping[str, datetime]]:
    """Votes by (day, look); of each paper its day, its most votes, and its last look."""
    kept = []
    day_of: dict[str, str] = {}
    final: dict[str, float] = {}
    last: dict[str, datetime] = {}
    try:
        for row in rows(path, ("snapshot_at", "paper_id", "daily_date", "upvotes")):
            paper, day, votes = row["paper_id"], row["daily_date"], float(row["upvotes"] or 0)
            if day:
                day_of[paper] = min(day, day_of.get(paper, day))
            final[paper] = max(votes, final.get(paper, 0.0))
            instant = _instant(row["snapshot_at"])
            last[paper] = max(instant, last.get(paper, instant))
            kept.append((paper, row["snapshot_at"], votes))
    except ValueError as error:
        raise InputError("snapshots", f"{path}: {error}") from error
    looks: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for paper, at, votes in kept:
        if paper in day_of:
            looks[day_of[paper], at].setdefault(paper, votes)
    return looks, day_of, final, last


def _share(papers: Sequence[str], votes: Mapping[str, float], final: Mapping[str, float]) -> float:
    best = sorted(papers, key=lambda paper: -final[paper])[:TOP]
    chosen = sorted(votes, key=lambda paper: -votes[paper])[:TOP]
    return len(set(best) & set(chosen)) / TOP


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=found.tzinfo or UTC)
