"""arXiv's query API: once a day, a page per three seconds, and what came by RSS stays as it is."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import httpx2
import pytest
from make import DAY, HOUR, NOON, candidate, paper, paper_id
from make import harvest as harvest_of
from services import AGENT, asked_before, looked, values

from digest.model import FetchState
from digest.settings.sources import ArxivApiPart, ArxivPart, Sources
from digest.sources import Annotator, arxiv_api

URL = "https://export.arxiv.org/api/query"
FEEDS = Path(__file__).parents[2] / "shared/data/feeds"
FEED = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"
 xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom">
<id>https://arxiv.org/api/x</id><title>arXiv Query</title><updated>2026-01-15T00:00:00Z</updated>
<opensearch:totalResults>{total}</opensearch:totalResults>{entries}</feed>"""
ENTRY = """<entry><id>http://arxiv.org/abs/2601.{n:05}v1</id><title>On
 sheep {n}</title><published>2026-01-13T17:00:00Z</published><updated>2026-01-13T17:00:00Z</updated>
<summary>We count. https://github.com/ada/sheep{n}</summary>
<author><name>Ada Example</name></author>
<arxiv:primary_category term="cs.CL"/><category term="cs.CL"/></entry>"""
MINUTE = timedelta(minutes=1)
PART = ArxivApiPart(categories=["cs.CL", "cs.AI"])


def page(*numbers, total):
    return FEED.format(total=total, entries="".join(ENTRY.format(n=n) for n in numbers)).encode()


def told(*pages, part=PART, **over):
    """A look; a page is bytes or a status."""
    asked = []

    def handler(request):
        asked.append(request)
        answer = pages[int(request.url.params.get("start", 0)) // arxiv_api.PAGE]
        if isinstance(answer, int):
            return httpx2.Response(answer)
        return httpx2.Response(200, content=answer)

    return looked(arxiv_api, part, handler, **over), asked


def test_what_was_submitted_in_the_last_days_is_asked_for_and_read():
    harvest, asked = told(page(1, 2, total=2))
    query = parse_qs(asked[0].url.query.decode())
    assert query["search_query"] == [
        "(cat:cs.CL OR cat:cs.AI) AND submittedDate:[202601121200 TO 202601151200]"
    ]
    assert (len(asked), asked[0].headers["User-Agent"]) == (1, AGENT)
    first = harvest.papers[0]
    assert (first.id, first.title, first.source) == ("2601.00001", "On sheep 1", "arxiv")
    assert (first.categories, first.authors) == (("cs.CL",), ("Ada Example",))
    assert first.published_at == datetime(2026, 1, 13, 17, tzinfo=UTC)
    assert values(harvest) == {("2601.00001", "code", 1.0), ("2601.00002", "code", 1.0)}
    assert (harvest.state, harvest.listed, harvest.note) == (FetchState.FRESH, 2, "")


def test_once_a_day_at_most():
    def visits(ago):
        return [asked_before(URL, NOON - ago)]

    harvest, asked = told(page(total=0), visits=visits(23 * HOUR))
    assert (harvest.state, asked) == (FetchState.UNCHANGED, [])
    assert len(told(page(total=0), visits=visits(DAY))[1]) == 1
    with pytest.raises(ValueError, match="greater than or equal to 24"):
        ArxivApiPart(every_hours=23)


# ── Topics of papers that have none ──────────────────────────────────────────────────────────────

RESTING = asked_before(URL, NOON - HOUR)


def bare(number, **over):
    """A paper that only another list has named, seen so many minutes before noon."""
    named = paper(number, categories=(), **over)
    return candidate(number, paper=named, votes=5.0, seen_at=NOON - number * MINUTE)


def asked_for(request):
    return request.url.params.get("id_list", "").split(",")


def test_the_topics_of_papers_that_only_another_list_named_are_looked_up_in_one_request():
    known = [bare(2), candidate(3), bare(1), bare(4, id="10.1101/x"), bare(5, id="lab-7")]
    harvest, asked = told(page(1, 2, 77, total=3), known=known, visits=[RESTING])
    assert [asked_for(one) for one in asked] == [["2601.00001", "2601.00002"]]
    found = {one.id: one.categories for one in harvest.papers}
    assert found == {"2601.00001": ("cs.CL",), "2601.00002": ("cs.CL",)}  # and not 77
    assert harvest.note == "topics of 2 of 2 papers looked up"
    assert [one.url for one in harvest.visits] == [f"{URL}#topics"]


def test_topics_are_looked_up_every_six_hours_of_a_hundred_papers_the_latest_first():
    known = [bare(number) for number in range(150, 0, -1)]
    _, asked = told(page(total=0), known=known, visits=[RESTING])
    assert asked_for(asked[0]) == [paper_id(number) for number in range(1, 101)]
    for ago, requests in ((6 * HOUR - MINUTE, 0), (6 * HOUR, 1)):
        visits = [RESTING, asked_before(f"{URL}#topics", NOON - ago)]
        harvest, asked = told(page(total=0), known=known, visits=visits)
        assert len(asked) == requests
        assert (harvest.state is FetchState.UNCHANGED) is not bool(requests)


def test_both_questions_of_a_look_are_asked_after_each_other():
    harvest, asked = told(page(1, total=1), known=[bare(1), bare(2)])
    assert [bool(one.url.params.get("search_query")) for one in asked] == [True, False]
    assert [one.url for one in harvest.visits] == [URL, f"{URL}#topics"]
    assert harvest.note == "topics of 1 of 2 papers looked up"


def test_a_look_up_that_fails_is_a_line_and_has_had_its_turn():
    harvest, _ = told(503, known=[bare(1)], visits=[RESTING])
    assert (harvest.state, harvest.note) == (FetchState.FAILED, "topics: 503 after 3 tries")
    assert [one.url for one in harvest.visits] == [f"{URL}#topics"]


def test_who_was_refused_does_not_ask_on():
    harvest, asked = told(page(1, total=40), known=[bare(1)])
    assert len(asked) == 1
    assert (harvest.state, harvest.visits) == (FetchState.FAILED, ())


def test_what_was_looked_up_fills_the_paper_in_the_store_and_changes_nothing_else(store):
    first = harvest_of(paper(1, categories=(), title="As Hugging Face has it"))
    store.papers.keep(first, NOON - HOUR)
    (known,) = store.papers.window(NOON - DAY, NOON)
    found, _ = told(page(1, total=1), known=[known], visits=[RESTING])
    assert store.papers.keep(found, NOON).new == 0
    (kept,) = store.papers.window(NOON - DAY, NOON)
    assert (kept.paper.categories, kept.paper.title) == (("cs.CL",), "As Hugging Face has it")


# ── Manners ──────────────────────────────────────────────────────────────────────────────────────


def test_between_two_requests_there_are_three_seconds_wherever_they_go():
    source = arxiv_api.Source(PART, agent=AGENT)
    assert source._client._pause >= 3
    assert isinstance(source, Annotator)  # it looks when the RSS has been read, not beside it
    assert arxiv_api.Source(PART, agent=AGENT, pause=0.5)._client._pause == 0.5


def test_before_the_first_request_there_is_a_pause_too_for_the_rss_was_just_asked():
    started = time.perf_counter()
    told(page(total=0), pause=0.1)
    assert time.perf_counter() - started >= 0.1


def test_pages_follow_until_the_total():
    numbers = range(1, 501)
    harvest, asked = told(page(*numbers, total=501), page(501, total=501))
    assert [request.url.params["start"] for request in asked] == ["0", "500"]
    assert len(harvest.papers) == 501


def test_more_than_the_configured_pages_is_said():
    part = ArxivApiPart(categories=["cs.CL"], pages=1)
    harvest, asked = told(page(*range(1, 501), total=7_000), part=part)
    assert (len(asked), harvest.state) == (1, FetchState.FRESH)
    assert harvest.note == "only the latest 500 of 7,000 were asked for"


@pytest.mark.parametrize(
    ("second", "note"),
    [
        (page(total=900), "page 1: 0 of 400 entries came"),
        (503, "page 1: 503 after 3 tries"),
        (b"<html>", "page 1: not a feed: HTML page"),
        (page(1, 2, total=900)[:-300], "page 1: XML cut off after 1 entries"),
    ],
)
def test_a_later_page_that_fails_keeps_the_first_and_is_tried_again(second, note):
    harvest, _ = told(page(*range(1, 501), total=900), second)
    assert (harvest.state, harvest.visits) == (FetchState.FAILED, ())
    assert harvest.note == note
    assert len(harvest.papers) == 500


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (page(total=12), "page 0: 0 of 12 entries came"),
        (429, "429 after 3 tries"),
        (406, "empty answer"),  # what some networks are told
    ],
)
def test_a_first_page_that_fails_is_a_line_in_the_report(answer, note):
    harvest, _ = told(answer)
    assert (harvest.state, harvest.note, harvest.papers) == (FetchState.FAILED, note, ())


def test_nothing_submitted_is_quiet():
    harvest, _ = told(page(total=0))
    assert (harvest.state, harvest.note) == (FetchState.QUIET, "")


@pytest.mark.parametrize("total", ["-5", "many", "9" * 12, ""])
def test_a_total_that_is_none_is_what_was_listed(total):
    harvest, asked = told(page(1, total=total))
    assert (len(asked), len(harvest.papers), harvest.note) == (1, 1, "")


def test_the_categories_are_those_of_the_rss_unless_they_are_given():
    arxiv = ArxivPart(categories=["math.GT"])
    assert Sources(arxiv=arxiv).arxiv_api.categories == ("math.GT",)
    given = Sources(arxiv=arxiv, arxiv_api=ArxivApiPart(categories=["cs.CL"]))
    assert given.arxiv_api.categories == ("cs.CL",)


@pytest.mark.skipif(not FEEDS.is_dir(), reason="no recorded feeds: ../shared is not there")
def test_recorded_answers_are_read():
    harvest, _ = told((FEEDS / "arxiv_api_query_transformer.xml").read_bytes(), part=PART)
    assert len(harvest.papers) == 5
    assert harvest.note.startswith("page 0: 5 of 500 entries came")  # five were asked for, then
    refused, _ = told((FEEDS / "arxiv_api_error_entry.xml").read_bytes())
    assert refused.note == "the query was refused: incorrect id format for nonsense"
