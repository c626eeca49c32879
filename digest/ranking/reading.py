"""Of the ranking rule: what the signals of one paper say at one instant."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.model import Candidate, Signal

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HALF_DAY = timedelta(hours=12)
A_DAY_AGO = (timedelta(hours=20), timedelta(hours=36))  # what counts as a look of a day ago
# What is counted because people liked a paper; where it comes from tells who speaks of it.
POPULARITY = frozenset({"votes", "comments", "points", "citations"})
NEVER = timedelta()


@dataclass(frozen=True, slots=True)
class Reading:
    """What the signals of one candidate say at one instant.

    Attributes:
        votes: the last count, None where nobody counts.
        age: from the listing to the last look at the votes (to now where there was none).
        delay: whole days since the first daily digest that could have carried the paper.
        values: the last value of each signal.
        stale: from that look until now.
        growth: ``ln((1 + votes) / (1 + votes half a day ago))``, None where that is not known.
        pace: votes an hour, since half a day ago or, where that is not known, since the listing.
        sources: who counts something that people did.
        listed: when the paper was listed (or announced, or seen).
        before: the votes of a day ago, None where nobody looked then.
        burning: whether it is a slow burner (see ``burners``).
    """

    votes: float | None
    age: timedelta
    delay: int
    values: Mapping[str, float]
    stale: timedelta = NEVER
    growth: float | None = None
    pace: float = 0.0
    sources: frozenset[str] = frozenset()
    listed: datetime | None = None
    before: float | None = None
    burning: bool = False


def count(value: float | None) -> float:
    """``value`` as a count: nothing, negative, infinite and not-a-number are 0."""
    return value if value is not None and 0 < value < math.inf else 0.0


def read(candidate: Candidate, now: datetime) -> Reading:
    """Boils a candidate's signals down; those after ``now`` do not exist."""
    first: dict[str, datetime] = {}
    last: dict[str, Signal] = {}
    counts: list[Signal] = []  # of votes
    sources: set[str] = set()
    for signal in candidate.signals:
        name, at = signal.name, signal.at
        if at > now:
            continue
        if name not in first or at < first[name]:
            first[name] = at
        if name not in last or at >= last[name].at:
            last[name] = signal
        if name in POPULARITY and signal.value > 0:
            sources.add(signal.source)
        if name == "votes":
            counts.append(signal)
    listed = min(first.get("listed", first.get("announced", candidate.seen_at)), now)
    votes = last.get("votes")
    looked = votes.at if votes else now
    age = max(NEVER, looked - listed)
    growth, pace = _growth(_ago(counts, now, (HALF_DAY, timedelta.max)), votes, age)
    before = _ago(counts, now, A_DAY_AGO)
    return Reading(
        votes=count(votes.value) if votes else None,
        age=age,
        delay=(now - max(listed, min(candidate.seen_at, now))) // DAY,
        values={name: signal.value for name, signal in last.items()},
        stale=now - looked,
        growth=growth,
        pace=pace,
        sources=frozenset(sources),
        listed=listed,
        before=count(before.value) if before else None,
    )


def _ago(
    signals: Sequence[Signal], now: datetime, bounds: tuple[timedelta, timedelta]
) -> Signal | None:
    """The last of these that is as old as that."""
    least, most = bounds
    fit = [signal for signal in signals if least <= now - signal.at <= most]
    return max(reversed(fit), key=lambda signal: signal.at, default=None)


def _growth(
    earlier: Signal | None, votes: Signal | None, age: timedelta
) -> tuple[float | None, float]:
    if votes is None:
        return None, 0.0
    counted = count(votes.value)
    if earlier is None or earlier.at >= votes.at:
        return None, counted / (age / HOUR + 1)
    before = count(earlier.value)
    hours = (votes.at - earlier.at) / HOUR
    return math.log((1 + counted) / (1 + before)), max(0.0, counted - before) / (hours + 1)
