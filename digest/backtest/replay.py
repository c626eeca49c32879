"""Of the backtest: the picks of each day, by the ranking that makes editions or by a baseline."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from digest.backtest.recorded import Day
from digest.model import Candidate
from digest.ranking import Formula, Reading, expected, freshness, rank, urgency
from digest.ranking.reading import HOUR, count
from digest.ranking.reading import read as read_signals

LONG, SHORT = 10, 5  # papers a digest


class Placed(NamedTuple):
    """A candidate in an order: its id, and by what it stands among those of one digest.

    Where all are equal they stay as in the order.
    """

    name: str
    expected: float = 0.0
    freshness: float = 0.0


Order = Callable[[int, Day], Sequence[Placed]]  # a day's candidates, best first
Picks = Mapping[str, Sequence[str]]  # by day, best first


@dataclass(slots=True)
class Run:
    """What was chosen: digests of ten and of five, and the whole order of each day's new papers."""

    ten: dict[str, list[str]] = field(default_factory=dict)
    five: dict[str, list[str]] = field(default_factory=dict)
    batch: dict[str, list[str]] = field(default_factory=dict)


def replay(
    days: Sequence[Day], order: Order, progress: Callable[[int], object] = lambda _: None
) -> Run:
    """Sends every day the best papers that were not sent before, for both lengths of a digest.

    As a mail does: of few papers freshness counts more, and they are shown by what is expected.
    """
    run, had_ten, had_five = Run(), set[str](), set[str]()
    for number, day in enumerate(days):
        best = order(number, day)
        run.ten[day.name] = _sent(best, had_ten, LONG)
        run.five[day.name] = _sent(best, had_five, SHORT)
        run.batch[day.name] = [one.name for one in best if one.name in day.batch]
        had_ten.update(run.ten[day.name])
        had_five.update(run.five[day.name])
        progress(1)
    return run


def _sent(best: Sequence[Placed], had: Collection[str], size: int) -> list[str]:
    weight, unsent = urgency(size), [one for one in best if one.name not in had]
    chosen = sorted(unsent, key=lambda one: -one.expected - weight * one.freshness)[:size]
    return [one.name for one in sorted(chosen, key=lambda one: -one.expected)]


def by_formula(formula: Formula | Callable[[int], Formula]) -> Order:
    """The order of the ranking; the formula may be another one each day (by its number)."""

    def order(number: int, day: Day) -> Sequence[Placed]:
        chosen = formula(number) if callable(formula) else formula
        ranked = rank(day.candidates, day.at, chosen)
        return [Placed(item.paper.id, expected(item), freshness(item)) for item, _ in ranked]

    return order


def by_score(score: Callable[[Reading], float]) -> Order:
    """The order of a score of what was known; ties go to the smaller id."""

    def order(_number: int, day: Day) -> Sequence[Placed]:
        def key(candidate: Candidate) -> tuple[float, str]:
            return (-score(read_signals(candidate, day.at)), candidate.paper.id)

        return [Placed(candidate.paper.id) for candidate in sorted(day.candidates, key=key)]

    return order


def _gravity(reading: Reading) -> float:
    """Hacker News: (votes − 1) / (age + 2)^1.8, the age in hours until now."""
    hours = (reading.age + reading.stale) / HOUR
    return (count(reading.votes) - 1) / math.pow(hours + 2, 1.8)


def _hot(reading: Reading) -> float:
    """Reddit's hot: log10 max(votes, 1) − age / 45,000 s."""
    age = (reading.age + reading.stale).total_seconds()
    return math.log10(max(count(reading.votes), 1)) - age / 45_000


def _velocity(reading: Reading) -> float:
    """Votes an hour, drawn towards the usual (empirical Bayes)."""
    return (count(reading.votes) + 1.5) / (reading.age / HOUR + 6)


def _halved(reading: Reading) -> float:
    """(votes + 1) / (age + 2)^0.2, halved for every two days of delay."""
    return (
        math.log1p(count(reading.votes))
        - 0.2 * math.log(reading.age / HOUR + 2)
        - math.log(2) * reading.delay / 2
    )


BASELINES: Mapping[str, Callable[[Reading], float]] = {
    "raw upvotes": lambda reading: count(reading.votes),
    "Hacker News gravity 1.8": _gravity,
    "Reddit hot": _hot,
    "newest first": lambda reading: -(reading.age + reading.stale) / HOUR,
    "empirical-Bayes velocity": _velocity,
    "a half-life of two days": _halved,
}
