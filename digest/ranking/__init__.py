"""The trending score: a rule, pure and explained.

    ln score = ln(1 + votes) − a·ln(age + 2) + outlook + people + Σ wₖ·ln(1 + signalₖ) + guards
               ───────────────── predicted popularity ──────────────────
               − b·ln(1 + delay)
               ─── freshness ───

reading.py    what a paper's signals say at one instant
features.py   the numbers the learned part looks at
trees.py      the learned part: a small forest, split into named parts that sum to it
cold.py       papers without votes: what authors and text promise
burners.py    papers that are noticed days later
words.py      what the words of a text promise
guards.py     bursts, single sources, caps, exploration
receipt.py    every part in words
timing.py     what the hour of the cut is worth

``age`` is the hours between the listing and the last look at its votes, ``delay`` the whole days
since the first daily digest that could have carried the paper. A score is exp of the sum of its
terms, whatever is switched on. Without a model it is the closed form, the first line without
outlook and people. The score says which papers a mail of ten holds (``urgency``: how it is for
shorter and longer ones); ``expected``, the same without freshness, in which order it shows them.

Source: measured on 314 recorded days of Hugging Face votes; docs/ranking.md has the tables.
"""

import heapq
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from statistics import median

from digest.model import Candidate, Item, Term
from digest.ranking import burners
from digest.ranking import guards as guard
from digest.ranking.burners import Burners
from digest.ranking.cold import Cold, Standing
from digest.ranking.features import PART_OF, Field, values
from digest.ranking.guards import Act, Guards
from digest.ranking.reading import HOUR, Reading, count, read
from digest.ranking.receipt import WORDS, line, text_of
from digest.ranking.trees import Forest

__all__ = [
    "NOBODY",
    "WORDS",
    "Burners",
    "Cold",
    "Forest",
    "Formula",
    "Guards",
    "Reading",
    "Standing",
    "expected",
    "freshness",
    "rank",
    "read",
    "urgency",
]

# Of more candidates than this the model looks at the best by the closed form: what stands further
# down is in no mail, and looking at ten thousand would take seconds.
LOOKED = 1000
USUAL, SHORTER = 10, 0.3  # papers of a mail; the exponent by which shorter ones want fresher papers
NOBODY = Standing()
UNGUARDED = Guards()


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """The numbers of the formula.

    Attributes:
        age_exponent: a.
        delay_exponent: b.
        weights: by signal name; one that the model knows is not weighed again.
        model: corrects the closed form where votes are counted; None is the closed form.
        cold: what papers without votes promise; None says nothing about them.
        guards: against being fooled.
        burners: the bar for papers that are noticed days later.
    """

    age_exponent: float = 0.2
    delay_exponent: float = 0.66
    weights: Mapping[str, float] = field(default_factory=dict)
    model: Forest | None = None
    cold: Cold | None = None
    guards: Guards = UNGUARDED
    burners: Burners = burners.NONE


@dataclass(slots=True)
class Scored:
    """One candidate while it is ranked: the parts of its score by name, and their sum."""

    candidate: Candidate
    reading: Reading
    parts: dict[str, float]
    popularity: float
    score: float
    acts: list[Act]

    def add(self, act: Act) -> None:
        """Lets a guard act on it."""
        self.acts.append(act)
        self.score += act.value


def rank(
    candidates: Iterable[Candidate],
    now: datetime,
    formula: Formula,
    standing: Standing = NOBODY,
    shown: Collection[str] = burners.NOBODY,
) -> Iterator[tuple[Item, Reading]]:
    """All candidates, best first; ties go to the smaller id, so the order is the same everywhere.

    Args:
        candidates: what may be ranked, in any order.
        now: signals after it do not exist.
        formula: the numbers, and what is switched on.
        standing: what is known of authors, for papers without votes.
        shown: papers that stood so high on an earlier day that they can be no slow burners.

    Yields:
        Items (rank from 1, no section yet) with the reading each comes from. Receipts are written
        when an item is asked for: a thousand candidates that nobody reads cost no words.
    """
    found = [(candidate, read(candidate, now)) for candidate in candidates]
    ground = Field.of([reading for _, reading in found])
    scored = [_scored(c, r, formula, ground, standing) for c, r in found]
    _guarded(scored, now, formula)
    _kindled(scored, formula.burners, shown)
    popular = [one.popularity for one in scored if one.reading.votes]
    usual = math.exp(median(popular)) if popular else 0.0
    for place, one in enumerate(scored, 1):
        yield _item(one, place, usual, standing), one.reading


def expected(item: Item) -> float:
    """The logarithm of the score without its freshness: what is as good on any day of a week."""
    return sum(term.value for term in item.terms if term.name != "freshness")


def freshness(item: Item) -> float:
    """The rest of it: 0 for what is new, less for what is late."""
    return sum(term.value for term in item.terms if term.name == "freshness")


def urgency(papers: int) -> float:
    """How many times freshness counts in the choice of so many papers.

    The formula is made for ten. Where places are few, a late paper keeps a fresh one out for good;
    where they are many, both have one. Measured: docs/ranking.md.
    """
    return math.pow(USUAL / papers, SHORTER)


def _scored(
    candidate: Candidate, reading: Reading, formula: Formula, ground: Field, standing: Standing
) -> Scored:
    parts = _popular(candidate, reading, formula, ground)
    popularity = sum(parts.values())
    if formula.cold and reading.votes is None:
        promise = formula.cold.parts(candidate.paper, standing)
        parts["standing"], parts["text"] = promise
    parts["freshness"] = -formula.delay_exponent * math.log1p(reading.delay)
    return Scored(candidate, reading, parts, popularity, sum(parts.values()), [])


def _popular(
    candidate: Candidate, reading: Reading, formula: Formula, ground: Field
) -> dict[str, float]:
    """The parts of the predicted popularity, by name."""
    model = formula.model
    if reading.votes is None or ground.place(reading) > LOOKED:
        model = None
    known = model.features if model else ()
    parts = {
        "votes": math.log1p(count(reading.votes)),
        "age": -formula.age_exponent * math.log(reading.age / HOUR + 2),
    }
    if model:
        parts["outlook"] = model.base
        looked = model.parts(values(known, candidate.paper, reading, ground))
        for name, value in zip(known, looked, strict=True):
            part = PART_OF.get(name, name)
            parts[part] = parts.get(part, 0.0) + value
    for name, weight in formula.weights.items():
        value = count(reading.values.get(name))
        if value and name not in known:
            parts[name] = weight * math.log1p(value)
    return parts


def _guarded(scored: list[Scored], now: datetime, formula: Formula) -> None:
    """Sorts, lets the guards act and sorts again: caps count from the best, slots come last."""
    guards = formula.guards
    sources = {name for one in scored for name in one.reading.sources}
    for one in scored:
        for act in guard.alone(one.reading, guards, sources):
            one.add(act)
    scored.sort(key=_best)
    for place, acts in guard.caps(_standings(scored), guards).items():
        for act in acts:
            scored[place].add(act)
    scored.sort(key=_best)
    if guards.exploration and (slot := guard.explored(_standings(scored), now)):
        place, act = slot
        scored[place].add(act)
        scored.sort(key=_best)


def _kindled(scored: list[Scored], bar: Burners, shown: Collection[str]) -> None:
    """Marks the slow burners: what burns is looked for among the most popular alone."""
    for one in heapq.nlargest(bar.best, scored, key=lambda one: one.popularity):
        if one.candidate.paper.id not in shown and burners.burns(one.reading, bar):
            one.reading = replace(one.reading, burning=True)


def _best(one: Scored) -> tuple[float, str]:
    return (-one.score, one.candidate.paper.id)


def _standings(scored: Iterable[Scored]) -> list[guard.Standing]:
    return [guard.Standing(s.candidate.paper, s.reading, s.score) for s in scored]


def _item(one: Scored, place: int, usual: float, standing: Standing) -> Item:
    paper = one.candidate.paper
    terms = (
        *(
            Term(
                name=name,
                value=value,
                text=text_of(name, paper, one.reading, one.popularity, standing),
            )
            for name, value in one.parts.items()
        ),
        *(Term(name=act.name, value=act.value, text=act.text) for act in one.acts),
    )
    return Item(
        rank=place,
        paper=paper,
        section="",
        score=math.exp(sum(term.value for term in terms)),
        terms=terms,
        why=line(one.reading, terms, math.exp(one.popularity), usual),
    )
