"""A rule: how an edition came about, in the facts that its foot and its head tell readers."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from digest.model import (
    Candidate,
    Colophon,
    Edition,
    Gap,
    Revision,
    SourceReport,
)

LOOK_BACK = timedelta(hours=24)  # what was read within this time went into the edition
_MOST_REVISED = 5
_MOST_GAPS = 7


def colophon(
    *,
    before: Edition | None,
    gaps: Sequence[Gap],
    looks: Iterable[SourceReport],
    candidates: Iterable[Candidate],
    now: datetime,
) -> Colophon:
    """What there is to tell of an edition made at ``now``.

    Args:
        before: the last edition of an earlier day.
        gaps: the days without papers since.
        looks: at the sources within ``LOOK_BACK``, oldest first.
        candidates: what the edition was made from.
        now: aware, UTC.
    """
    return Colophon(
        since=before.day if before else None,
        looks=telling(looks),
        gaps=tuple(gaps[-_MOST_GAPS:]),
        revised=revised(candidates, before, now) if before else (),
    )


def telling(looks: Iterable[SourceReport]) -> tuple[SourceReport, ...]:
    """One look per source, by name: the last that listed something, else the last of all.

    What was new counts over all of them: most papers were new in an earlier look of the day.
    """
    best: dict[str, SourceReport] = {}
    new: Counter[str] = Counter()
    for look in looks:
        there = best.get(look.source)
        new[look.source] += look.new
        if there is None or look.listed or not there.listed:
            best[look.source] = look
    return tuple(replace(best[name], new=new[name]) for name in sorted(best))


def revised(
    candidates: Iterable[Candidate], before: Edition, now: datetime
) -> tuple[Revision, ...]:
    """Papers of the edition before that got a new version since, best rank first."""
    ranks = {item.paper.id: item.rank for item in before.items}
    found = list[tuple[int, Revision]]()
    for candidate in candidates:
        versions = [
            int(signal.value)
            for signal in candidate.signals
            if signal.name == "revised" and before.cut < signal.at <= now
        ]
        paper = candidate.paper
        if versions and paper.id in ranks:
            url = paper.links.get("paper", "")
            line = Revision(title=paper.title, version=max(versions), url=url)
            found.append((ranks[paper.id], line))
    found.sort(key=lambda pair: pair[0])
    return tuple(line for _, line in found[:_MOST_REVISED])
