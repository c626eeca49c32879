"""Of the backtest: what picks were worth, day by day, with bootstrap intervals over the days.

timely@k      sum over the picks of later votes × 2^−(days since the first digest that could have
              carried the paper), as a share of the same sum of a greedy clairvoyant
seq nDCG@10   discounted gain of the picks as a share of the best possible from what was not sent
batch nDCG@10 the same of a ranking of the day's new papers, on days with at least 15
"""

import math
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from digest.backtest.recorded import Day, Recorded
from digest.backtest.replay import LONG, SHORT, Picks, Placed, Run, replay

SMALLEST_BATCH = 15
RESAMPLES = 1000
SEED = 3
TAIL = 0.025  # each side of a 95 % interval
METRICS = ("timely@10", "timely@5", "seq nDCG@10", "batch nDCG@10")

Pairs = Sequence[tuple[float, float]]  # per day: what was reached, what could have been


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


class Judge:
    """Knows the truth of recorded days."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        oracle = replay(recorded.days, self._clairvoyant)
        self._best = {
            size: [self._worth(day, picks[day.name]) for day in recorded.days]
            for size, picks in ((LONG, oracle.ten), (SHORT, oracle.five))
        }

    def measure(self, run: Run, since: int = 0) -> Mapping[str, Pairs]:
        """Every metric of a run, day by day, from the day of that number on."""
        days = self._recorded.days[since:]
        best = {size: worth[since:] for size, worth in self._best.items()}
        return {
            "timely@10": [
                (self._worth(day, run.ten[day.name]), possible)
                for day, possible in zip(days, best[LONG], strict=True)
            ],
            "timely@5": [
                (self._worth(day, run.five[day.name]), possible)
                for day, possible in zip(days, best[SHORT], strict=True)
            ],
            "seq nDCG@10": list(self._sequential(run.ten))[since:],
            "batch nDCG@10": [
                (self._ndcg(run.batch[day.name], day.batch), 1.0)
                for day in days
                if len(day.batch) >= SMALLEST_BATCH
            ],
        }

    def _delay(self, day: Day, name: str) -> float:
        """Days since the first digest that could have carried the paper."""
        return (day.at - self._recorded.first[name]).total_seconds() / 86_400

    def _worth(self, day: Day, picks: Sequence[str]) -> float:
        final = self._recorded.final
        return sum(final[name] * 2 ** -self._delay(day, name) for name in picks)

    def _clairvoyant(self, _number: int, day: Day) -> Sequence[Placed]:
        names = [candidate.paper.id for candidate in day.candidates]
        final = self._recorded.final
        worth = {n: math.log(final[n] + 0.5) - math.log(2) * self._delay(day, n) for n in names}
        return [Placed(name) for name in sorted(names, key=lambda name: -worth[name])]

    def _sequential(self, picks: Picks) -> Pairs:
        sent: set[str] = set()
        found = []
        for day in self._recorded.days:
            pool = {candidate.paper.id for candidate in day.candidates} - sent
            found.append((self._ndcg(picks[day.name], pool), 1.0))
            sent.update(picks[day.name])
        return found

    def _ndcg(self, chosen: Sequence[str], pool: Collection[str]) -> float:
        """Not a number where nothing is worth anything."""
        final = self._recorded.final
        best = _dcg(sorted((final[name] for name in pool), reverse=True))
        return _dcg([final[name] for name in chosen]) / best if best else math.nan


def judge(
    measured: Mapping[str, Mapping[str, Pairs]], base: str | None = None
) -> Mapping[str, Mapping[str, Interval]]:
    """Each system's metrics with intervals; with ``base`` the difference of each to that one."""

    def figure(name: str, metric: str) -> Interval:
        if base is None:
            return interval(measured[name][metric])
        return interval(measured[name][metric], measured[base][metric])

    return {name: {metric: figure(name, metric) for metric in METRICS} for name in measured}


def interval(pairs: Pairs, minus: Pairs | None = None) -> Interval:
    """Σ reached / Σ possible over the days, minus that of the other, days drawn together."""
    others = minus or [(0.0, possible) for _, possible in pairs]
    days = [
        (a, possible, b)
        for (a, possible), (b, _) in zip(pairs, others, strict=True)
        if not math.isnan(a) and not math.isnan(b)
    ]
    if not days:
        return Interval(math.nan, math.nan, math.nan)
    dice = random.Random(SEED)  # noqa: S311 - the same draws for everybody
    draws = sorted(_share(dice.choices(days, k=len(days))) for _ in range(RESAMPLES))
    cut = int(RESAMPLES * TAIL)
    return Interval(_share(days), draws[cut], draws[-1 - cut])


def _share(days: Sequence[tuple[float, float, float]]) -> float:
    mine, possible, other = (sum(column) for column in zip(*days, strict=True))
    return (mine - other) / possible if possible else 0.0


def _dcg(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains[:LONG], 1))
