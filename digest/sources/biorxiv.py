"""Sources: bioRxiv and medRxiv, read from the one API of both.

``/details/SERVER/FROM/TO/CURSOR/json`` gives 100 papers a page (https://api.biorxiv.org). Dates are
those of the posting, in the servers' own zone; revisions of older papers are no news. A paper has
the category of arXiv that its subject comes closest to, for readers choose among these.
"""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Unpack

from digest.errors import SourceError
from digest.model import FetchState, Harvest, Paper, Signal, Visit
from digest.settings.sources import BiorxivPart
from digest.sources import documents, fields
from digest.sources.client import Answer, Client
from digest.sources.fields import instant, one_line, text
from digest.sources.identity import doi
from digest.sources.manners import Network, client
from digest.sources.observing import rests
from digest.taxonomy import topic_of

NAME = "biorxiv"
PAUSE = 1.0  # seconds between two requests; no limit is published
DAY = timedelta(days=1)

Entry = dict[str, object]


class Source:
    """Both servers: new papers of the last days in the chosen categories."""

    name = NAME
    emits = frozenset({"announced", "code"})

    def __init__(self, options: BiorxivPart, **network: Unpack[Network]) -> None:
        self._options = options
        self._categories = {name.lower() for name in options.categories}
        self._client = client(NAME, options, network, pause=PAUSE)

    async def fetch(self, now: datetime, visits: Mapping[str, Visit]) -> Harvest:
        """The postings of the last days at ``now``: see ``sources.Source``.

        A server that fails, or a page of it, makes the look a failure that keeps the rest.

        Raises:
            SourceError: nothing at all can be read.
        """
        last = visits.get(self._options.base_url)
        if rests(last, now, timedelta(hours=self._options.every_hours)):
            return Harvest(source=self.name, state=FetchState.UNCHANGED)
        listed: list[Entry] = []
        faults: list[str] = []
        async with self._client as http:
            for server in self._options.servers:
                try:
                    await self._read(http, server, now, listed)
                except SourceError as error:
                    faults.append(f"{server}: {error.args[0]}")
        if faults and not listed:
            raise SourceError(self.name, "; ".join(faults))
        return self._harvest(listed, "; ".join(faults), now)

    async def _read(self, http: Client, server: str, now: datetime, listed: list[Entry]) -> None:
        """Adds the entries of one server, page by page."""
        first = (now - (self._options.days - 1) * DAY).date()
        address = f"{self._options.base_url}/details/{server}/{first}/{now.date()}"
        cursor = 0
        for _ in range(self._options.pages):
            page, total = await asyncio.to_thread(_page, await http.get(f"{address}/{cursor}/json"))
            listed += [{**entry, "server": server} for entry in page]
            cursor += len(page)
            if not page or cursor >= total:
                break
        if cursor < total:
            raise SourceError(self.name, f"{cursor} of {total} papers came")

    def _harvest(self, listed: list[Entry], fault: str, now: datetime) -> Harvest:
        new = [entry for entry in listed if self._wanted(entry)]
        read = [paper for entry in new if (paper := _paper(entry))]
        papers = {paper.id: paper for paper in read}
        lost = len(new) - len(read)
        if new and not read:
            fault = fault or f"not one of {len(new)} entries can be read"
        remark = f"{lost} of {len(new)} entries without a DOI or title dropped" if lost else ""
        state = FetchState.FRESH if papers else FetchState.QUIET
        seen = Visit(url=self._options.base_url, built=now.isoformat())
        return Harvest(
            source=self.name,
            state=FetchState.FAILED if fault else state,
            papers=tuple(papers.values()),
            signals=tuple(signal for paper in papers.values() for signal in _signals(paper, now)),
            visits=() if fault else (seen,),
            listed=len(listed),
            note="; ".join(part for part in (fault, remark) if part),
        )

    def _wanted(self, entry: Entry) -> bool:
        category = one_line(entry.get("category"), limit=fields.NAME_LENGTH).lower()
        return str(entry.get("version")) == "1" and (
            not self._categories or category in self._categories
        )


def _page(answer: Answer) -> tuple[list[Entry], int]:
    """The entries of a page, and how many there are in all.

    Raises:
        SourceError: it is no page.
    """
    content = documents.mapping(answer, NAME)
    said = [one for one in documents.entries(content, "messages", NAME) if "status" in one]
    status = one_line(said[0]["status"], limit=100) if said else ""
    if "no posts found" in status.lower():
        return [], 0
    if status != "ok":
        raise SourceError(NAME, f"says {status or 'nothing'!r}")
    total = str(said[0].get("total"))
    entries = documents.entries(content, "collection", NAME)
    return entries, int(total) if total.isdecimal() and len(total) < 9 else len(entries)  # noqa: PLR2004


def _paper(entry: Entry) -> Paper | None:
    name, title = doi(entry.get("doi")), one_line(entry.get("title"), limit=fields.TITLE_LENGTH)
    if name is None or not title:
        return None
    abstract = text(entry.get("abstract"), limit=fields.ABSTRACT_LENGTH)
    page = f"https://www.{entry['server']}.org/content/{name}v1"
    links = {"paper": page, "pdf": f"{page}.full.pdf"}
    if code := fields.code_address(abstract):
        links["code"] = code
    category = one_line(entry.get("category"), limit=fields.NAME_LENGTH).lower()
    return Paper(
        id=name,
        title=title,
        abstract=abstract,
        authors=tuple(_names(entry.get("authors"))),
        categories=(topic_of(category), category) if category else (),
        source=NAME,
        published_at=instant(entry.get("date")),
        links=links,
    )


def _names(authors: object) -> Iterator[str]:
    """Names as they are spoken: of ``Example, A.; Other, B.`` A. Example and B. Other."""
    listed = text(authors, limit=fields.AUTHORS * fields.NAME_LENGTH).split(";")
    for written in listed[: fields.AUTHORS]:
        family, _, given = written.partition(",")
        if name := one_line(f"{given} {family}", limit=fields.NAME_LENGTH):
            yield name


def _signals(paper: Paper, now: datetime) -> Iterator[Signal]:
    at = min(paper.published_at or now, now)
    observed = {"announced": at} | ({"code": now} if "code" in paper.links else {})
    for name, when in observed.items():
        yield Signal(paper_id=paper.id, source=NAME, name=name, value=1.0, at=when)
