"""What holds for every optional source: off until asked for, polite, bounded, hard to fool."""

import asyncio
import time
from importlib import import_module

import httpx2
import pytest
from make import DAY, NOON, candidate, paper, signal
from services import AGENT, looked

from digest.model import FetchState
from digest.ranking import WORDS, Formula, rank
from digest.render.filters import addresses
from digest.settings import Sources
from digest.settings.sources import FeedPart
from digest.sources import Annotator, build

OPTIONAL = {
    name: (import_module(f"digest.sources.{name}"), part)
    for name, part in Sources()
    if name not in {"arxiv", "huggingface", "feeds"}
}
FEEDS = import_module("digest.sources.feeds")
SERVICES = {**OPTIONAL, "feeds": (FEEDS, FeedPart(url="https://lab.example/feed"))}
KNOWN = [
    candidate(n, votes=9.0, paper=paper(n, links={"code": f"https://github.com/ada/r{n}"}))
    for n in (1, 2)
]

every = pytest.mark.parametrize("service", SERVICES)


def at(service, transport, **options):
    """One look at that service, with those options in its table."""
    module, part = SERVICES[service]
    named = {"name": "lab"} if service == "feeds" else {}
    changed = part.model_copy(update=options)
    return looked(module, changed, transport, known=KNOWN, **named)


def always(status, content=b"", **headers):
    """A handler that answers everything alike, and counts."""

    def handler(request):
        handler.asked.append(request)
        return httpx2.Response(status, content=content, headers=headers)

    handler.asked = []
    return handler


class Tarpit(httpx2.AsyncBaseTransport):
    """Takes a request and never answers."""

    async def handle_async_request(self, request):  # noqa: ARG002 - the protocol's
        await asyncio.Event().wait()


def test_none_of_them_is_asked_unless_the_operator_says_so():
    assert [source.name for source in build(Sources(), agent=AGENT)] == ["arxiv", "huggingface"]
    assert [name for name, (_, part) in OPTIONAL.items() if part.enabled] == []


@pytest.mark.parametrize("name", OPTIONAL)
def test_each_can_be_switched_on_by_itself(name):
    options = Sources.model_validate({name: {"enabled": True}})
    assert name in [source.name for source in build(options, agent=AGENT)]


def test_feeds_are_one_source_each_and_may_be_switched_off():
    on, off = FeedPart(url="https://a.example/x"), FeedPart(url="https://b.example", enabled=False)
    built = build(Sources(feeds={"lab": on, "blog": off, "news": on}), agent=AGENT)
    assert [source.name for source in built][2:] == ["feeds.lab", "feeds.news"]


@every
def test_each_emits_something_and_either_finds_or_annotates(service):
    module, part = SERVICES[service]
    source = module.Source(part, agent=AGENT, **({"name": "x"} if service == "feeds" else {}))
    assert source.emits
    assert isinstance(source, Annotator) != hasattr(source, "fetch")


@every
def test_each_says_who_asks(service):
    handler = always(404)
    at(service, handler)
    assert handler.asked
    assert {request.headers["User-Agent"] for request in handler.asked} == {AGENT}
    assert not any("Authorization" in request.headers for request in handler.asked)


@every
@pytest.mark.parametrize(
    ("status", "content", "headers"),
    [
        (200, b"<!doctype html><title>Just a moment...</title>", {}),  # a challenge, or a portal
        (200, b"", {}),
        (200, b"\x00\xff" * 500, {}),
        (200, b"[" * 200_000, {}),  # deeper than any parser goes
        (200, b"{" * 300_000, {}),
        (200, b"null", {}),
        (200, b'"text"', {}),
        (200, b'{"error": "no\\nidea"}', {}),
        (200, b"<rss><channel>", {}),
        (200, b"{}", {"Content-Encoding": "br"}),
        (204, b"", {}),
        (302, b"", {"Location": "http://127.0.0.1/"}),  # from https into a private network
        (302, b"", {"Location": "file:///etc/passwd"}),
        (429, b"", {"Retry-After": "86400"}),
        (503, b"", {"Retry-After": "Thu, 15 Jan 2032 12:00:00 GMT"}),
        (500, b"", {}),
    ],
)
def test_an_answer_that_is_none_is_one_line_in_the_report(service, status, content, headers):
    handler = always(status, content, **headers)
    harvest = at(service, handler)
    odd_but_calm = status == 204 and service in {"github", "huggingface_repos", "openreview"}
    assert harvest.state is (FetchState.FRESH if odd_but_calm else FetchState.FAILED)
    assert (harvest.papers, harvest.signals) == ((), ())
    assert "\n" not in harvest.note
    assert bool(harvest.note) != odd_but_calm
    assert len(handler.asked) <= 6  # three tries at most, in two places at most


@every
def test_who_asks_for_a_long_wait_is_not_asked_again_in_this_look(service):
    handler = always(429, **{"Retry-After": "3600"})
    at(service, handler)
    assert len(handler.asked) == (2 if service == "biorxiv" else 1)  # of two servers each once


@every
def test_who_never_answers_costs_its_time_box_and_no_more(service):
    started = time.perf_counter()
    harvest = at(service, Tarpit(), timeout=60.0, seconds=0.05)
    assert time.perf_counter() - started < 5
    assert harvest.state is FetchState.FAILED
    assert harvest.note.startswith(("no answer in 0.05 s", "biorxiv: no answer in 0.05 s"))


@every
def test_an_endless_answer_is_not_read_to_its_end(service):
    harvest = at(service, always(200, b" " * 2_000_000), max_megabytes=1.0)
    assert harvest.state is FetchState.FAILED
    assert "larger than 1 MB" in harvest.note


@every
def test_each_leaves_time_between_two_requests(service):
    module, part = SERVICES[service]
    named = {"name": "x"} if service == "feeds" else {}
    polite = module.Source(part, agent=AGENT, **named)._client
    assert polite._pause >= (0.0 if service == "feeds" else 0.5)  # a feed is one request a look
    assert polite._box <= 180
    assert module.Source(part, agent=AGENT, pause=9.0, **named)._client._pause == 9.0


def test_the_github_default_stays_below_what_is_allowed_without_a_token():
    part = Sources().github
    assert part.papers <= 30  # a look an hour and a restart between: 60 are allowed


def test_numbers_of_elsewhere_do_not_hide_ours():
    """Two sources that count the same thing each remember their own last number."""
    github, known = OPTIONAL["github"], KNOWN[0]
    theirs = signal(120.0, name="stars", source="huggingface", at=NOON - DAY)
    seen = candidate(1, paper=known.paper, signals=(theirs,))
    handler = always(200, b'{"stargazers_count": 120}')
    harvest = looked(github[0], github[1], handler, known=[seen])
    assert [(s.name, s.value) for s in harvest.signals] == [("stars", 120.0)]


# ── What readers see of it ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", OPTIONAL)
def test_the_receipt_has_words_for_every_signal(name):
    said_otherwise = {"announced"}
    assert OPTIONAL[name][0].Source.emits - said_otherwise <= WORDS.keys()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("points", 312.0, "312 points on Hacker News"),
        ("hn_comments", 1.0, "1 comment on Hacker News"),
        ("stars_growth", 20.4, "20 new stars a day on GitHub"),
        ("models", 2.0, "2 models cite it"),
        ("citations", 1_200.0, "1,200 citations"),
        ("accepted", 3.0, "accepted at a conference or journal"),
    ],
)
def test_a_signal_of_weight_zero_is_said_and_changes_nothing(name, value, words):
    seen = candidate(1, votes=9.0)
    more = signal(value, name=name, source="elsewhere")
    told = candidate(1, signals=(*seen.signals, more))
    ((plain, _),) = rank([seen], NOON, Formula())
    ((item, _),) = rank([told], NOON, Formula(weights={name: 0.0}))
    assert item.why.endswith(words)
    assert item.score == plain.score


def test_the_links_that_a_signal_brings_are_shown():
    links = {"hackernews": "https://news.ycombinator.com/item?id=1", "review": "https://a.example"}
    shown = addresses(paper(1, links=links))
    assert [label for label, _ in shown] == ["Hacker News", "Reviews"]
