"""Sources: Hugging Face's daily papers, their votes and what else readers left there.

The list has the newest listing first and stays open: papers come in through the day, votes go up
and sometimes down. Everything but a paper's id and title may be missing, null or of a wrong type.
"""

import asyncio
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx2

from digest.errors import SourceError
from digest.model import FetchState, Harvest, Paper, Signal, Visit
from digest.settings import HuggingFacePart
from digest.sources import fields
from digest.sources.client import Answer, Client
from digest.sources.fields import address, instant, one_line, text

NAME = "huggingface"
LIMIT = 100  # papers a page, the most that the API gives
OLD = timedelta(days=8)  # a page of papers listed before that ends the reading
CONTAINERS = 250_000  # lists and objects in one page; a real one has some thousands
LARGEST = 1_000_000_000  # more votes or stars than that are none

_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
# A few listed papers are not arXiv's.
_OTHER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One entry of the list: the paper, what was counted, and when the list took it up.

    ``listed_at`` is exact, or None where only ``listed_on`` (midnight UTC) is known, or nothing.
    """

    paper: Paper
    counts: Mapping[str, float]
    listed_at: datetime | None
    listed_on: datetime | None

    def signals(self, now: datetime) -> Iterator[Signal]:
        """What was observed at ``now``, and the listing at its own time."""
        observed = {name: (value, now) for name, value in self.counts.items()}
        observed["listed"] = (1.0, self.listed(now))
        for name, (value, at) in observed.items():
            yield Signal(paper_id=self.paper.id, source=NAME, name=name, value=value, at=at)

    def listed(self, now: datetime) -> datetime:
        """The best guess at the listing: exact, else now on the day itself, else its midnight."""
        if self.listed_at:
            return min(self.listed_at, now)
        if self.listed_on and self.listed_on.date() < now.date():
            return self.listed_on
        return now


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: ``listed`` counts its entries, ``sightings`` are those that can be read."""

    sightings: tuple[Sighting, ...]
    listed: int


class Source:
    """Hugging Face. Only the first page is asked for conditionally: what moves, moves there."""

    name = NAME
    emits = frozenset({"votes", "comments", "stars", "code", "project", "followers", "listed"})

    def __init__(
        self,
        options: HuggingFacePart,
        *,
        agent: str,
        transport: httpx2.AsyncBaseTransport | None = None,
        wait: float = 1.0,
    ) -> None:
        self._pages = options.pages
        self._address = f"{options.base_url}/api/daily_papers?limit={LIMIT}&p="
        self._client = Client(
            self.name,
            agent=agent,
            timeout=options.timeout,
            max_megabytes=options.max_megabytes,
            wait=wait,
            transport=transport,
        )

    async def fetch(self, now: datetime, visits: Mapping[str, Visit]) -> Harvest:
        """The newest listings at ``now``: see ``sources.Source``.

        A page that fails after the first one makes the look a failure that keeps what it has.

        Raises:
            SourceError: the first page did not come, or cannot be read.
        """
        url, fault = f"{self._address}0", ""
        async with self._client as client:
            first = await client.get(url, visits.get(url))
            if first.status == HTTPStatus.NOT_MODIFIED:
                return Harvest(source=self.name, state=FetchState.UNCHANGED, visits=(first.visit,))
            pages = [await asyncio.to_thread(_page, first)]
            try:
                while len(pages) < self._pages and not _last(pages[-1], now):
                    answer = await client.get(f"{self._address}{len(pages)}")
                    pages.append(await asyncio.to_thread(_page, answer))
            except SourceError as error:
                fault = f"page {len(pages)}: {error.args[0]}"
        return self._harvest(pages, fault, first.visit, now)

    def _harvest(self, pages: list[Page], fault: str, visit: Visit, now: datetime) -> Harvest:
        listed = sum(page.listed for page in pages)
        readable = [sighting for page in pages for sighting in page.sightings]
        merged: dict[str, Sighting] = {}
        for sighting in readable:  # a paper that moved down between two pages is seen twice
            merged.setdefault(sighting.paper.id, sighting)
        if listed and not merged:
            fault = f"not one of {listed} entries can be read"
        dropped = listed - len(readable)
        state = FetchState.FRESH if listed else FetchState.QUIET
        remark = f"{dropped} of {listed} entries dropped" if dropped and merged else ""
        return Harvest(
            source=self.name,
            state=FetchState.FAILED if fault else state,
            papers=tuple(sighting.paper for sighting in merged.values()),
            signals=tuple(signal for one in merged.values() for signal in one.signals(now)),
            visits=() if fault else (visit,),
            listed=listed,
            note="; ".join(part for part in (fault, remark) if part),
        )


def _last(page: Page, now: datetime) -> bool:
    """Whether nothing new can come after this page."""
    if page.listed < LIMIT:
        return True
    return all(sighting.listed(now) < now - OLD for sighting in page.sightings)


def _page(answer: Answer) -> Page:
    try:
        page = parse(answer.body)
    except SourceError as error:
        raise SourceError(NAME, f"{error.args[0]} ({answer.status})") from error
    if answer.status != HTTPStatus.OK:
        raise SourceError(NAME, f"{answer.status} with a list of {page.listed} entries")
    return page


def parse(data: bytes) -> Page:
    """Reads one page of the API.

    Raises:
        SourceError: it is no list of entries.
    """
    content = _json(data)
    if isinstance(content, dict) and "error" in content:
        raise SourceError(NAME, f"error: {one_line(str(content['error']), limit=150)}")
    if not isinstance(content, list):
        raise SourceError(NAME, f"not a list: JSON {type(content).__name__}")
    if content and all(isinstance(entry, str) for entry in content):
        raise SourceError(NAME, "not a list of papers: its entries are strings")
    sightings = [sighting for entry in content if (sighting := _sighting(entry))]
    return Page(sightings=tuple(sightings), listed=len(content))


def _json(data: bytes) -> object:
    if not data.strip():
        raise SourceError(NAME, "empty answer")
    if data.lstrip()[:1] == b"<":
        raise SourceError(NAME, "not JSON: HTML or XML")
    if data.count(b"{") + data.count(b"[") > CONTAINERS:  # each needs 60 bytes, but two here
        raise SourceError(NAME, f"JSON of more than {CONTAINERS:,} lists and objects")
    try:
        return json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise SourceError(NAME, f"not UTF-8: byte {error.start:,} of {len(data):,}") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(NAME, f"not JSON: {one_line(str(error), limit=100)}") from error


def _sighting(entry: object) -> Sighting | None:
    """An entry, if it has what a paper needs."""
    raw = entry.get("paper") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(raw, dict):
        return None
    paper_id, title = _id(raw.get("id")), one_line(raw.get("title"), limit=fields.TITLE_LENGTH)
    if paper_id is None or not title:
        return None
    links = _links(paper_id, raw) | _owners(entry, raw)
    counted = {
        "votes": _count(raw.get("upvotes")),
        "comments": _count(entry.get("numComments")),
        "stars": _count(raw.get("githubStars")),
        "followers": _count(_table(entry, "submittedBy").get("followerCount")),
        "code": 1.0 if "code" in links else None,
        "project": 1.0 if "project" in links else None,
    }
    paper = Paper(
        id=paper_id,
        title=title,
        abstract=text(raw.get("summary"), limit=fields.ABSTRACT_LENGTH),
        authors=tuple(_names(raw.get("authors"))),
        source=NAME,
        published_at=instant(raw.get("publishedAt")),
        links=links,
    )
    listed_at, listed_on = _listing(raw)
    return Sighting(
        paper=paper,
        counts={name: value for name, value in counted.items() if value is not None},
        listed_at=listed_at,
        listed_on=listed_on,
    )


def _id(value: object) -> str | None:
    if paper_id := fields.arxiv_id(value):
        return paper_id
    return value if isinstance(value, str) and _OTHER_ID.fullmatch(value) else None


def _links(paper_id: str, raw: Mapping[str, Any]) -> dict[str, str]:
    links = {
        "paper": f"https://arxiv.org/abs/{paper_id}",
        "pdf": f"https://arxiv.org/pdf/{paper_id}",
        "discussion": f"https://huggingface.co/papers/{paper_id}",
    }
    code, project = address(raw.get("githubRepo")), address(raw.get("projectPage"))
    if code and urlsplit(code).hostname in {"github.com", "www.github.com"}:
        links["code"] = code
    if project:
        links["project"] = project
    return links


def _owners(entry: Mapping[str, Any], raw: Mapping[str, Any]) -> dict[str, str]:
    """The pages of who put the paper on the list and of the organisation it is said to be from."""
    submitter = _table(entry, "submittedBy") or _table(raw, "submittedOnDailyBy")
    organisation = _table(entry, "organization") or _table(raw, "organization")
    names = {"submitter": submitter.get("name"), "organisation": organisation.get("name")}
    return {
        kind: f"https://huggingface.co/{name}"
        for kind, name in names.items()
        if isinstance(name, str) and _OWNER.fullmatch(name)
    }


def _table(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def _names(authors: object) -> Iterable[str]:
    if not isinstance(authors, list):
        return
    for author in authors[: fields.AUTHORS]:
        shown = isinstance(author, dict) and not author.get("hidden")
        if shown and (name := one_line(author.get("name"), limit=fields.NAME_LENGTH)):
            yield name


def _count(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        return None
    return float(value)


def _listing(raw: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """When the list took a paper up, exactly if that can be known, and on which day (UTC).

    Since May 2026 ``submittedOnDailyAt`` is cut to midnight. The first eight digits of the
    discussion's id are a Unix time, a median of 1.5 hours later, if they are of the same day.
    """
    on = instant(raw.get("submittedOnDailyAt"))
    if on is None:
        return None, None
    midnight = on.replace(hour=0, minute=0, second=0, microsecond=0)
    if on != midnight:
        return on, midnight
    found = re.match(r"[0-9a-f]{8}", str(raw.get("discussionId")))
    opened = datetime.fromtimestamp(int(found[0], 16), UTC) if found else None
    return (opened if opened and opened.date() == on.date() else None), midnight
