"""Of the ranking rule: what keeps a score from being fooled, and a list from being one group's.

Each guard adds a named term to the logarithm of the score and a sentence that says so, and does
nothing where it has nothing to say. Each can be switched off; docs/ranking.md has what each costs.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from digest.model import Paper
from digest.ranking.reading import Reading, count

EXPLORED_PLACE = 10  # where the exploration slot is, among the papers that are new
WELL_PLACED = 2 * EXPLORED_PLACE  # who would be this far up anyway needs no slot
JUST = 1e-9  # enough of a logarithm to stand just behind


class Act(NamedTuple):
    """What a guard did to one paper: ``value`` is added to the logarithm of its score."""

    name: str
    value: float
    text: str


class Standing(NamedTuple):
    """A paper as the guards see it: where its score stands, as a logarithm."""

    paper: Paper
    reading: Reading
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """Which guards stand; 0 or False switches one off.

    Attributes:
        burst_votes_per_hour: votes that come faster count as if they came at this pace.
        single_source: factor for papers that one source alone speaks of, where several speak.
        per_organisation: papers of one organisation and day that count in full; each after that
            is worth half of the one before.
        per_submitter: the same for who put them on the list.
        exploration: whether one new paper from further down gets the tenth place of the new ones.
    """

    burst_votes_per_hour: float = 0.0
    single_source: float = 0.0
    per_organisation: int = 0
    per_submitter: int = 0
    exploration: bool = False


def alone(reading: Reading, guards: Guards, sources: Collection[str]) -> Iterator[Act]:
    """The guards that look at one paper; ``sources`` are all that speak in this edition."""
    limit = guards.burst_votes_per_hour
    if limit and reading.pace > limit:
        text = f"damped: {reading.pace:,.0f} votes an hour, counted as {limit:g}"
        votes = count(reading.votes)
        yield Act("burst", math.log1p(votes * limit / reading.pace) - math.log1p(votes), text)
    if guards.single_source and len(sources) > 1 and len(reading.sources) == 1:
        (name,) = reading.sources
        yield Act("single source", math.log(guards.single_source), f"only {name} speaks of it")


def caps(best_first: Sequence[Standing], guards: Guards) -> dict[int, list[Act]]:
    """The caps, by place in ``best_first``: too many of one owner and day."""
    acts: dict[int, list[Act]] = {}
    for kind, most in (
        ("organisation", guards.per_organisation),
        ("submitter", guards.per_submitter),
    ):
        if not most:
            continue
        seen = Counter[tuple[str, int]]()
        for place, one in enumerate(best_first):
            owner = owner_of(one.paper, kind)
            if not owner:
                continue
            key = (owner, one.reading.delay)
            seen[key] += 1
            if (over := seen[key] - most) > 0:
                text = f"held back: number {seen[key]} of the day from {owner}"
                acts.setdefault(place, []).append(Act(f"{kind} cap", -math.log(2) * over, text))
    return acts


def explored(best_first: Sequence[Standing], now: datetime) -> tuple[int, Act] | None:
    """The paper that gets the exploration slot, by place, and its lift; None without one.

    It is drawn from the new papers further down, with chances as their scores, the same for
    everybody on one day (weighted sampling: Efraimidis and Spirakis, 2006).
    """
    new = [(place, one) for place, one in enumerate(best_first) if one.reading.delay == 0]
    if len(new) <= WELL_PLACED:
        return None
    drawn = max(new[WELL_PLACED:], key=lambda pair: _luck(pair[1], now))
    place, one = drawn
    ahead = new[EXPLORED_PLACE - 2][1].score
    text = f"explored: drawn from the {len(new) - WELL_PLACED} new papers further down"
    return place, Act("exploration", ahead - JUST - one.score, text)


def owner_of(paper: Paper, kind: str) -> str:
    """The name of a paper's organisation or submitter, as its address has it; '' without one."""
    path = urlsplit(paper.links.get(kind, "")).path
    return unquote(path.rstrip("/").rsplit("/", 1)[-1])


def _luck(one: Standing, now: datetime) -> float:
    seed = hashlib.sha256(f"{now.date()} {one.paper.id}".encode()).digest()
    chance = (int.from_bytes(seed[:6]) + 1) / (2**48 + 1)
    return one.score - math.log(-math.log(chance))  # the Gumbel form of chance ** (1 / score)
