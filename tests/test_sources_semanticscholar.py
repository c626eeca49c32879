"""Semantic Scholar: one batch of ids a day, answers in their places.

The answers are written after the service's public reference; none is a recorded one.
"""

import json
import logging

import httpx2
import pytest
from make import DAY, HOUR, NOON, candidate, paper
from services import asked_before, looked, values

from digest.model import FetchState
from digest.settings.sources import SemanticScholarPart
from digest.sources import semanticscholar

URL = (
    "https://api.semanticscholar.org/graph/v1/paper/batch"
    "?fields=citationCount,influentialCitationCount"
)
KEY = "not-a-real-key"


def told(*known, answer=None, part=None, **over):
    """A look; ``answer`` is called with the ids of a batch, or is the response itself."""
    asked = []

    def handler(request):
        asked.append(request)
        ids = json.loads(request.content)["ids"]
        if isinstance(answer, httpx2.Response):
            return httpx2.Response(answer.status_code, content=answer.content)
        found = answer(ids) if answer else [entry(one) for one in ids]
        return httpx2.Response(200, content=json.dumps(found).encode())

    options = part or SemanticScholarPart()
    return looked(semanticscholar, options, handler, known=known, **over), asked


def entry(name):
    """What is said of a paper: as many citations as its number."""
    number = int(name[-5:])
    return {"paperId": "f" * 40, "citationCount": number, "influentialCitationCount": number // 10}


def test_a_batch_gives_citations_in_the_places_of_the_ids():
    elsewhere = candidate(3, paper=paper(3, id="10.1101/2026.01.02.123456"))
    web = candidate(4, paper=paper(4, id="web/0123456789"))
    harvest, asked = told(candidate(12), candidate(31), elsewhere, web)
    assert json.loads(asked[0].content)["ids"] == [
        "ARXIV:2601.00031",
        "ARXIV:2601.00012",
        "DOI:10.1101/2026.01.02.123456",
    ]
    assert (asked[0].method, str(asked[0].url)) == ("POST", URL)
    assert {one for one in values(harvest) if one[0].startswith("2601")} == {
        ("2601.00031", "citations", 31.0),
        ("2601.00031", "influential_citations", 3.0),
        ("2601.00012", "citations", 12.0),
        ("2601.00012", "influential_citations", 1.0),
    }
    assert [(visit.url, visit.built) for visit in harvest.visits] == [(URL, NOON.isoformat())]


def test_unknown_papers_are_null_and_say_nothing():
    harvest, _ = told(candidate(1), candidate(2), answer=lambda ids: [None, entry(ids[1])])
    assert values(harvest) == {("2601.00001", "citations", 1.0)}
    nobody = httpx2.Response(400, content=b'{"error":"No valid paper ids given"}')
    harvest, _ = told(candidate(1), answer=nobody)
    assert (harvest.state, harvest.note) == (FetchState.QUIET, "")


def test_five_hundred_ids_go_into_a_request():
    harvest, asked = told(*(candidate(n) for n in range(1, 1_202)))
    assert [len(json.loads(one.content)["ids"]) for one in asked] == [500, 500, 201]
    assert harvest.listed == 1_201


def test_once_a_day_is_enough():
    def visits(ago):
        return [asked_before(URL, NOON - ago)]

    harvest, asked = told(candidate(1), visits=visits(23 * HOUR))
    assert (harvest.state, asked) == (FetchState.UNCHANGED, [])
    assert len(told(candidate(1), visits=visits(DAY))[1]) == 1


def test_a_later_batch_that_fails_keeps_the_first_and_is_tried_again():
    def answer(ids):
        return [entry(one) for one in ids] if len(ids) == 500 else []

    harvest, _ = told(*(candidate(n) for n in range(1, 502)), answer=answer)
    assert harvest.note == "batch 1: 0 papers for 1 that were asked for"
    assert (harvest.state, harvest.visits) == (FetchState.FAILED, ())
    assert len(harvest.signals) > 500


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (httpx2.Response(429), "429 after 3 tries"),  # the shared allowance is used up
        (httpx2.Response(200, content=b"{}"), "no list of papers (200)"),
        (httpx2.Response(403, content=b"[]"), "no list of papers (403)"),
        (httpx2.Response(200, content=b"[1, 2]"), "2 papers for 1 that were asked for"),
        (httpx2.Response(200, content=b"<html>"), "not JSON: HTML or XML"),
    ],
)
def test_what_is_no_list_as_long_as_the_question_is_refused(answer, note):
    harvest, _ = told(candidate(1), answer=answer)
    assert (harvest.state, harvest.note, harvest.signals) == (FetchState.FAILED, note, ())


@pytest.mark.parametrize("lie", [True, -1, 1.5, "12", 10**12, [], {}])
def test_unbelievable_numbers_are_left_out(lie):
    harvest, _ = told(candidate(1), answer=lambda _: [{"citationCount": lie}])
    assert harvest.signals == ()


def test_the_key_is_sent_and_nowhere_written(caplog):
    caplog.set_level(logging.DEBUG)
    part = SemanticScholarPart(api_key=KEY)
    harvest, asked = told(candidate(1), part=part, answer=httpx2.Response(403))
    assert asked[0].headers["x-api-key"] == KEY
    assert KEY not in caplog.text + repr(part) + repr(harvest)
    assert "x-api-key" not in told(candidate(1))[1][0].headers


def test_without_papers_nothing_is_asked():
    harvest, asked = told()
    assert (harvest.state, asked) == (FetchState.QUIET, [])
