"""Of the ranking rule: the numbers a learned model looks at, each with its name.

``-1`` stands for what is not known. Logarithms are natural.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from digest.model import Paper
from digest.ranking.reading import HOUR, Reading, count

UNKNOWN = -1.0
LONGEST = 3000  # characters of a title or an abstract that count
AGE, DELAY = 0.2, 0.68  # exponents by which papers are placed, as models were fitted with them


@dataclass(frozen=True, slots=True)
class Field:
    """What a paper competes with: the counted papers of the window.

    ``level`` is the mean of ``ln(1 + votes)``, ``rivals`` how many could not have been sent before,
    ``places`` the logarithms of their scores by the closed form, negated so that the best is first.
    """

    level: float
    rivals: int
    places: Sequence[float] = ()

    @classmethod
    def of(cls, readings: Sequence[Reading]) -> "Field":
        """The field of these candidates."""
        logs = [math.log1p(count(r.votes)) for r in readings if r.votes is not None]
        new = sum(r.votes is not None and not r.delay for r in readings)
        places = sorted(-_plain(r) for r in readings if r.votes is not None)
        return cls(level=fmean(logs) if logs else 0.0, rivals=new, places=places)

    def place(self, reading: Reading) -> int:
        """Where a paper stands among them by the closed form: 1 is the best."""
        return bisect_left(self.places, -_plain(reading)) + 1


def _plain(reading: Reading) -> float:
    """The logarithm of the score by the closed form."""
    popularity = math.log1p(count(reading.votes)) - AGE * math.log(reading.age / HOUR + 2)
    return popularity - DELAY * math.log1p(reading.delay)


def _log(name: str) -> Callable[[Paper, Reading, Field], float]:
    def of(_paper: Paper, reading: Reading, _field: Field) -> float:
        value = reading.values.get(name)
        return UNKNOWN if value is None else math.log1p(count(value))

    return of


FEATURES: Mapping[str, Callable[[Paper, Reading, Field], float]] = {
    "votes": lambda _p, r, _f: math.log1p(count(r.votes)),
    "age": lambda _p, r, _f: math.log(r.age / HOUR + 2),
    "stale": lambda _p, r, _f: math.log1p(r.stale / HOUR),
    "new": lambda _p, r, _f: float(r.delay == 0),
    "growth": lambda _p, r, _f: UNKNOWN if r.growth is None else r.growth,
    "lead": lambda _p, r, f: math.log1p(count(r.votes)) - f.level,
    "rivals": lambda _p, _r, f: float(f.rivals),
    "place": lambda _p, r, f: math.log(f.place(r)),
    "authors": lambda p, _r, _f: math.log1p(len(p.authors)),
    "followers": _log("followers"),
    "organisation": lambda p, _r, _f: float("organisation" in p.links),
    "code": lambda _p, r, _f: float(count(r.values.get("code")) > 0),
    "project": lambda _p, r, _f: float(count(r.values.get("project")) > 0),
    "named": lambda p, _r, _f: float(":" in p.title),
    "title": lambda p, _r, _f: float(min(len(p.title), LONGEST)),
    "abstract": lambda p, _r, _f: float(min(len(p.abstract), LONGEST)),
    "comments": _log("comments"),
    "stars": _log("stars"),
}

OUTLOOK = ("votes", "age", "stale", "new", "growth", "lead", "rivals", "place")
# In whose name a feature speaks in the receipt; what is not here speaks for itself.
PART_OF: Mapping[str, str] = {
    **dict.fromkeys(OUTLOOK, "outlook"),
    **dict.fromkeys(("authors", "followers", "organisation"), "people"),
    **dict.fromkeys(("named", "title", "abstract"), "text"),
}


def values(names: Sequence[str], paper: Paper, reading: Reading, field: Field) -> list[float]:
    """Those features of one candidate, in that order."""
    return [FEATURES[name](paper, reading, field) for name in names]
