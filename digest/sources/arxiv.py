"""Sources: arXiv's announcements, read from one RSS feed of all configured categories.

The rhythm (all times of New York; https://info.arxiv.org/help/availability.html):

    Sun  Mon  Tue  Wed  Thu     20:00  a batch is announced, unless the evening is deferred
       Mon  Tue  Wed  Thu  Fri  00:00  the feed of the new day shows the batch of that evening
    Fri, Sat                           quiet evenings: the feeds of Saturday and Sunday are empty

A date among the holidays is that of an *evening*, as arXiv lists its deferred mailings: it empties
the feed of the day after (Tuesday 2025-12-30 the feed of Wednesday 2025-12-31).
"""

import asyncio
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from http import HTTPStatus
from zoneinfo import ZoneInfo

import httpx2

from digest.errors import SourceError
from digest.model import FetchState, Harvest, Signal, Visit
from digest.settings import ArxivPart
from digest.sources import arxiv_lists
from digest.sources.arxiv_feed import NAME, Batch, Entry, parse
from digest.sources.arxiv_lists import Lists
from digest.sources.client import Answer, Client
from digest.sources.fields import instant

EASTERN = ZoneInfo("America/New_York")
REBUILD = timedelta(minutes=30)  # a feed is built within seconds of midnight; this is generous
PAUSE = 3.0  # seconds between two requests: https://info.arxiv.org/help/api/tou.html
DAY = timedelta(days=1)
LOOK_BACK = 14  # days: longer than arXiv has ever been silent


class Source:
    """arXiv. One GET a look; whoever looks again before the next build is told 304."""

    name = NAME
    emits = frozenset({"announced", "code"})

    def __init__(
        self,
        options: ArxivPart,
        *,
        agent: str,
        transport: httpx2.AsyncBaseTransport | None = None,
        pause: float | None = None,
        wait: float = 1.0,
    ) -> None:
        if pause is None:  # a transport of one's own troubles nobody
            pause = PAUSE if transport is None else 0.0
        self._options = options
        self.url = f"{options.base_url}/rss/{'+'.join(options.categories)}"
        self._client = Client(
            self.name,
            agent=agent,
            timeout=options.timeout,
            max_megabytes=options.max_megabytes,
            pause=pause,
            wait=wait,
            transport=transport,
        )

    async def fetch(self, now: datetime, visits: Mapping[str, Visit]) -> Harvest:
        """The batch that the feed shows at ``now``: see ``sources.Source``.

        Raises:
            SourceError: no answer, or none that can be read.
        """
        last = visits.get(self.url)
        async with self._client as client:
            answer = await client.get(self.url, last)
        if answer.status == HTTPStatus.NOT_MODIFIED:
            return Harvest(source=self.name, state=FetchState.UNCHANGED, visits=(answer.visit,))
        batch = await asyncio.to_thread(_batch, answer)
        state, remark = self._judge(batch, last, now)
        lists = self._lists(batch, visits, now) if state is FetchState.FRESH else Lists()
        papers = batch.announced
        return Harvest(
            source=self.name,
            state=state,
            papers=tuple(entry.paper for entry in papers),
            signals=(
                *(signal for entry in papers for signal in _signals(entry, now)),
                *(_revised(entry, now) for entry in batch.replaced if entry.version > 1),
            ),
            visits=()
            if state is FetchState.FAILED
            else (
                _remember(batch, answer, last, state),
                *lists.visits,
            ),
            tallies=lists.tallies,
            listed=batch.listed,
            note="; ".join(part for part in (remark, lists.note, batch.note) if part),
        )

    def _lists(self, batch: Batch, visits: Mapping[str, Visit], now: datetime) -> Lists:
        """The batch category by category; an old batch, or none, would say nothing of them."""
        return arxiv_lists.lists(
            batch,
            self._options.categories,
            self.url,
            visits,
            lambda visit: self._is_due(visit, batch, now),
        )

    def _is_due(self, last: Visit, batch: Batch, now: datetime) -> bool:
        """Whether the batch, built at another time, should be another than the last one."""
        before, after = instant(last.built), instant(batch.built) or now
        quiet, holidays = self._options.quiet_evenings, self._options.holidays
        return before is not None and _announced_between(before, after, quiet, holidays)

    def _judge(self, batch: Batch, last: Visit | None, now: datetime) -> tuple[FetchState, str]:
        quiet, holidays = self._options.quiet_evenings, self._options.holidays
        if batch.cut:
            return FetchState.FAILED, ""
        if not batch.listed:
            if expects_announcement(now, quiet, holidays):
                return FetchState.MISSING, "empty, although a batch was due"
            return FetchState.QUIET, ""
        if not batch.entries:
            return FetchState.FAILED, "not one entry can be read"
        if last and last.batch == fingerprint(batch) and last.built != batch.built:
            before = instant(last.built)
            if before and self._is_due(last, batch, now):
                day = before.astimezone(EASTERN).date()
                return FetchState.STALE, f"the batch of {day} again under a new build date"
        return FetchState.FRESH, ""


def expects_announcement(
    now: datetime, quiet_evenings: Collection[int], holidays: Collection[date]
) -> bool:
    """Whether the feed, as it stands at ``now``, should show a batch.

    Around midnight in New York it may be the old day's feed or the new one's: only what both
    should show is expected.

    Args:
        now: an aware instant.
        quiet_evenings: weekdays (Monday is 0) on whose evenings nothing is announced.
        holidays: further evenings without an announcement, as New York dates.
    """
    days = {moment.astimezone(EASTERN).date() for moment in (now, now - REBUILD)}
    return all(_shows_batch(day, quiet_evenings, holidays) for day in days)


def fingerprint(batch: Batch) -> str:
    """What a batch is known by: a hash of its ids and announcement types, in any order."""
    lines = sorted(f"{entry.paper.id} {entry.kind}" for entry in batch.entries)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _shows_batch(day: date, quiet_evenings: Collection[int], holidays: Collection[date]) -> bool:
    evening = day - DAY
    return evening.weekday() not in quiet_evenings and evening not in holidays


def _announced_between(
    before: datetime, after: datetime, quiet_evenings: Collection[int], holidays: Collection[date]
) -> bool:
    """Whether a feed built after ``before``, and not after ``after``, should show a new batch."""
    first, last = (moment.astimezone(EASTERN).date() for moment in (before, after))
    days = min((last - first).days, LOOK_BACK)
    return any(_shows_batch(last - n * DAY, quiet_evenings, holidays) for n in range(max(0, days)))


def _batch(answer: Answer) -> Batch:
    """Reads an answer; arXiv explains a bad request in a feed, so any status may hold one."""
    try:
        batch = parse(answer.body)
    except SourceError as error:
        raise SourceError(NAME, f"{error.args[0]} ({answer.status})") from error
    if answer.status != HTTPStatus.OK:
        raise SourceError(NAME, f"{answer.status} with a feed of {batch.listed} entries")
    return batch


def _remember(batch: Batch, answer: Answer, last: Visit | None, state: FetchState) -> Visit:
    """The new validators; an empty or stale feed is no new batch to compare the next one with."""
    if state is FetchState.FRESH:
        return replace(answer.visit, built=batch.built, batch=fingerprint(batch))
    if last is None:
        return answer.visit
    return replace(answer.visit, built=last.built, batch=last.batch)


def _signals(entry: Entry, now: datetime) -> list[Signal]:
    signals = []
    if entry.announced_at:
        at = min(entry.announced_at, now)  # nothing was announced in the future
        signals.append(_signal(entry, "announced", at))
    if "code" in entry.paper.links:
        signals.append(_signal(entry, "code", now))
    return signals


def _revised(entry: Entry, now: datetime) -> Signal:
    """A new version, of a paper that is known or not: the store keeps only what is."""
    at = min(entry.announced_at or now, now)
    return _signal(entry, "revised", at, float(entry.version))


def _signal(entry: Entry, name: str, at: datetime, value: float = 1.0) -> Signal:
    return Signal(paper_id=entry.paper.id, source=NAME, name=name, value=value, at=at)
