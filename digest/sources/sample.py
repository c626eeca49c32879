"""The bundled sample's room: invented papers, served as arXiv and Hugging Face would serve them.

    sample_papers.toml ─▶ SampleTransport(now) ─▶ rss.arxiv.org    /rss/cs.AI+cs.CL
                                               └▶ huggingface.co   /api/daily_papers?limit=50&p=0

``digest demo`` puts the transport under the ordinary HTTP client when there is no network, so the
sources read it as they read the world. Nothing here touches the network or the clock.

The sample knows no weekends and no holidays: its day 0 is the UTC date of ``now``, whichever day
that is, so that a demo on a Sunday has papers too. From one UTC date to the next every paper moves
on by a day: within a month it keeps its id, and in the next month it is another paper. Who looks
back says what the ``present`` is, whose date is day 0 then.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from email.utils import format_datetime
from typing import Any
from xml.etree import ElementTree as ET  # written only, never parsed
from zoneinfo import ZoneInfo

import httpx2

from digest.sources.sample_papers import Dated, SamplePaper, grown, read_papers

EASTERN = ZoneInfo("America/New_York")
BUILD = timedelta(seconds=2)  # arXiv's feeds are rebuilt just after midnight Eastern
STANDING = ("isHf", "isHfAdmin", "isMod", "isUserFollowing")  # none of them holds for anybody
PAGE, MOST = 50, 100  # entries of a page of daily papers: by default, at most
NAMESPACES = {
    "xmlns:arxiv": "http://arxiv.org/schemas/atom",
    "xmlns:dc": "http://purl.org/dc/elements/1.1/",
    "xmlns:atom": "http://www.w3.org/2005/Atom",
    "xmlns:content": "http://purl.org/rss/1.0/modules/content/",
}
KINDS = ("new", "cross", "replace", "replace-cross")  # in the order of arXiv's feeds
LICENCE = "http://creativecommons.org/licenses/by/4.0/"


class SampleTransport(httpx2.AsyncBaseTransport):
    """Answers for both services at the instant ``now()``; anything else is 404.

    ``present`` is the same, unless somebody looks back.
    """

    def __init__(
        self, now: Callable[[], datetime], present: Callable[[], datetime] | None = None
    ) -> None:
        self._now = now
        self._present = present or now
        self._papers = read_papers()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer of the real service, or 304 where the client's ETag still holds."""
        response = self._answer(request.url, self._now().astimezone(UTC))
        tag = response.headers.get("ETag")
        if tag and request.headers.get("If-None-Match") == tag:
            response = httpx2.Response(304, headers={"ETag": tag})
        response.request = request
        return response

    def _answer(self, url: httpx2.URL, now: datetime) -> httpx2.Response:
        present = self._present().astimezone(UTC)
        papers = [Dated(paper, present) for paper in self._papers]
        if url.host == "rss.arxiv.org" and url.path.startswith("/rss/"):
            return _feed(papers, url.path.removeprefix("/rss/").split("+"), now)
        if url.host == "huggingface.co" and url.path == "/api/daily_papers":
            return _list(papers, url.params, now)
        return httpx2.Response(404)


# ── arXiv ────────────────────────────────────────────────────────────────────────────────────────


def _feed(papers: list[Dated], wanted: list[str], now: datetime) -> httpx2.Response:
    """The RSS feed of the Eastern date: its batch, by kind and id, and one replacement."""
    day = (now - BUILD).astimezone(EASTERN).date()
    midnight = datetime.combine(day, time(tzinfo=EASTERN))
    matching = [one for one in papers if any(_is_in(c, wanted) for c in one.paper.categories)]
    batch = [(one, 1) for one in matching if one.day == day]
    oldest = max((one.paper.day for one in papers), default=0)
    batch += [(one, 2) for one in matching if one.paper.day == oldest][:1]
    entries = [(_kind(one, version, wanted), one) for one, version in batch]
    entries.sort(key=lambda entry: (KINDS.index(entry[0]), entry[1].id))
    root = ET.Element("rss", {**NAMESPACES, "version": "2.0"})
    channel = _channel(root, wanted, midnight)
    for kind, one in entries:
        _item(channel, one, kind, format_datetime(midnight))
    ET.indent(root, space="")
    body = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return httpx2.Response(
        200,
        content=body,
        headers={
            "Content-Type": "application/rss+xml",
            "ETag": hashlib.sha256(body).hexdigest(),  # not quoted, as arXiv's own
            "Last-Modified": format_datetime(midnight.astimezone(UTC) + BUILD, usegmt=True),
        },
    )


def _is_in(category: str, wanted: list[str]) -> bool:
    """Whether a feed of these categories and archives (``cs``) carries ``category``."""
    return category in wanted or category.partition(".")[0] in wanted


def _kind(one: Dated, version: int, wanted: list[str]) -> str:
    """The announce type: ``cross`` and ``replace-cross`` are of another primary category."""
    primary = _is_in(one.paper.categories[0], wanted)
    if version > 1:
        return "replace" if primary else "replace-cross"
    return "new" if primary else "cross"


def _channel(root: ET.Element, wanted: list[str], midnight: datetime) -> ET.Element:
    channel = ET.SubElement(root, "channel")
    names, link = ", ".join(wanted), f"http://rss.arxiv.org/rss/{'+'.join(wanted)}"
    _add(channel, "title", f"{names} updates on arXiv.org")
    _add(channel, "link", link)
    _add(channel, "description", f"{names} updates on the arXiv.org e-print archive.")
    _add(channel, "atom:link", href=link, rel="self", type="application/rss+xml")
    _add(channel, "docs", "http://www.rssboard.org/rss-specification")
    _add(channel, "language", "en-us")
    _add(channel, "lastBuildDate", format_datetime(midnight.astimezone(UTC) + BUILD))
    _add(channel, "managingEditor", "rss-help@arxiv.org")
    _add(channel, "pubDate", format_datetime(midnight))
    skip = _add(channel, "skipDays")
    for day in ("Saturday", "Sunday"):
        _add(skip, "day", day)
    return channel


def _item(channel: ET.Element, one: Dated, kind: str, published: str) -> None:
    paper, versioned = one.paper, f"{one.id}v{2 if kind.startswith('replace') else 1}"
    abstract = " ".join(paper.abstract.split())
    item = ET.SubElement(channel, "item")
    _add(item, "title", " ".join(paper.title.split()))
    _add(item, "link", f"https://arxiv.org/abs/{one.id}")
    _add(item, "description", f"arXiv:{versioned} Announce Type: {kind} \nAbstract: {abstract}")
    _add(item, "guid", f"oai:arXiv.org:{versioned}", isPermaLink="false")
    for category in paper.categories:
        _add(item, "category", category)
    _add(item, "pubDate", published)
    _add(item, "arxiv:announce_type", kind)
    _add(item, "dc:rights", LICENCE)
    _add(item, "dc:creator", ", ".join(paper.authors))


def _add(parent: ET.Element, tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    child = ET.SubElement(parent, tag, attributes)
    child.text = text
    return child


# ── Hugging Face ─────────────────────────────────────────────────────────────────────────────────


def _list(papers: list[Dated], params: httpx2.QueryParams, now: datetime) -> httpx2.Response:
    """One page of the daily papers listed by ``now``, newest listing first."""
    try:
        page, limit = int(params.get("p", 0)), int(params.get("limit", PAGE))
    except ValueError:
        page, limit = 0, 0
    if page < 0 or not 1 <= limit <= MOST:
        return httpx2.Response(400, json={"error": "Invalid p or limit"})
    listed = [(at, one.id, one) for one in papers if (at := one.listed) and at <= now]
    listed.sort(key=lambda entry: entry[:2], reverse=True)
    shown = [_entry(one, at, now) for at, _, one in listed[page * limit : (page + 1) * limit]]
    body = json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()
    tag = f'W/"{len(body):x}-{hashlib.sha256(body).hexdigest()[:27]}"'
    headers = {"Content-Type": "application/json; charset=utf-8", "ETag": tag}
    return httpx2.Response(200, content=body, headers=headers)


def _entry(one: Dated, listed: datetime, now: datetime) -> dict[str, Any]:
    """An entry of the list. Its own ``publishedAt`` is Eastern time labelled Z: theirs is too."""
    paper = one.paper
    eastern = one.submitted.astimezone(EASTERN).replace(tzinfo=UTC)
    return {
        "paper": _paper(one, listed, now),
        "publishedAt": _instant(eastern),
        "title": paper.title,
        "summary": paper.abstract.strip(),
        "thumbnail": f"https://cdn-thumbnails.huggingface.co/social-thumbnails/papers/{one.id}.png",
        "numComments": grown(paper.comments, listed, now),
        "submittedBy": _user(paper, "name") | dict.fromkeys(STANDING, False),
        "isAuthorParticipating": paper.comments > 0,
    }


def _paper(one: Dated, listed: datetime, now: datetime) -> dict[str, Any]:
    """The inner paper; what it has no value for is absent, as in the real list."""
    paper = one.paper
    ids = [_object_id(listed, f"{one.id}/{n}") for n in range(len(paper.authors) + 1)]
    found: dict[str, Any] = {
        "id": one.id,
        "authors": [
            {"_id": key, "name": name, "hidden": False}
            for key, name in zip(ids, paper.authors, strict=False)
        ],
        "publishedAt": _instant(one.submitted),
        "submittedOnDailyAt": _instant(listed),
        "title": paper.title,
        "submittedOnDailyBy": _user(paper, "user"),
        "summary": paper.abstract.strip(),
        "upvotes": one.votes(listed, now),
        "discussionId": ids[-1],
    }
    if paper.project:
        found["projectPage"] = paper.project
    if paper.code:
        found |= {"githubRepo": paper.code, "githubRepoAddedBy": "user"}
        found["githubStars"] = grown(paper.stars, listed, now)
    if paper.keywords:
        found["ai_keywords"] = list(paper.keywords)
    return found


def _user(paper: SamplePaper, handle: str) -> dict[str, Any]:
    """Who put the paper on the list, its first author, known by ``handle``."""
    key = hashlib.sha256(paper.authors[0].encode()).hexdigest()
    return {
        "_id": key[:24],
        "avatarUrl": f"/avatars/{key[:32]}.svg",
        "fullname": paper.authors[0],
        handle: f"reader-{key[:6]}",
        "type": "user",
        "isPro": False,
    }


def _object_id(at: datetime, seed: str) -> str:
    """24 hex digits, of which the first eight are a Unix time, as in the real list."""
    return f"{int(at.timestamp()):08x}{hashlib.sha256(seed.encode()).hexdigest()[:16]}"


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
