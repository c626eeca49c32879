"""Of the ranking rule: slow burners, the papers that are noticed days after they were listed.

Freshness has long taken them out of the day's list when their votes come. One is told apart by
what a single day did: it was listed days ago, much of its votes is of the last day, and they are
so many now that it is among the best of the window. Nobody calls a paper so that stood among the
first of an earlier edition, or has been a slow burner there.
"""

from collections.abc import Collection
from dataclasses import dataclass

from digest.ranking.reading import DAY, Reading, count

NOBODY: Collection[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Burners:
    """The bar. With ``best`` 0 there are no slow burners.

    Attributes:
        days: whole days since the first daily digest that could have carried the paper, at least.
        votes: gained within the last day, at least.
        share: of all its votes that are of the last day, at least.
        top: an edition's first so many papers stood high, and are no slow burners later.
        best: it is among so many of the window by predicted popularity, freshness left out.
    """

    days: int = 2
    votes: int = 10
    share: float = 0.3
    top: int = 12
    best: int = 40


NONE = Burners(best=0)


def burns(reading: Reading, bar: Burners) -> bool:
    """Whether one day brought the paper much of its votes, days after it was listed."""
    votes, gained = count(reading.votes), gain(reading)
    return reading.delay >= bar.days and votes > 0 and gained >= max(bar.votes, bar.share * votes)


def gain(reading: Reading) -> float:
    """The votes of the last day; 0 where nobody looked a day ago."""
    if reading.before is None:
        return 0.0
    return max(0.0, count(reading.votes) - reading.before)


def reason(reading: Reading) -> str:
    """The reason of the day: ``listed 6 days ago, 41 votes today after 3 before``."""
    days = (reading.age + reading.stale) // DAY
    today, before = gain(reading), count(reading.before)
    many = "vote" if today == 1 else "votes"
    return f"listed {days} days ago, {today:,.0f} {many} today after {before:,.0f} before"
