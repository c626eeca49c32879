"""Of the backtest: papers without votes, ranked by what the past says of authors and text.

A day of arXiv is tried with weights fitted on the days before it. What is known of authors are the
votes that recorded digests had shown before that day began.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from statistics import fmean

from digest.backtest.recorded import Recorded, rows
from digest.errors import InputError
from digest.model import Earlier, Paper
from digest.ranking.cold import FEATURES, POPULAR, Cold, Standing, fit
from digest.ranking.reading import count
from digest.ranking.words import said_by, weigh, words_of

TOP = 10
WARM_UP = 8  # days before the first trial


@dataclass(frozen=True, slots=True)
class Fresh:
    """One paper of arXiv: its features on its day, whether it was listed later, and its votes."""

    day: str
    known: Sequence[float]
    words: Collection[str]
    listed: bool
    final: float


@dataclass(frozen=True, slots=True)
class Trial:
    """How a rolling trial went: means over ``days`` days; ``pooled`` is the AUC of all together."""

    days: int
    auc: float
    pooled: float
    ndcg: float


def examples(arxiv: Path, recorded: Recorded) -> list[Fresh]:
    """The papers of the file in the order of their days; those listed by morning are left out.

    Raises:
        InputError: the file cannot be read.
    """
    needed = ("date", "paper_id", "title", "authors", "abstract", "cats", "on_hf_later")
    try:
        table = sorted(rows(arxiv, needed), key=lambda row: row["date"])
        found = []
        for day, papers in groupby(table, key=lambda row: row["date"]):
            began = datetime.fromisoformat(day).replace(tzinfo=UTC)
            standing = Standing.of(_earlier(recorded, began))
            found += [_fresh(row, standing) for row in papers if not _early(row)]
    except ValueError as error:
        raise InputError("arxiv", f"{arxiv}: {error}") from error
    return found


def learn(papers: Sequence[Fresh]) -> Cold:
    """The weights fitted on those papers."""
    cold = fit([paper.known for paper in papers], [paper.final >= POPULAR for paper in papers])
    words = weigh([paper.words for paper in papers], [paper.listed for paper in papers])
    return replace(cold, words=words)


def trial(papers: Sequence[Fresh]) -> Trial:
    """Every day after the first ones, ranked by weights fitted on the days before it."""
    days = sorted({paper.day for paper in papers})
    auc, gains, pool = [], [], list[tuple[float, bool]]()
    for day in days[WARM_UP:]:
        model = learn([paper for paper in papers if paper.day < day])
        today = [paper for paper in papers if paper.day == day]
        scores = [_score(model, paper) for paper in today]
        scored = [(score, paper.listed) for score, paper in zip(scores, today, strict=True)]
        pool += scored
        if 0 < sum(paper.listed for paper in today) < len(today):
            auc.append(_auc(scored))
        gains.append(_ndcg(scores, [paper.final for paper in today]))
    kept = [gain for gain in gains if not math.isnan(gain)]
    return Trial(len(kept), fmean(auc), _auc(pool), fmean(kept))


def _earlier(recorded: Recorded, before: datetime) -> Iterator[Earlier]:
    """Each paper with the most votes that a digest before that instant had seen."""
    best: dict[str, Earlier] = {}
    for day in recorded.days:
        if day.at >= before:
            break
        for one in day.candidates:
            votes = max(count(s.value) for s in one.signals if s.name == "votes")
            there = best.get(one.paper.id)
            if votes and (there is None or votes > there.votes):
                best[one.paper.id] = Earlier(authors=one.paper.authors, votes=votes)
    return iter(best.values())


def _early(row: Mapping[str, str]) -> bool:
    return row.get("already_on_hf_at_06utc") == "True"


def _fresh(row: Mapping[str, str], standing: Standing) -> Fresh:
    categories = row["cats"].split("|")
    primary = row.get("primary") or categories[0]
    paper = Paper(
        id=row["paper_id"],
        title=row["title"],
        abstract=row["abstract"],
        authors=tuple(row["authors"].split("|")),
        categories=(primary, *(one for one in categories if one != primary)),
        source="arxiv",
    )
    known = [feature(paper, standing) for feature in FEATURES.values()]
    listed = float(row["on_hf_later"] or 0) > 0
    final = float(row.get("final_upvotes") or 0)
    return Fresh(row["date"], known, words_of(paper), listed, final)


def _score(model: Cold, paper: Fresh) -> float:
    numbers = sum(w * x for w, x in zip(model.weights.values(), paper.known, strict=True))
    return model.bias + numbers + said_by(paper.words, model.words)


def _auc(scored: Sequence[tuple[float, bool]]) -> float:
    """The chance that a hit stands above a miss (Mann and Whitney), ties counting half."""
    hits = [hit for _, hit in scored]
    ordered = sorted(scored)
    below, won = 0.0, 0.0
    for _, tied in groupby(ordered, key=lambda pair: pair[0]):
        group = [hit for _, hit in tied]
        misses = len(group) - sum(group)
        won += sum(group) * (below + misses / 2)
        below += misses
    return won / (below * sum(hits))


def _ndcg(scores: Sequence[float], gains: Sequence[float]) -> float:
    order = sorted(range(len(scores)), key=lambda place: -scores[place])
    best = _dcg(sorted(gains, reverse=True))
    return _dcg([gains[place] for place in order]) / best if best else math.nan


def _dcg(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains[:TOP], 1))
