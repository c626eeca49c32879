"""Of the ranking rule: what the hour of the cut is worth.

Of the ten papers of a day's list that end with most votes, how many are among the ten with most
votes when the mail is cut? Measured on recorded snapshots; ``digest backtest --snapshots`` measures
again, and docs/ranking.md ("When to send") shows the table with the number of days behind it.
"""

from bisect import bisect
from dataclasses import dataclass
from datetime import date, datetime

from digest.timetable import cut_at, due_at

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


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of a reader, and what a mail has then: of the list ``days_ago``, by their date."""

    hour: int
    share: float
    days_ago: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A reader's hour among all hours of their day; ``best`` are those that know most, in a row."""

    zone: str
    mine: Hour
    hours: tuple[Hour, ...]
    best: tuple[Hour, ...]

    @property
    def is_best(self) -> bool:
        """Whether no other hour knows more, to the percent."""
        return self.mine in self.best


def choice(hour: int, zone: str, day: date, cut_hours: int = 1) -> Choice:
    """What that hour of that date is worth in a zone, and what the others are.

    Args:
        hour: 0 to 23, local.
        zone: a known time zone.
        day: the local date, for the offset of summer time.
        cut_hours: editions are made at multiples of so many hours, UTC.
    """
    hours = tuple(_hour(each, zone, day, cut_hours) for each in range(24))
    most = max(_percent(one) for one in hours)
    good = [_percent(one) == most for one in hours]
    # The row may go over midnight: it begins at an hour whose predecessor knows less.
    start = next((at for at in range(24) if good[at] and not good[at - 1]), 0)
    turned = hours[start:] + hours[:start]
    until = next((at for at, one in enumerate(turned) if _percent(one) < most), 24)
    return Choice(zone, hours[hour], hours, turned[:until])


def _hour(hour: int, zone: str, day: date, cut_hours: int) -> Hour:
    cut = cut_at(due_at(day, hour, zone), cut_hours)
    found = capture(cut)
    return Hour(hour, found.share, max(0, (day - cut.date()).days + found.days_ago))


def _percent(one: Hour) -> int:
    return round(100 * one.share)


def _share(hours: float) -> float:
    place = bisect([at for at, _ in MEASURED], hours)
    if place in {0, len(MEASURED)}:
        return MEASURED[min(place, len(MEASURED) - 1)][1]
    (before, low), (after, high) = MEASURED[place - 1 : place + 1]
    return low + (high - low) * (hours - before) / (after - before)
