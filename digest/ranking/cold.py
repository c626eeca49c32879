"""Of the ranking rule: what can be said of a paper that nobody has voted on yet.

A logistic model on who wrote it and how it presents itself, and what its words say beside it. The
log-odds of becoming popular are two terms of the score. ``fit`` is Newton's method with a ridge
(Hastie, Tibshirani and Friedman, *The Elements of Statistical Learning*, 4.4.1), in plain Python: a
dozen numbers per paper.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from digest.model import Earlier, Paper
from digest.ranking.words import said_by, words_of

POPULAR = 5  # votes from which on a paper counts as popular when the model is fitted
STEPS = 12  # Newton's method doubles the digits with each
STEEPEST = 30.0  # log-odds beyond which nothing changes any more
_LINKS = ("http://", "https://", "github", "project page", "code is", "code and", "code will")


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of authors: how many earlier papers had votes, and the most votes of one."""

    by_author: Mapping[str, tuple[int, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, earlier: Iterable[Earlier]) -> "Standing":
        """The standing that those papers give their authors."""
        found: dict[str, tuple[int, float]] = {}
        for paper in earlier:
            for author in paper.authors:
                papers, best = found.get(author, (0, 0.0))
                found[author] = (papers + 1, max(best, paper.votes))
        return cls(found)

    def among(self, authors: Iterable[str]) -> list[tuple[int, float]]:
        """Of these authors, those who are known."""
        return [self.by_author[author] for author in authors if author in self.by_author]


def _known(paper: Paper, standing: Standing) -> float:
    return 2 * len(standing.among(paper.authors)) / max(1, len(paper.authors))


def _papers(paper: Paper, standing: Standing) -> float:
    return math.log1p(sum(papers for papers, _ in standing.among(paper.authors))) / 2


def _best(paper: Paper, standing: Standing) -> float:
    return math.log1p(max((best for _, best in standing.among(paper.authors)), default=0)) / 3


def _link(paper: Paper, _standing: Standing) -> float:
    said = paper.abstract.lower()
    return float(any(word in said for word in _LINKS))


def _is(category: str) -> Callable[[Paper, Standing], float]:
    return lambda paper, _: float(paper.categories[:1] == (category,))


# Scaled so that one unit is about the spread among papers, and one ridge fits all.
FEATURES: Mapping[str, Callable[[Paper, Standing], float]] = {
    "known authors": _known,
    "how many of them": lambda paper, standing: math.log1p(len(standing.among(paper.authors))),
    "their papers": _papers,
    "their best": _best,
    "authors": lambda paper, _: math.log1p(len(paper.authors)),
    "a link": _link,
    "a name": lambda paper, _: float(":" in paper.title),
    "categories": lambda paper, _: float(min(len(paper.categories), 6)) - 1,
    "length": lambda paper, _: min(len(paper.abstract), 3000) / 1000,
    "cs.CL": _is("cs.CL"),
    "cs.CV": _is("cs.CV"),
    "cs.LG": _is("cs.LG"),
}
ABOUT_AUTHORS = ("known authors", "how many of them", "their papers", "their best", "authors")


@dataclass(frozen=True, slots=True)
class Cold:
    """The fitted model: ``bias`` and a weight for each of ``FEATURES``, in log-odds; ``words``."""

    bias: float
    weights: Mapping[str, float]
    words: Mapping[str, float] = field(default_factory=dict)

    def parts(self, paper: Paper, standing: Standing) -> tuple[float, float]:
        """The log-odds of becoming popular: what the authors say, and what the text says.

        The bias belongs to the text.
        """
        said = {n: w * FEATURES[n](paper, standing) for n, w in self.weights.items()}
        authors = sum(said[name] for name in ABOUT_AUTHORS if name in said)
        text = sum(said.values()) - authors + said_by(words_of(paper), self.words)
        return authors, self.bias + text


def fit(rows: Sequence[Sequence[float]], popular: Sequence[bool], ridge: float = 1.0) -> Cold:
    """Fits the model: ``rows`` hold the ``FEATURES`` in their order, without a constant.

    Raises:
        ValueError: there is nothing to tell apart.
    """
    if not any(popular) or all(popular):
        raise ValueError("popular and unpopular papers are needed to tell them apart")
    table = [[1.0, *row] for row in rows]
    width = len(table[0])
    weights = [0.0] * width
    for _ in range(STEPS):
        gradient = [0.0] + [-ridge * w for w in weights[1:]]
        hessian = [[ridge * (i == j > 0) for j in range(width)] for i in range(width)]
        for row, hit in zip(table, popular, strict=True):
            odds = sum(w * x for w, x in zip(weights, row, strict=True))
            chance = 1 / (1 + math.exp(-max(-STEEPEST, min(STEEPEST, odds))))
            slope = chance * (1 - chance)
            for i, x in enumerate(row):
                gradient[i] += (hit - chance) * x
                line = hessian[i]
                for j in range(i + 1):
                    line[j] += slope * x * row[j]
        step = _solve(hessian, gradient)
        weights = [w + s for w, s in zip(weights, step, strict=True)]
    return Cold(weights[0], dict(zip(FEATURES, weights[1:], strict=True)))


def _solve(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """Solves a symmetric positive definite system, given by its lower half (Cholesky)."""
    size, lower = len(right), [list[float]() for _ in right]
    for i in range(size):
        for j in range(i + 1):
            rest = matrix[i][j] - sum(a * b for a, b in zip(lower[i], lower[j], strict=False))
            lower[i].append(math.sqrt(max(rest, 1e-12)) if i == j else rest / lower[j][j])
    forward: list[float] = []
    for i in range(size):
        done = sum(lower[i][j] * forward[j] for j in range(i))
        forward.append((right[i] - done) / lower[i][i])
    found = [0.0] * size
    for i in reversed(range(size)):
        done = sum(lower[j][i] * found[j] for j in range(i + 1, size))
        found[i] = (forward[i] - done) / lower[i][i]
    return found
