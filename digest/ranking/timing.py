"""Of the ranking rule: what the hour of the cut is worth.

Of the ten papers of a day's list that end with most votes, how many are among the ten with most
votes when the mail is cut? Measured on recorded snapshots; ``digest backtest --snapshots`` measures
again, and docs/ranking.md ("When to send") shows the table with the number of days behind it.
"""

from bisect import bisect
from dataclasses import dataclass
from datetime import datetime

# (hours since the day of the list began, UTC; share of its eventual top ten): 98, 56 and 85 days of
# 2024 to 2026. A day later it is no more: what a list has after a night decides it.
MEASURED = ((7.75, 0.84), (17.1, 0.85), (24.5, 0.94))
# Before this hour (UTC) today's list is too young to be told from chance: yesterday's is mailed.
EARLIEST = 7


@dataclass(frozen=True, slots=True)
class Capture:
    """What a mail cut then has: ``share`` (0 to 1) of the eventual top ten of a day's list.

    ``days_ago`` is 0 where that day is the mail's own (UTC), 1 where it is the day before.
    """

    share: float
    days_ago: int


def capture(cut: datetime) -> Capture:
    """What the mail of a cut at this instant (aware, UTC) has of the day's eventual top ten.

    Linear between the measured hours, constant outside of them.
    """
    hours = cut.hour + cut.minute / 60
    if cut.hour < EARLIEST:
        return Capture(_share(hours + 24), 1)
    return Capture(_share(hours), 0)


def _share(hours: float) -> float:
    place = bisect([at for at, _ in MEASURED], hours)
    if place in {0, len(MEASURED)}:
        return MEASURED[min(place, len(MEASURED) - 1)][1]
    (before, low), (after, high) = MEASURED[place - 1 : place + 1]
    return low + (high - low) * (hours - before) / (after - before)
