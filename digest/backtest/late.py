"""Of the backtest: slow burners at one bar and at others: how many, and what became of them.

Each day is ranked as an edition is. Looked at are the papers which could be slow burners but for
the two numbers that are tried: days late, among the best of the window, and never before among the
first of a day. Where nobody counted a day ago, nobody knows what the day brought; then the votes
since a paper was new say at least how many there are at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from statistics import median

from digest.backtest.recorded import Recorded
from digest.ranking import Burners, Formula, Reading, rank
from digest.ranking.burners import burns
from digest.ranking.reading import A_DAY_AGO, count

VOTES = (5, 8, 10, 15, 20)
SHARES = (0.2, 0.3, 0.5)


@dataclass(frozen=True, slots=True)
class Late:
    """One paper on one day; ``reading.before`` are its votes of a day ago, or of when it was new.

    ``final`` is what it ends with.
    """

    at: datetime
    name: str
    reading: Reading
    final: float


@dataclass(slots=True)
class Looked:
    """What was found: papers with their gain of a day, and of all days since they were new."""

    daily: list[Late] = field(default_factory=list)
    whole: list[Late] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Crossing:
    """What crosses a bar, each paper the first time it does.

    ``weekly`` papers a week of those with looks, ``most`` a week as the gain of all days allows.
    ``votes`` of that day and ``final`` ones are medians; ``growth`` is the ratio of their sums.
    """

    bar: Burners
    papers: int
    weekly: float
    most: float
    votes: float
    final: float
    growth: float


def measure(recorded: Recorded, formula: Formula) -> Sequence[Crossing]:
    """What crosses ``formula.burners`` with other votes and shares; first, what all came to."""
    found = _looked_at(recorded, formula)
    bar = replace(formula.burners, votes=0, share=0.0)
    bars = [replace(bar, votes=votes, share=share) for votes in VOTES for share in SHARES]
    return [_crossing(found, one) for one in (bar, *bars)]


def _looked_at(recorded: Recorded, formula: Formula) -> Looked:
    bar = formula.burners
    anything = replace(formula, burners=replace(bar, votes=0, share=0.0))
    found, high, new = Looked(), set[str](), dict[str, float]()
    last: dict[str, Late] = {}
    for day in recorded.days:
        today = list(rank(day.candidates, day.at, anything, shown=high))
        for item, reading in today:
            name = item.paper.id
            if reading.delay < bar.days:
                new[name] = count(reading.votes)
            elif reading.burning and reading.stale < A_DAY_AGO[0]:
                late = Late(day.at, name, reading, recorded.final[name])
                last[name] = late
                found.daily += [late] if reading.before is not None else []
        high.update(item.paper.id for item, _ in today[: bar.top])
    found.whole = [
        replace(late, reading=replace(late.reading, before=new[name]))
        for name, late in last.items()
        if name in new
    ]
    return found


def _crossing(found: Looked, bar: Burners) -> Crossing:
    first: dict[str, Late] = {}
    for one in found.daily:
        if burns(one.reading, bar):
            first.setdefault(one.name, one)
    most = sum(burns(one.reading, bar) for one in found.whole)
    votes = [count(one.reading.votes) for one in first.values()]
    final = [one.final for one in first.values()]
    return Crossing(
        bar=bar,
        papers=len(first),
        weekly=len(first) / _weeks(found.daily),
        most=most / _weeks(found.whole),
        votes=median(votes) if votes else 0.0,
        final=median(final) if final else 0.0,
        growth=sum(final) / sum(votes) if sum(votes) else 0.0,
    )


def _weeks(found: Sequence[Late]) -> int:
    """In how many weeks there was something to look at, and 1 where in none."""
    return len({one.at.isocalendar()[:2] for one in found}) or 1
