"""Sources: arXiv's query API, for a first stock of papers and for what the RSS has missed.

Asked at most once a day, one request per three seconds on one connection, as its terms want it for
the RSS and the API together (https://info.arxiv.org/help/api/tou.html): so it looks after the
sources have, and never at the same time. It re-reads the last days, because the API lags behind
the announcements and the RSS has been seen with holes; ids tell what is new, so a paper that came
by the RSS stays as it is. The report's line counts what was not known: that is what was missed.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Unpack
from urllib.parse import urlencode

from digest.errors import SourceError
from digest.model import Candidate, FetchState, Harvest, Signal, Visit
from digest.settings.sources import ArxivApiPart
from digest.sources.arxiv_feed import Batch, Entry, parse
from digest.sources.client import Answer
from digest.sources.manners import Network, client
from digest.sources.observing import rests

NAME = "arxiv_api"
PAUSE = 3.0  # seconds between two requests, for all of arXiv's old interfaces together
PAGE = 500  # entries a request; arXiv takes up to 2,000, and answers small ones more reliably


class Source:
    """arXiv's API. It announces nothing: a paper's delay counts from when we first saw it."""

    name = NAME
    emits = frozenset({"code"})

    def __init__(self, options: ArxivApiPart, **network: Unpack[Network]) -> None:
        self._options = options
        self.url = f"{options.base_url}/api/query"
        self._every = timedelta(hours=options.every_hours)
        self._client = client(NAME, options, network, pause=PAUSE)

    async def annotate(
        self,
        now: datetime,
        visits: Mapping[str, Visit],
        known: Mapping[str, Candidate],  # noqa: ARG002 - the store tells what is new, and fills gaps
    ) -> Harvest:
        """What was submitted in the last days at ``now``: see ``sources.Annotator``.

        A page that fails after the first one makes the look a failure that keeps what it has.

        Raises:
            SourceError: the first page did not come, or cannot be read.
        """
        if rests(visits.get(self.url), now, self._every):
            return Harvest(source=self.name, state=FetchState.UNCHANGED)
        entries: list[Entry] = []
        fault, total = "", 1
        async with self._client as http:
            http.follow()
            for number in range(self._options.pages):
                try:
                    answer = await http.get(self._address(now, number))
                    batch = await asyncio.to_thread(_page, answer)
                except SourceError as error:
                    if not number:
                        raise
                    fault = f"page {number}: {error.args[0]}"
                    break
                entries += batch.entries
                total = batch.listed if batch.total is None else batch.total
                due = min(PAGE, total - number * PAGE)
                if batch.listed < due:  # arXiv gives short and empty pages, too
                    fault = f"page {number}: {batch.listed} of {due} entries came"
                if fault or (number + 1) * PAGE >= total:
                    break
        return self._harvest(entries, fault, total, now)

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

    def _harvest(self, entries: list[Entry], fault: str, total: int, now: datetime) -> Harvest:
        papers = {entry.paper.id: entry.paper for entry in entries}
        most = self._options.pages * PAGE
        remark = f"only the latest {most:,} of {total:,} were asked for" if total > most else ""
        state = FetchState.FRESH if papers else FetchState.QUIET
        seen = Visit(url=self.url, built=now.isoformat())
        return Harvest(
            source=self.name,
            state=FetchState.FAILED if fault else state,
            papers=tuple(papers.values()),
            signals=tuple(
                Signal(paper_id=paper.id, source=self.name, name="code", value=1.0, at=now)
                for paper in papers.values()
                if "code" in paper.links
            ),
            visits=() if fault else (seen,),
            listed=len(entries),
            note="; ".join(part for part in (fault, remark) if part),
        )


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
