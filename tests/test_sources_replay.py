"""Both sources against a replay of the real services: ordinary days, and every way to misbehave."""

import asyncio
import tracemalloc
from datetime import datetime

import pytest
from replay import replay

from digest.model import FetchState
from digest.settings import ArxivPart, HuggingFacePart
from digest.sources import arxiv, huggingface, look

DAY = "2026-01-15T08:00:00Z"  # a Thursday
FAILED, FRESH = FetchState.FAILED, FetchState.FRESH
PATHS = {"arxiv": "/rss", "huggingface": "/api/daily_papers"}


@pytest.fixture(scope="module")
def running():
    with replay() as server:
        yield server


@pytest.fixture
def upstream(running):
    running.faults()
    running.at(DAY)
    running.log()
    return running


def fetched(upstream, name, now=DAY, visits=(), **options):
    if name == "arxiv":
        part = ArxivPart(base_url=upstream.url, **options)
        source = arxiv.Source(part, agent="digest-test", pause=0, wait=0)
    else:
        part = HuggingFacePart(base_url=upstream.url, **options)
        source = huggingface.Source(part, agent="digest-test", wait=0)
    remembered = {visit.url: visit for visit in visits}
    return asyncio.run(look(source, datetime.fromisoformat(now), remembered))


def test_arxiv_on_an_ordinary_day(upstream):
    harvest = fetched(upstream, "arxiv")
    assert (harvest.state, harvest.note) == (FRESH, "")
    assert (len(harvest.papers), harvest.listed) == (191, 319)  # the rest are replacements
    assert {signal.at.isoformat() for signal in harvest.signals if signal.name == "announced"} == {
        "2026-01-15T05:00:00+00:00"
    }
    assert len({paper.id for paper in harvest.papers}) == len(harvest.papers)
    (request,) = upstream.log()
    assert request["path"] == "/rss/cs.AI+cs.CL+cs.CV+cs.LG"
    assert (request["user_agent"], request["accept_encoding"]) == ("digest-test", "gzip")


def test_huggingface_on_an_ordinary_day(upstream):
    harvest = fetched(upstream, "huggingface")
    assert (harvest.state, harvest.note) == (FRESH, "")
    assert len(harvest.papers) == harvest.listed == 300  # the third page is older than eight days
    names = [signal.name for signal in harvest.signals]
    assert names.count("votes") == names.count("listed") == 300
    assert [request["path"][-3:] for request in upstream.log()] == ["p=0", "p=1", "p=2"]


@pytest.mark.parametrize(
    ("now", "state"),
    [
        ("2026-01-17T08:00:00Z", FetchState.QUIET),  # Saturday
        ("2026-01-18T08:00:00Z", FetchState.QUIET),
        ("2026-01-19T08:00:00Z", FetchState.MISSING),  # Monday, which the record lacks
    ],
)
def test_a_weekend_without_announcements(upstream, now, state):
    upstream.at(now)
    harvest = fetched(upstream, "arxiv", now)
    assert (harvest.state, harvest.papers) == (state, ())
    assert fetched(upstream, "huggingface", now).state is FRESH


@pytest.mark.parametrize("name", PATHS)
def test_a_second_look_is_told_that_nothing_changed(upstream, name):
    first = fetched(upstream, name)
    upstream.log()
    second = fetched(upstream, name, visits=first.visits)
    assert (second.state, second.papers) == (FetchState.UNCHANGED, ())
    assert [request["status"] for request in upstream.log()] == [304]


def test_yesterdays_batch_under_todays_date_is_stale(upstream):
    before = fetched(upstream.at("2026-01-14T08:00:00Z"), "arxiv", "2026-01-14T08:00:00Z")
    upstream.at(DAY).faults({"path": "/rss", "kind": "stale"})
    harvest = fetched(upstream, "arxiv", visits=before.visits)
    assert harvest.state is FetchState.STALE
    assert harvest.note == "the batch of 2026-01-14 again under a new build date"
    assert {paper.id for paper in harvest.papers} == {paper.id for paper in before.papers}


@pytest.mark.parametrize(
    ("kind", "arxiv_note", "huggingface_note"),
    [
        ("429", "429 after 3 tries", "429 after 3 tries"),
        ("500", "500 after 3 tries", "500 after 3 tries"),
        ("503", "503 after 3 tries", "503 after 3 tries"),
        ("403", "not a feed: no XML (403)", "not JSON: Expecting value"),
        ("404", "not a feed: no XML (404)", "not JSON: Expecting value"),
        ("hang", "no answer in 0.5 s", "no answer in 0.5 s"),
        ("drip", "only ", "only "),
        ("drop", "answer cut off after 3 tries", "answer cut off after 3 tries"),
        ("truncated", "XML cut off after 160 entries", "not JSON: Unterminated string"),
        ("malformed", "not well-formed XML: mismatched tag, line 4", "not JSON: Expecting"),
        ("charset", "not UTF-8: byte", "not UTF-8: byte"),
        ("utf16", "not UTF-8: byte 0", "not UTF-8: byte 0"),
        ("html", "not a feed: HTML page (200)", "not JSON: HTML or XML (200)"),
        ("empty", "empty answer (200)", "empty answer (200)"),
        ("redirect", "redirects to itself", "redirects to itself"),
        ("huge", "larger than 2 MB", "larger than 2 MB"),
        ("gzip_bomb", "larger than 2 MB", "larger than 2 MB"),
        ("bomb", "entity bomb refused", "not JSON: HTML or XML (200)"),
    ],
)
def test_every_fault_is_a_failed_harvest_that_names_it(
    upstream, kind, arxiv_note, huggingface_note
):
    for name, note in (("arxiv", arxiv_note), ("huggingface", huggingface_note)):
        upstream.faults({"path": PATHS[name], "kind": kind, "retry_after": 0, "seconds": 10})
        tracemalloc.start()
        options = {"timeout": 0.5} if kind in {"hang", "drip"} else {}
        harvest = fetched(upstream, name, max_megabytes=2, **options)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (harvest.state, harvest.visits) == (FAILED, ())
        assert harvest.note.startswith(note)
        assert peak < 30_000_000


def test_a_cut_off_feed_keeps_the_papers_that_came(upstream):
    upstream.faults({"path": "/rss", "kind": "truncated"})
    harvest = fetched(upstream, "arxiv")
    whole = fetched(upstream.faults(), "arxiv")
    assert len(harvest.papers) == 160
    assert harvest.papers == whole.papers[:160]


@pytest.mark.parametrize("name", PATHS)
def test_a_short_answer_cannot_be_told_from_a_short_day(upstream, name):
    upstream.faults({"path": PATHS[name], "kind": "short"})
    assert fetched(upstream, name).state is FRESH


@pytest.mark.parametrize("name", PATHS)
def test_a_fault_that_passes_is_not_noticed(upstream, name):
    upstream.faults({"path": PATHS[name], "kind": "503", "count": 2, "retry_after": 0})
    harvest = fetched(upstream, name)
    assert (harvest.state, harvest.note) == (FRESH, "")


def test_an_unknown_category_is_named(upstream):
    part = ArxivPart(base_url=upstream.url)
    source = arxiv.Source(
        part.model_copy(update={"categories": ("cs.XX",)}), agent="t", pause=0, wait=0
    )
    harvest = asyncio.run(look(source, datetime.fromisoformat(DAY), {}))
    assert harvest.note.startswith("feed error: Bad subject class 'XX'.")
