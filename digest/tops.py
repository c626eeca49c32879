"""A rule: what stood out over several days, a week or a month, from the editions of these days.

editions of the days ──▶ listed: the most popular of each ──▶ best: by the last known votes
                                                          └─▶ daily: votes over the days
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from digest.compose import SLOW
from digest.model import Edition, Item, Signal
from digest.ranking import expected

FROM_EACH = 40  # papers of an edition that may be among the best of its week or month
WEEKLY, MONTHLY = 20, 30
DAY = timedelta(days=1)

_WEEK = re.compile(r"([12][0-9]{3})-W([0-9]{2})")
_MONTH = re.compile(r"([12][0-9]{3})-([0-9]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A week from Monday on (ISO 8601) or a month, with its first and last day.

    ``name`` is like ``2026-W03`` or ``2026-01``; ``number`` that of a week, 0 for a month.
    """

    name: str
    first: date
    last: date
    number: int = 0

    @property
    def most(self) -> int:
        """How many papers its page shows."""
        return WEEKLY if self.number else MONTHLY


@dataclass(frozen=True, slots=True, kw_only=True)
class Top:
    """A paper, as it stood in the edition of the day on which it stood highest; the last votes."""

    item: Item
    day: date
    votes: float | None


def period(name: str) -> Period:
    """The week or month of that name.

    Raises:
        ValueError: there is none.
    """
    if found := _WEEK.fullmatch(name):
        return week_of(date.fromisocalendar(int(found[1]), int(found[2]), 1))
    if found := _MONTH.fullmatch(name):
        return month_of(date(int(found[1]), int(found[2]), 1))
    raise ValueError(f"{name!r} is no week and no month")


def week_of(day: date) -> Period:
    """The week that a day is in."""
    year, number, weekday = day.isocalendar()
    first = day - (weekday - 1) * DAY
    return Period(name=f"{year:04}-W{number:02}", first=first, last=first + 6 * DAY, number=number)


def month_of(day: date) -> Period:
    """The month that a day is in."""
    first = day.replace(day=1)
    after = (first + 31 * DAY).replace(day=1)
    return Period(name=f"{first:%Y-%m}", first=first, last=after - DAY)


def stood_high(editions: Iterable[Edition], most: int) -> frozenset[str]:
    """The papers that editions had among their first ``most``, or as slow burners."""
    return frozenset(
        item.paper.id
        for edition in editions
        for item in edition.items
        if item.rank <= most or item.section == SLOW
    )


def listed(editions: Iterable[Edition]) -> Mapping[str, Top]:
    """The most popular papers of each edition, each where it stood highest (first, if twice)."""
    found: dict[str, Top] = {}
    for edition in editions:
        for item in sorted(edition.items, key=expected, reverse=True)[:FROM_EACH]:
            there = found.get(item.paper.id)
            if there is None or item.rank < there.item.rank:
                found[item.paper.id] = Top(item=item, day=edition.day, votes=None)
    return found


def best(shortlist: Mapping[str, Top], votes: Mapping[str, float], most: int) -> list[Top]:
    """The first ``most`` of them: by last known votes, then by what was predicted, then by id."""
    counted = [
        Top(item=top.item, day=top.day, votes=votes.get(name)) for name, top in shortlist.items()
    ]
    counted.sort(key=lambda top: (-(top.votes or 0.0), -expected(top.item), top.item.paper.id))
    return counted[:most]


def daily(signals: Iterable[Signal]) -> list[tuple[date, float]]:
    """The last count of each day (UTC), oldest first."""
    found = {signal.at.date(): signal.value for signal in sorted(signals, key=lambda s: s.at)}
    return list(found.items())


def curve(counts: Sequence[tuple[date, float]]) -> list[tuple[float, float]]:
    """Counts as points of a drawing, 0 to 1 from left to right and from none to the most.

    Nothing where there are not two days, or no votes.
    """
    most = max((count for _, count in counts), default=0.0)
    if most <= 0 or len(counts) < 2:  # noqa: PLR2004 - a line has two ends
        return []
    first, last = counts[0][0], counts[-1][0]
    return [((day - first) / (last - first), max(0.0, count) / most) for day, count in counts]


def around(days: Iterable[date], now: Period) -> tuple[Period | None, Period | None]:
    """The periods of the same kind before and after that have one of these days."""
    kind = week_of if now.number else month_of
    before = max((day for day in days if day < now.first), default=None)
    after = min((day for day in days if day > now.last), default=None)
    return kind(before) if before else None, kind(after) if after else None


def periods(days: Iterable[date]) -> tuple[list[Period], list[Period]]:
    """The weeks and the months that have one of these days, latest first."""
    known = sorted(set(days), reverse=True)
    weeks, months = (dict.fromkeys(kind(day) for day in known) for kind in (week_of, month_of))
    return list(weeks), list(months)
