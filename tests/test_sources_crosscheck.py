"""Two channels of arXiv against each other: what the RSS dropped, the query API brings.

Real days, replayed over HTTP, through the collection of the day on both engines.
"""

import asyncio
import re
from datetime import datetime, timedelta

import httpx2
import pytest
from installation import installed
from replay import replay

from digest.model import FetchState
from digest.settings.sources import ArxivApiPart, ArxivPart
from digest.sources import arxiv, arxiv_api, look
from digest.sources.arxiv_feed import parse

AT = datetime.fromisoformat("2026-01-15T08:00:00Z")  # a Thursday
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def running():
    with replay("--no-politeness") as server:  # our own pause is tested elsewhere
        yield server


@pytest.fixture
def upstream(running):
    return running.faults().at(AT.isoformat())


def sources(upstream, *, both=True):
    """ArXiv's RSS, and its API."""
    rss = ArxivPart(base_url=upstream.url)
    api = ArxivApiPart(base_url=upstream.url, enabled=True, categories=rss.categories)
    quick = {"agent": "digest-test", "pause": 0, "wait": 0}
    found = [arxiv.Source(rss, **quick), arxiv_api.Source(api, **quick)]
    return found if both else found[:1]


def collected(upstream, url, *, both=True):
    """The reports of one collection by source, and what is known after it."""
    with installed(url, *sources(upstream, both=both), now=AT) as house:
        reports = {one.source: one for one in house.collect()}
        known = {one.paper.id: one.paper for one in house.store.papers.window(AT - DAY, AT)}
        return reports, known


def asked(upstream):
    """What the API shows."""
    _, api = sources(upstream)
    return asyncio.run(api.annotate(AT, {}, {})).papers


def batch(upstream):
    """What the RSS shows when nothing is wrong with it."""
    (source,) = sources(upstream.faults(), both=False)
    return {one.id: one for one in asyncio.run(source.fetch(AT, {})).papers}


def submitted(upstream, names):
    """When the first versions of those papers reached arXiv, as the API says."""
    query = {"id_list": ",".join(sorted(names)), "max_results": len(names)}
    answer = httpx2.get(f"{upstream.url}/api/query", params=query)
    return [entry.paper.published_at for entry in parse(answer.content).entries]


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("short", FetchState.FRESH),  # one item, and no sign of a fault
        ("stale", FetchState.FRESH),  # the batch of the day before, which nobody had seen
        ("empty", FetchState.FAILED),
        ("503", FetchState.FAILED),
    ],
)
def test_what_the_rss_did_not_show_comes_from_the_api(upstream, store_url, kind, state):
    whole = batch(upstream)
    upstream.faults({"path": "/rss", "kind": kind, "retry_after": 0})
    reports, known = collected(upstream, store_url)
    assert reports["arxiv"].state is state
    assert reports["arxiv_api"].state is FetchState.FRESH
    missed = whole.keys() - known.keys()
    assert (len(whole), len(missed)) == (191, 13)
    # These were held back by the moderators: submitted long before they were announced.
    at = submitted(upstream, missed)
    assert len(at) == len(missed)
    assert max(at) < AT - 3 * DAY


def test_of_a_feed_that_was_cut_off_the_rest_comes_from_the_api(upstream, store_url):
    whole = batch(upstream)
    upstream.faults({"path": "/rss", "kind": "truncated"})
    reports, known = collected(upstream, store_url)
    assert reports["arxiv"].note == "XML cut off after 160 entries"
    assert whole.keys() <= known.keys()


def test_what_came_by_rss_stays_as_it_is_and_only_the_rest_is_new(upstream, store_url):
    whole = batch(upstream)
    reports, known = collected(upstream, store_url)
    both = whole.keys() & {one.id for one in asked(upstream)}
    assert reports["arxiv"].new == len(whole)
    assert reports["arxiv_api"].new == reports["arxiv_api"].listed - len(both)
    assert len(both) == 178
    for name in both:
        assert known[name].title == whole[name].title
        assert known[name].published_at is not None  # which the RSS does not tell


# ── One category of the feed ─────────────────────────────────────────────────────────────────────

ITEM = re.compile(rb"<item>.*?</item>", re.DOTALL)
FIRST = re.compile(rb"<category>([^<]+)")


def shown(upstream, at):
    """The feed of that day as bytes."""
    (source,) = sources(upstream.at(at.isoformat()), both=False)
    return httpx2.get(source.url).content


def looks(*days):
    """One look a day at feeds given as (instant, bytes), each remembering those before."""
    visits, found = {}, []
    for at, body in days:
        transport = httpx2.MockTransport(lambda _, body=body: httpx2.Response(200, content=body))
        source = arxiv.Source(ArxivPart(), agent="t", transport=transport)
        found.append(asyncio.run(look(source, at, visits)))
        visits |= {visit.url: visit for visit in found[-1].visits}
    return found


def test_no_category_of_a_real_month_is_doubted(upstream):
    days = [AT - 11 * DAY + n * DAY for n in range(31)]
    found = looks(*((at, shown(upstream, at)) for at in days))
    fresh = [one for one in found if one.state is FetchState.FRESH]
    assert len(fresh) >= 14
    assert [one.note for one in fresh if any(tally.again for tally in one.tallies)] == []


def test_a_category_that_shows_the_day_before_within_a_new_feed_is_noticed(upstream):
    wednesday, thursday = (shown(upstream, at) for at in (AT - DAY, AT))
    olds, news = (
        {item: FIRST.search(item)[1] for item in ITEM.findall(body)}
        for body in (wednesday, thursday)
    )
    mixed = [item for item, first in olds.items() if first == b"cs.AI"]
    mixed += [item for item, first in news.items() if first != b"cs.AI"]
    start, end = thursday.index(b"<item>"), thursday.rindex(b"</item>") + len(b"</item>")
    body = thursday[:start] + b"".join(mixed) + thursday[end:]
    _, now = looks((AT - DAY, wednesday), (AT, body))
    assert now.state is FetchState.FRESH
    assert {one.name: one.again for one in now.tallies} == {
        "cs.AI": True,
        "cs.CL": False,
        "cs.CV": False,
        "cs.LG": False,
    }
    assert re.fullmatch(r"cs\.AI: (\d+) of \1 new papers are those of before", now.note)
