"""The backtest: recorded days again, through the ranking that makes editions, and judged.

recorded.py   days from files: what was known at each digest, and what became of it
history.py    days from the operator's own store
replay.py     picks of each day, by the ranking or by a baseline
metrics.py    what the picks were worth, with bootstrap intervals
learning.py   a model fitted on days, tried on later ones (needs lightgbm)
chart.py      the comparison as a drawing
hours.py      what the hour of the cut is worth, from snapshots
snapshots.py  days from snapshots
late.py       slow burners at several bars

A day holds only what was known at its digest; the truth is kept apart and no ranking sees it.
"""

from digest.backtest.metrics import METRICS, Interval, Judge, judge
from digest.backtest.recorded import Day, Recorded, read
from digest.backtest.replay import BASELINES, Run, by_formula, by_score, replay

__all__ = [
    "BASELINES",
    "METRICS",
    "Day",
    "Interval",
    "Judge",
    "Recorded",
    "Run",
    "by_formula",
    "by_score",
    "judge",
    "read",
    "replay",
]
