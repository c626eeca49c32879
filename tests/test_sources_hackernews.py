"""Hacker News: one question for all papers, and a story is about what its address names."""

import json
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from make import DAY, HOUR, NOON, candidate, paper, signal
from services import looked, serving, values

from digest.model import FetchState
from digest.settings.sources import HackerNewsPart
from digest.sources import hackernews

REAL = Path(__file__).parents[2] / "shared/data/feeds/hn_algolia_hit_real.json"
KNOWN = (candidate(1),)
LINK = "https://news.ycombinator.com/item?id="


def story(url, points=312, number="4711", comments=48):
    """A hit as Algolia writes it, in the fields that are asked for."""
    return {"objectID": number, "url": url, "points": points, "num_comments": comments}


def told(*stories, known=KNOWN, **over):
    service = serving(
        {"query=arxiv.org": {"hits": list(stories)}, "query=huggingface": {"hits": []}}
    )
    return looked(hackernews, HackerNewsPart(), service, known=known, **over), service


def test_a_story_gives_its_paper_points_comments_and_the_way_to_the_discussion():
    harvest, _ = told(story("https://arxiv.org/abs/2601.00001v2"))
    assert values(harvest) == {("2601.00001", "points", 312.0), ("2601.00001", "hn_comments", 48.0)}
    assert {s.name for s in harvest.signals} == hackernews.Source.emits
    assert {(s.source, s.at) for s in harvest.signals} == {("hackernews", NOON)}
    assert [paper.links for paper in harvest.papers] == [{"hackernews": f"{LINK}4711"}]
    assert (harvest.state, harvest.listed, harvest.note) == (FetchState.FRESH, 1, "")


def test_two_requests_ask_for_the_stories_of_a_week_however_many_papers_there_are():
    _, service = told(known=[candidate(n) for n in range(1, 200)])
    asked = [parse_qs(request.url.query.decode()) for request in service.asked]
    assert [one["query"] for one in asked] == [["arxiv.org"], ["huggingface.co/papers"]]
    since = int((NOON - 7 * DAY).timestamp())
    assert {one["numericFilters"][0] for one in asked} == {f"created_at_i>{since}"}


@pytest.mark.parametrize(
    "url",
    [
        "https://arxiv.org/abs/2601.00001",
        "http://arxiv.org/pdf/2601.00001v3.pdf",
        "https://www.arxiv.org/html/2601.00001v1",
        "https://export.arxiv.org/abs/2601.00001",
        "https://huggingface.co/papers/2601.00001",
        "https://arxiv.org/abs/2601.00001?utm_source=x#S2",
    ],
)
def test_every_address_of_a_paper_is_known(url):
    assert values(told(story(url))[0])


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/arxiv.org/abs/2601.00001",  # another host
        "https://arxiv.org.evil.example/abs/2601.00001",
        "https://arxiv.org@evil.example/abs/2601.00001",
        "https://example.org/?from=https://arxiv.org/abs/2601.00001",
        "https://arxiv.org/list/cs.CL/new",
        "https://arxiv.org/abs/2601.00001/../2601.00002",
        "javascript:arxiv.org/abs/2601.00001",
        "https://arxiv.org/abs/2601.00002",  # a paper we do not know
        None,  # an Ask HN
        17,
    ],
)
def test_what_is_not_the_address_of_a_known_paper_says_nothing(url):
    harvest, _ = told(story(url))
    assert (harvest.signals, harvest.papers) == ((), ())


def test_of_several_stories_the_one_with_most_points_counts():
    arxiv = "https://arxiv.org/abs/2601.00001"
    harvest, _ = told(story(arxiv, 3, "1", 90), story(arxiv, 99, "2", 7), story(arxiv, 5, "3"))
    assert ("2601.00001", "points", 99.0) in values(harvest)
    assert harvest.papers[0].links == {"hackernews": f"{LINK}2"}


@pytest.mark.parametrize(
    "change",
    [
        {"points": None},
        {"points": True},
        {"points": -4},
        {"points": 10**12},
        {"objectID": "1&x=javascript"},
        {"objectID": 12},
        {"objectID": "٣"},  # a digit, but of another alphabet
    ],
)
def test_a_story_with_unbelievable_fields_says_nothing(change):
    harvest, _ = told(story("https://arxiv.org/abs/2601.00001") | change)
    assert (harvest.signals, harvest.papers) == ((), ())


def test_the_same_number_is_written_down_once_a_day():
    url = "https://arxiv.org/abs/2601.00001"

    def seen(at):
        of = {"source": "hackernews", "at": at}
        kept = (signal(312.0, name="points", **of), signal(48.0, name="hn_comments", **of))
        return candidate(1, signals=kept)

    assert told(story(url), known=[seen(NOON - HOUR)])[0].signals == ()
    assert len(told(story(url), known=[seen(NOON - DAY)])[0].signals) == 2
    assert len(told(story(url, 313), known=[seen(NOON - HOUR)])[0].signals) == 1


def test_a_link_that_the_paper_has_is_not_offered_again():
    has = candidate(1, paper=paper(1, links={"hackernews": f"{LINK}1"}))
    assert told(story("https://arxiv.org/abs/2601.00001"), known=[has])[0].papers == ()


def test_a_second_place_that_fails_keeps_the_first():
    service = serving({"query=arxiv.org": {"hits": [story("https://arxiv.org/abs/2601.00001")]}})
    harvest = looked(hackernews, HackerNewsPart(), service, known=[candidate(1)])
    assert (harvest.state, harvest.note) == (FetchState.FAILED, "huggingface.co/papers: 404")
    assert len(harvest.signals) == 2


@pytest.mark.skipif(not REAL.exists(), reason="no recorded answer: ../shared is not there")
def test_a_recorded_hit_is_read():
    recorded = json.loads(REAL.read_bytes())
    assert told(*recorded["hits"])[0].listed == 1
    recorded["hits"][0]["url"] = "https://arxiv.org/abs/2601.00001"
    assert ("2601.00001", "points", 92.0) in values(told(*recorded["hits"])[0])
