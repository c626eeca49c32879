"""Sources: any RSS or Atom feed that the operator names, one source per ``[sources.feeds.NAME]``.

A feed says little that can be relied on: which paper an entry is about is read from its DOI, its
arXiv id or its address (see ``identity``), so a paper that other sources tell of stays one paper.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from html import unescape
from http import HTTPStatus
from typing import Any, Unpack

from digest.errors import SourceError
from digest.model import FetchState, Harvest, Paper, Signal, Visit
from digest.settings.sources import FeedPart
from digest.sources import feed, fields
from digest.sources.client import Answer
from digest.sources.fields import instant, one_line, text
from digest.sources.identity import paper_id, web_id
from digest.sources.manners import Network, client

# Where feeds write a DOI, an arXiv id or an address, as feedparser names it.
NAMED_IN = ("prism_doi", "arxiv_doi", "dc_identifier", "id", "link", "feedburner_origlink")

_TAG = re.compile(r"<[^<>]{0,2000}>")


class Source:
    """One feed. One conditional GET a look."""

    emits = frozenset({"announced", "code"})

    def __init__(self, options: FeedPart, *, name: str, **network: Unpack[Network]) -> None:
        self.name = f"feeds.{name}"
        self._url = options.url
        self._client = client(self.name, options, network, pause=0.0)

    async def fetch(self, now: datetime, visits: Mapping[str, Visit]) -> Harvest:
        """The entries of the feed at ``now``: see ``sources.Source``.

        Raises:
            SourceError: no answer, or none that can be read.
        """
        async with self._client as http:
            answer = await http.get(self._url, visits.get(self._url))
        if answer.status == HTTPStatus.NOT_MODIFIED:
            return Harvest(source=self.name, state=FetchState.UNCHANGED, visits=(answer.visit,))
        return await asyncio.to_thread(self._harvest, answer, now)

    def _harvest(self, answer: Answer, now: datetime) -> Harvest:
        if answer.status != HTTPStatus.OK:
            raise SourceError(self.name, f"{answer.status}")
        shown = feed.read(answer.body, self.name)
        papers: dict[str, Paper] = {}
        for entry in shown.entries:
            if paper := self._paper(entry):
                papers.setdefault(paper.id, paper)
        fault = ""
        if shown.entries and not papers:
            fault = f"not one of {len(shown.entries)} entries can be read"
        failed = bool(fault) or shown.cut
        state = FetchState.FRESH if shown.entries else FetchState.QUIET
        return Harvest(
            source=self.name,
            state=FetchState.FAILED if failed else state,
            papers=tuple(papers.values()),
            signals=tuple(s for paper in papers.values() for s in self._signals(paper, now)),
            visits=() if failed else (answer.visit,),
            listed=len(shown.entries),
            note="; ".join(part for part in (fault, shown.note) if part),
        )

    def _paper(self, entry: Mapping[str, Any]) -> Paper | None:
        """An entry with a title, and an address or a name."""
        title = one_line(_plain(entry.get("title")), limit=fields.TITLE_LENGTH)
        link = fields.address(entry.get("link"))
        name = paper_id(*(entry.get(key) for key in NAMED_IN)) or (web_id(link) if link else None)
        if name is None or not title:
            return None
        abstract = text(_plain(entry.get("summary")), limit=fields.ABSTRACT_LENGTH)
        return Paper(
            id=name,
            title=title,
            abstract=abstract,
            authors=tuple(_names(entry.get("authors"))),
            source=self.name,
            published_at=_written(entry),
            links=_links(name, link, abstract),
        )

    def _signals(self, paper: Paper, now: datetime) -> Iterator[Signal]:
        at = min(paper.published_at or now, now)
        observed = {"announced": at} | ({"code": now} if "code" in paper.links else {})
        for name, when in observed.items():
            yield Signal(paper_id=paper.id, source=self.name, name=name, value=1.0, at=when)


def _links(name: str, link: str | None, abstract: str) -> dict[str, str]:
    links = {"paper": link} if link else {}
    if arxiv := fields.arxiv_id(name):
        links = {
            "paper": f"https://arxiv.org/abs/{arxiv}",
            "pdf": f"https://arxiv.org/pdf/{arxiv}",
        }
    elif not link:
        links = {"paper": f"https://doi.org/{name}"}
    if code := fields.code_address(abstract):
        links["code"] = code
    return links


def _written(entry: Mapping[str, Any]) -> datetime | None:
    """The date of an entry, as far as it tells one."""
    told = dict(entry)  # feedparser's own mapping warns where it stands one date in for another
    return instant(told.get("published")) or instant(told.get("updated"))


def _plain(value: object) -> str:
    """Words without the tags of HTML; what is left is text and is never trusted as markup."""
    written = text(value, limit=2 * fields.ABSTRACT_LENGTH)
    return unescape(_TAG.sub(" ", written)) if "<" in written or "&" in written else written


def _names(authors: object) -> Iterator[str]:
    """Names in order; a single element may hold several of them."""
    elements = authors if isinstance(authors, list) else []
    told = [
        text(one.get("name"), limit=fields.ABSTRACT_LENGTH)
        for one in elements[: fields.AUTHORS]
        if isinstance(one, dict)
    ]
    for part in _apart(told[0]) if len(told) == 1 else told:
        if name := one_line(part, limit=fields.NAME_LENGTH):
            yield name


def _apart(names: str) -> list[str]:
    """Several names; "Example, Ada" is one."""
    if ";" in names:
        return names.split(";")[: fields.AUTHORS]
    parts = names.split(",")[: fields.AUTHORS]
    return parts if all(" " in part.strip() for part in parts) else [names]
