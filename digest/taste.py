"""What a reader's ratings do to the order of their papers: a rule, the same for everybody.

    "more", "less" ─▶ of ─▶ weights of topics and authors, as a text ─▶ Order ─▶ compose.Pool

Each rating counts for the paper's first topic, and more for its first and its last author. What
it adds goes to the logarithm of a paper's score, for this one reader's order: no paper is shut out,
and the edition stays what it is for everybody.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import exp

from digest.model import Item, Rating
from digest.ranking import expected, freshness

TOPIC, MOST_TOPIC = 0.15, 0.6  # of a logarithm: one rating is worth a sixth more votes
AUTHOR, MOST_AUTHOR = 0.4, 0.8
MOST_RATINGS = 100  # the latest ones that count
SHOWN = 12  # names that are told of each kind
_LONGEST = 80  # characters of a name

_SIGN = {Rating.MORE: 1, Rating.LESS: -1}
Weights = Mapping[str, float]


def of(rated: Iterable[tuple[Rating, Sequence[str], Sequence[str]]]) -> str:
    """What the ratings come to, as the text that ``read`` reads; empty where they cancel out.

    Args:
        rated: each rating with the paper's categories and authors, the latest first.
    """
    counts: Counter[str] = Counter()
    for rating, categories, authors in list(rated)[:MOST_RATINGS]:
        for name in _names(categories, authors):
            counts[name] += _SIGN[rating]
    weights = {name: _weight(name, count) for name, count in sorted(counts.items()) if count}
    return json.dumps(weights, ensure_ascii=False) if weights else ""


class Order:
    """The papers of one edition, as anybody's taste would order them."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._papers = [
            (
                item.paper.id,
                expected(item),
                freshness(item),
                tuple(_names(item.paper.categories, item.paper.authors)),
            )
            for item in items
        ]

    def places(self, taste: str, urgency: float = 0.0) -> Mapping[str, float]:
        """By paper: what is expected of it and so much of its freshness, leaning to the taste."""
        weights = read(taste)
        return {
            paper: always
            + urgency * fresh
            + sum([weights[name] for name in names if name in weights])
            for paper, always, fresh, names in self._papers
        }


def told(taste: str) -> Sequence[tuple[str, float]]:
    """What the taste weighs: topics and authors with their factors, the strongest first."""
    weights = read(taste)
    found = list[tuple[str, float]]()
    for kind in ("topic", "author"):
        mine = [name for name in weights if name.startswith(kind)]
        mine.sort(key=lambda name: -abs(weights[name]))
        found += [(name.partition(" ")[2], exp(weights[name])) for name in mine[:SHOWN]]
    return found


@lru_cache(1024)
def read(taste: str) -> Weights:
    """The weights back from the text of ``of``."""
    return json.loads(taste) if taste else {}


def _weight(name: str, count: int) -> float:
    step, most = (TOPIC, MOST_TOPIC) if name.startswith("topic") else (AUTHOR, MOST_AUTHOR)
    return round(max(-most, min(most, count * step)), 2)


def _names(categories: Sequence[str], authors: Sequence[str]) -> Iterator[str]:
    """What a rating of a paper is a rating of, each once."""
    if categories:
        yield f"topic {categories[0][:_LONGEST]}"
    leads = dict.fromkeys(" ".join(name.split()) for name in (*authors[:1], *authors[-1:]))
    yield from (f"author {name[:_LONGEST]}" for name in leads if name)
