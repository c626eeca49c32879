"""Sources: arXiv's query API, for a first stock of papers and for what the RSS has missed.

Asked at most once a day, one request per three seconds on one connection, as its terms want it for
the RSS and the API together (https://info.arxiv.org/help/api/tou.html): so it looks after the
sources have, and never at the same time. It re-reads the last days, because the API lags behind
the announcements and the RSS has been seen with holes; ids tell what is new, so a paper that came
by the RSS stays as it is. The report's line counts what was not known: that is what was missed.

A paper that only another list has named has no category, so no reader who chose topics gets it as
one of theirs. The newest of such papers are looked up by their ids, in one request every six hours.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Unpack
from urllib.parse import urlencode

from digest.errors import SourceError
from digest.model import Candidate, FetchState, Harvest, Signal, Visit
from digest.settings.sources import ArxivApiPart
from digest.sources.arxiv_feed import Batch, Entry, parse
from digest.sources.client import Answer, Client
from digest.sources.fields import arxiv_id
from digest.sources.manners import Network, client
from digest.sources.observing import rests

NAME = "arxiv_api"
PAUSE = 3.0  # seconds between two requests, for all of arXiv's old interfaces together
LOOKUP = timedelta(hours=6)  # between two look-ups of topics,
LOOKUPS = 100  # of so many papers
PAGE = 500  # entries a request; arXiv takes up to 2,000, and answers small ones more reliably


class Source:
    """arXiv's API. It announces nothing: a paper's delay counts from when we first saw it."""

    name = NAME
    emits = frozenset({"code"})

    def __init__(self, options: ArxivApiPart, **network: Unpack[Network]) -> None:
        self._options = options
        self.url = f"{options.base_url}/api/query"
        self.topics = f"{self.url}#topics"  # when topics were last looked up
        self._every = timedelta(hours=options.every_hours)
        self._client = client(NAME, options, network, pause=PAUSE)

    async def annotate(
        self,
        now: datetime,
        visits: Mapping[str, Visit],
        known: Mapping[str, Candidate],
    ) -> Harvest:
        """What was submitted in the last days at ``now``: see ``sources.Annotator``.

        The store tells what is new, and fills gaps. A page that fails after the first one makes the
        look a failure that keeps what it has.

        Raises:
            SourceError: the first page did not come, or cannot be read.
        """
        recent = not rests(visits.get(self.url), now, self._every)
        unknown = [] if rests(visits.get(self.topics), now, LOOKUP) else _without_topic(known)
        if not (recent or unknown):
            return Harvest(source=self.name, state=FetchState.UNCHANGED)
        found = _Found()
        async with self._client as http:
            http.follow()
            if recent:
                await self._recent(http, now, found)
            if unknown and not found.fault:  # who was just refused does not ask again
                await self._look_up(http, unknown, found)
        return self._harvest(found, now)

    async def _recent(self, http: Client, now: datetime, found: "_Found") -> None:
        """Adds what was submitted in the last days, page by page."""
        total, most = 1, self._options.pages
        for number in range(most):
            try:
                answer = await http.get(self._address(now, number))
                batch = await asyncio.to_thread(_page, answer)
            except SourceError as error:
                if not number:
                    raise
                found.fault = f"page {number}: {error.args[0]}"
                break
            found.entries += batch.entries
            total = batch.listed if batch.total is None else batch.total
            due = min(PAGE, total - number * PAGE)
            if batch.listed < due:  # arXiv gives short and empty pages, too
                found.fault = f"page {number}: {batch.listed} of {due} entries came"
            if found.fault or (number + 1) * PAGE >= total:
                break
        if total > most * PAGE:
            found.remarks.append(f"only the latest {most * PAGE:,} of {total:,} were asked for")
        found.asked += [] if found.fault else [self.url]

    async def _look_up(self, http: Client, names: Sequence[str], found: "_Found") -> None:
        """Adds these papers as arXiv knows them; a look-up that failed has had its turn, too."""
        found.asked.append(self.topics)
        query = {"id_list": ",".join(names), "max_results": len(names)}
        try:
            answer = await http.get(f"{self.url}?{urlencode(query)}")
            batch = await asyncio.to_thread(_page, answer)
        except SourceError as error:
            found.fault = f"topics: {error.args[0]}"
            return
        wanted = set(names)
        ours = [entry for entry in batch.entries if entry.paper.id in wanted]
        found.entries += ours
        found.remarks.append(f"topics of {len(ours)} of {len(names)} papers looked up")

    def _address(self, now: datetime, number: int) -> str:
        since = now - timedelta(days=self._options.days)
        categories = " OR ".join(f"cat:{name}" for name in self._options.categories)
        dates = f"[{since:%Y%m%d%H%M} TO {now:%Y%m%d%H%M}]"
        query = {
            "search_query": f"({categories}) AND submittedDate:{dates}",
            "sortBy": "submittedDate",
            "sortOrder": "descending",
            "start": number * PAGE,
            "max_results": PAGE,
        }
        return f"{self.url}?{urlencode(query)}"

    def _harvest(self, found: "_Found", now: datetime) -> Harvest:
        papers = {entry.paper.id: entry.paper for entry in found.entries}
        state = FetchState.FRESH if papers else FetchState.QUIET
        return Harvest(
            source=self.name,
            state=FetchState.FAILED if found.fault else state,
            papers=tuple(papers.values()),
            signals=tuple(
                Signal(paper_id=paper.id, source=self.name, name="code", value=1.0, at=now)
                for paper in papers.values()
                if "code" in paper.links
            ),
            visits=tuple(Visit(url=url, built=now.isoformat()) for url in found.asked),
            listed=len(found.entries),
            note="; ".join(part for part in (found.fault, *found.remarks) if part),
        )


@dataclass(slots=True)
class _Found:
    """What a look has brought so far; ``asked`` are the questions that rest now."""

    entries: list[Entry] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    fault: str = ""


def _without_topic(known: Mapping[str, Candidate]) -> list[str]:
    """The ids of papers of arXiv whose category nobody has told, the latest seen first."""
    bare = [one for one in known.values() if not one.paper.categories]
    bare.sort(key=lambda one: (one.seen_at, one.paper.id), reverse=True)
    return [one.paper.id for one in bare if arxiv_id(one.paper.id) == one.paper.id][:LOOKUPS]


def _page(answer: Answer) -> Batch:
    """The entries of a page; arXiv explains a bad request in a feed, whatever the status.

    Raises:
        SourceError: it is no page, or not a whole one.
    """
    batch = parse(answer.body)
    if answer.status != HTTPStatus.OK:
        raise SourceError(NAME, f"{answer.status} with a feed of {batch.listed} entries")
    if batch.cut:
        raise SourceError(NAME, batch.note)
    return batch
