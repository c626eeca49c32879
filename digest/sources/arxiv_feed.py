"""Sources: the forms in which arXiv writes a paper (RSS, Atom, the query API's Atom). Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from digest.errors import SourceError
from digest.model import Paper
from digest.sources import fields
from digest.sources.feed import Feed, read
from digest.sources.fields import one_line, text
from digest.taxonomy import CATEGORIES

NAME = "arxiv"
KINDS = frozenset({"new", "cross"})  # replacements are no news
CREATOR_LENGTH = fields.AUTHORS * fields.NAME_LENGTH

_PREFIX = re.compile(
    r"\s*arXiv:\S{1,60}\s+Announce Type:\s*(?P<kind>[a-z-]{1,20})\s+(?:Abstract:)?\s*"
)
_VERSION = re.compile(r"v([1-9]\d{0,3})$", re.ASCII)
_TOTAL = re.compile(r"[0-9]{1,9}")
# Follows the comma of a name and is none itself: "Sammy Davis, Jr.".
_SUFFIX = re.compile(r"(?:Jr|Sr)\.?|I{2,3}|IV", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A paper as one batch lists it.

    ``kind`` is arXiv's announcement type, empty in the API's answers, which announce nothing;
    ``announced_at`` is the day of the announcement, the midnight of New York it began with;
    ``version`` is the paper's, 1 where none is told.
    """

    paper: Paper
    kind: str
    announced_at: datetime | None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A feed: ``built`` as written, ``listed`` with what could not be read, ids only once.

    ``total`` is how many the query API has in all; the feeds do not say. ``lost`` has the
    categories of each entry that could not be read.
    """

    built: str | None
    entries: tuple[Entry, ...]
    listed: int
    cut: bool = False
    note: str = ""
    total: int | None = None
    lost: tuple[tuple[str, ...], ...] = ()

    @property
    def announced(self) -> tuple[Entry, ...]:
        """The new papers and cross-lists; what has no type at all is taken for new."""
        return tuple(entry for entry in self.entries if not entry.kind or entry.kind in KINDS)

    @property
    def replaced(self) -> tuple[Entry, ...]:
        """The new versions of papers that were announced before: no new papers."""
        return tuple(entry for entry in self.entries if entry.kind.startswith("replace"))


def parse(data: bytes) -> Batch:
    """Reads any of arXiv's forms.

    Raises:
        SourceError: it is none of them, or arXiv says in it that something is wrong.
    """
    feed = read(data, NAME)
    _complain(feed)
    found: dict[str, Entry] = {}
    dropped: list[tuple[str, ...]] = []
    for raw in feed.entries:
        entry = _entry(raw, rss=feed.version.startswith("rss"))
        if entry is None:
            dropped.append(_categories(raw))
        elif entry.paper.id not in found or found[entry.paper.id].kind not in KINDS:
            found[entry.paper.id] = entry
    total = str(feed.head.get("opensearch_totalresults"))
    lost = f"{len(dropped)} of {len(feed.entries)} entries without an arXiv id or title dropped"
    return Batch(
        built=one_line(feed.head.get("updated"), limit=fields.NAME_LENGTH) or None,
        entries=tuple(found.values()),
        listed=len(feed.entries),
        cut=feed.cut,
        note="; ".join(part for part in (feed.note, lost if dropped else "") if part),
        total=int(total) if _TOTAL.fullmatch(total) else None,
        lost=tuple(dropped),
    )


def _complain(feed: Feed) -> None:
    """Raises what arXiv says in a feed that holds no papers but a message."""
    if one_line(feed.head.get("title"), limit=100).startswith("Feed error for query"):
        reason = one_line(feed.head.get("subtitle"), limit=150)
        raise SourceError(NAME, f"feed error: {reason}")
    for raw in feed.entries[:1]:
        if raw.get("title") == "Error" and "/api/errors" in str(raw.get("id")):
            reason = one_line(raw.get("summary"), limit=150)
            raise SourceError(NAME, f"the query was refused: {reason}")


def _entry(raw: Mapping[str, Any], *, rss: bool) -> Entry | None:
    paper_id = fields.arxiv_id(raw.get("id")) or fields.arxiv_id(raw.get("link"))
    title = one_line(raw.get("title"), limit=fields.TITLE_LENGTH)
    if paper_id is None or not title:
        return None
    description = str(raw.get("summary", ""))[: 2 * fields.ABSTRACT_LENGTH]
    prefix = _PREFIX.match(description)
    kind = one_line(raw.get("arxiv_announce_type"), limit=20) or (prefix["kind"] if prefix else "")
    abstract = text(description[prefix.end() if prefix else 0 :], limit=fields.ABSTRACT_LENGTH)
    links = {
        "paper": f"https://arxiv.org/abs/{paper_id}",
        "pdf": f"https://arxiv.org/pdf/{paper_id}",
    }
    comment = text(raw.get("arxiv_comment"), limit=fields.ABSTRACT_LENGTH)
    if code := fields.code_address(f"{abstract}\n{comment}"):
        links["code"] = code
    published = fields.instant(raw.get("published"))
    announces = bool(kind) or rss
    return Entry(
        paper=Paper(
            id=paper_id,
            title=title,
            abstract=abstract,
            authors=_authors(raw),
            categories=_categories(raw),
            source=NAME,
            published_at=None if announces else published,
            links=links,
        ),
        kind=kind,
        announced_at=published if announces else None,
        version=int(found[1]) if (found := _VERSION.search(str(raw.get("id")))) else 1,
    )


def _authors(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """Names in order: feeds write all of them into one element, the API one into each."""
    elements = [str(author.get("name", "")) for author in raw.get("authors", ())]
    names: list[str] = []
    for part in elements[0][:CREATOR_LENGTH].split(",") if len(elements) == 1 else elements:
        name = one_line(part, limit=fields.NAME_LENGTH)
        if names and _SUFFIX.fullmatch(name):
            names[-1] = f"{names[-1]}, {name}"
        elif name:
            names.append(name)
    return tuple(names[: fields.AUTHORS])


def _categories(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """The known ones, the primary first: the API names it, the feeds begin with it."""
    primary = raw.get("arxiv_primary_category", {}).get("term")
    terms = [primary, *(tag.get("term") for tag in raw.get("tags", ()))]
    known = dict.fromkeys(term for term in terms if term in CATEGORIES)
    return tuple(known)[: fields.CATEGORY_COUNT]
