"""Sources: what annotators share: whom to ask about next, and what is worth writing down.

known ──▶ due: those not asked for the longest, so many a look ──▶ ask, one after the other
                                                                    └─▶ findings ──▶ a harvest
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus

from digest.errors import SourceError
from digest.model import Candidate, FetchState, Harvest, Paper, Signal, Visit
from digest.sources.client import Answer, Client
from digest.sources.fields import instant

# Who is told of at all: a paper with one of these signals was noticed by somebody.
NOTICE = frozenset({"votes", "listed", "points", "comments"})
READABLE = frozenset({HTTPStatus.OK, HTTPStatus.NOT_MODIFIED})
DAY = timedelta(days=1)
UNWELCOME = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a service says of one paper: numbers by the name of their signal, and links."""

    paper_id: str
    counts: Mapping[str, float]
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One address to ask about one paper, or about those that share it."""

    url: str
    paper_ids: tuple[str, ...]


# Reads an answer of status 200 or 304; raises SourceError where it cannot be read.
Reader = Callable[[Question, Answer], Sequence[Finding]]


def due(
    questions: Iterable[Question],
    visits: Mapping[str, Visit],
    now: datetime,
    *,
    most: int,
    rest: timedelta,
) -> list[Question]:
    """The questions of this look: at most ``most``, none that was asked within ``rest``.

    Those never asked come first, then those asked the longest ago; ties keep their order.
    """
    asked = [(asked_at(visits.get(one.url)), one) for one in questions]
    open_ = [(at, one) for at, one in asked if at is None or at > now or now - at >= rest]
    open_.sort(key=lambda pair: pair[0].timestamp() if pair[0] else 0.0)
    return [one for _, one in open_[:most]]


def asked_at(visit: Visit | None) -> datetime | None:
    """When an address was asked, as it was remembered."""
    return instant(visit.built) if visit else None


def rests(visit: Visit | None, now: datetime, every: timedelta) -> bool:
    """Whether an address was asked within ``every`` before ``now``."""
    at = asked_at(visit)
    return at is not None and timedelta() <= now - at < every


def noticed(known: Mapping[str, Candidate]) -> list[Candidate]:
    """The papers that somebody noticed, those with the most recent notice first."""
    found = [
        (max(signal.at for signal in candidate.signals if signal.name in NOTICE), candidate)
        for candidate in known.values()
        if any(signal.name in NOTICE for signal in candidate.signals)
    ]
    found.sort(key=lambda pair: (-pair[0].timestamp(), pair[1].paper.id))
    return [candidate for _, candidate in found]


def last_value(
    candidate: Candidate, source: str, name: str, until: datetime | None = None
) -> Signal | None:
    """The last observation of that name by that source (at ``until`` or before)."""
    seen = [
        signal
        for signal in candidate.signals
        if (signal.source, signal.name) == (source, name) and (until is None or signal.at <= until)
    ]
    return max(seen, key=lambda signal: signal.at, default=None)


def harvest(
    source: str,
    known: Mapping[str, Candidate],
    findings: Sequence[Finding],
    now: datetime,
    *,
    visits: Sequence[Visit] = (),
    listed: int = 0,
    fault: str = "",
) -> Harvest:
    """What a look found, as it is kept: only what is new, and only of papers that are known.

    A number is written down when it changed, and once a day while it does not; nothing at all is
    worth a row only where there was something before. Links are offered under the paper as it is
    known, so that they can fill what is missing and change nothing else.
    """
    ours = [(known[one.paper_id], one) for one in findings if one.paper_id in known]
    signals = [
        Signal(paper_id=one.paper_id, source=source, name=name, value=value, at=now)
        for candidate, one in ours
        for name, value in one.counts.items()
        if _news(last_value(candidate, source, name), value, now)
    ]
    papers = [_linked(candidate.paper, one.links) for candidate, one in ours]
    state = FetchState.FRESH if listed else FetchState.QUIET
    return Harvest(
        source=source,
        state=FetchState.FAILED if fault else state,
        papers=tuple(paper for paper in papers if paper),
        signals=tuple(signals),
        visits=tuple(visits),
        listed=listed,
        note=fault,
    )


def _news(last: Signal | None, value: float, now: datetime) -> bool:
    if last is None:
        return value != 0
    return value != last.value or (value != 0 and now - last.at >= DAY)


def _linked(paper: Paper, links: Mapping[str, str]) -> Paper | None:
    """The paper with the links that it lacks; None if it lacks none."""
    missing = {name: address for name, address in links.items() if name not in paper.links}
    return replace(paper, links=missing) if missing else None


def _welcome(answer: Answer, source: str) -> None:
    """Raises for an answer after which it is polite to ask no more."""
    if answer.status in UNWELCOME:
        raise SourceError(source, f"{answer.status}: not allowed, or too often")


async def look_round(
    client: Client,
    questions: Sequence[Question],
    read: Reader,
    *,
    visits: Mapping[str, Visit],
    known: Mapping[str, Candidate],
    now: datetime,
) -> Harvest:
    """Asks all ``questions``, one after the other, until one is not answered as it should be.

    Every address that was asked is remembered with its time, the one that failed included: the
    next round begins with others, and one bad address stops nobody for ever.
    """
    findings: list[Finding] = []
    asked: list[Visit] = []
    fault = ""
    async with client:
        for question in questions:
            last = visits.get(question.url) or Visit(url=question.url)
            asked.append(last)
            try:
                answer = await client.get(question.url, last)
                _welcome(answer, client.source)
                if answer.status in READABLE:
                    findings += await asyncio.to_thread(read, question, answer)
            except SourceError as error:
                fault = f"{error.args[0]} (question {len(asked)} of {len(questions)})"
                break
            asked[-1] = answer.visit
    return harvest(
        client.source,
        known,
        findings,
        now,
        visits=[replace(visit, built=now.isoformat()) for visit in asked],
        listed=len(asked),
        fault=fault,
    )
