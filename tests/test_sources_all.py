"""Every source at once, through the application: one day, one paper told by many, one report."""

import asyncio
import json

import httpx2
import pytest
from feeds import daily_papers, rss
from installation import settings
from make import NOON

from digest.app import App

NAMES = (
    *("arxiv_api", "biorxiv", "hackernews", "github", "huggingface_repos", "semanticscholar"),
    "openreview",
)
LAB = """<?xml version="1.0"?><rss version="2.0"><channel><title>Lab</title><item>
<title>Told by the lab</title><link>https://arxiv.org/abs/2601.00002v1</link>
<description>See https://github.com/ada/two for code.</description></item></channel></rss>"""
API = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"
 xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"><title>q</title><id>x</id>
<opensearch:totalResults>1</opensearch:totalResults><entry><title>Missed by the feed</title>
<id>http://arxiv.org/abs/2601.00099v1</id><category term="cs.CL"/></entry></feed>"""
POSTS = {
    "messages": [{"status": "ok", "total": "1"}],
    "collection": [{"doi": "10.1101/2026.01.15.1", "title": "Of cells", "version": "1"}],
}
NOTE = {
    "forum": "abcdef",
    "content": {
        "title": {"value": "Invented paper 2"},
        "authors": {"value": ["Ada Example"]},
        "venue": {"value": "ICLR 2026 Oral"},
    },
}
STORY = {"objectID": "7", "url": "https://arxiv.org/abs/2601.00002", "points": 312}


def world(request):
    """The whole outside: each host answers as it does."""
    bodies = {
        "rss.arxiv.org": rss(4),
        "export.arxiv.org": API.encode(),
        "api.biorxiv.org": POSTS,
        "lab.example": LAB.encode(),
        "hn.algolia.com": {"hits": [STORY]},
        "api.github.com": {"stargazers_count": 120},
        "api2.openreview.net": {"notes": [NOTE]},
        "huggingface.co": daily_papers(4)
        if request.url.path == "/api/daily_papers"
        else {"numTotalModels": 3},
    }
    if request.url.host == "api.semanticscholar.org":
        ids = json.loads(request.content)["ids"]
        known = [{"citationCount": 5} if one == "ARXIV:2601.00002" else None for one in ids]
        return httpx2.Response(200, content=json.dumps(known).encode())
    body = bodies[request.url.host]
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx2.Response(200, content=content)


@pytest.fixture
def everything(store_url):
    """An application with all sources on, over a world that answers."""
    tables = {name: {"enabled": True} for name in NAMES}
    options = {**tables, "feeds": {"lab": {"url": "https://lab.example/feed"}}}
    weights = {"points": 0.0, "citations": 0.0, "accepted": 0.0}
    app = App(
        settings(store_url, sources=options, ranking={"weights": weights}),
        clock=lambda: NOON,
        transport=httpx2.MockTransport(world),
    )
    yield app
    app.store.close()


def test_a_day_with_every_source_on(everything):
    reports = {one.source: one for one in asyncio.run(everything.daily.collect(NOON))}
    assert set(reports) == {"arxiv", "huggingface", "feeds.lab", *NAMES}
    assert {name: one.note for name, one in reports.items() if one.note} == {}
    assert {name: one.new for name, one in reports.items() if one.new} == {
        "arxiv": 4,
        "arxiv_api": 1,
        "biorxiv": 1,  # the same on both servers here
    }
    edition, candidates = everything.daily.draft(NOON)
    assert candidates == 6
    (told,) = [item for item in edition.items if item.paper.id == "2601.00002"]
    assert told.paper.title == "Invented paper 2"
    assert told.paper.links["code"] == "https://github.com/ada/two"
    assert {"hackernews", "review", "discussion"} <= told.paper.links.keys()
    for words in ("312 points on Hacker News", "5 citations", "accepted at a conference"):
        assert words in told.why
    window = everything.store.papers.window(NOON.replace(hour=1), NOON)
    names = {signal.name for candidate in window for signal in candidate.signals}
    assert {"points", "stars", "models", "citations", "accepted", "votes", "announced"} <= names


def test_a_second_look_an_hour_later_asks_only_what_is_due(everything):
    asyncio.run(everything.daily.collect(NOON))
    later = asyncio.run(everything.daily.collect(NOON.replace(hour=13)))
    states = {one.source: str(one.state) for one in later}
    assert {name for name, state in states.items() if state == "unchanged"} == {
        *("arxiv_api", "biorxiv", "semanticscholar"),
    }
    assert {name: one.new for name, one in zip(states, later, strict=True) if one.new} == {}
