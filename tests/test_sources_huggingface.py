"""Hugging Face's daily papers: lenient with what is missing, strict with what is no list."""

import asyncio
import json
from datetime import UTC, datetime

import httpx2
import pytest

from digest.model import FetchState, Visit
from digest.settings import HuggingFacePart
from digest.sources import look
from digest.sources.huggingface import LIMIT, Source, parse

NOW = datetime(2026, 7, 15, 8, tzinfo=UTC)
URL = "https://huggingface.co/api/daily_papers?limit=100&p=0"


def entry(number=1, **paper):
    """One entry of the list; ``paper`` replaces what it says of the paper."""
    inner = {
        "id": f"2607.{number:05d}",
        "title": f"Counting to {number}",
        "summary": "We count.",
        "authors": [{"name": "Ada Example"}, {"name": "Eve", "hidden": True}],
        "publishedAt": "2026-07-14T17:00:00.000Z",
        "submittedOnDailyAt": "2026-07-15T01:02:03.000Z",
        "upvotes": number,
    }
    return {"paper": inner | paper, "numComments": 2, "publishedAt": "wrong by design"}


def fetched(*pages, visits=(), now=NOW, **options):
    """A look at an API that has these pages; a page is a value for JSON, or bytes."""
    asked = []

    def handler(request):
        asked.append(dict(request.url.params))
        page = pages[int(request.url.params["p"])]
        content = page if isinstance(page, bytes) else json.dumps(page).encode()
        return httpx2.Response(200, content=content, headers={"ETag": 'W/"1"'})

    source = Source(
        HuggingFacePart(**options), agent="t", transport=httpx2.MockTransport(handler), wait=0
    )
    harvest = asyncio.run(look(source, now, {visit.url: visit for visit in visits}))
    return harvest, asked


def test_an_entry_becomes_a_paper_and_what_was_observed_of_it():
    raw = entry(
        64,
        githubRepo="https://github.com/a/b",
        githubStars=7,
        projectPage="https://example.org/p",
    )
    raw["submittedBy"] = {"name": "ben", "followerCount": 9}
    raw["organization"] = {"name": "Example-Lab"}
    harvest, asked = fetched([raw])
    (paper,) = harvest.papers
    assert (harvest.state, asked) == (FetchState.FRESH, [{"limit": "100", "p": "0"}])
    assert (paper.id, paper.authors, paper.source) == (
        "2607.00064",
        ("Ada Example",),
        "huggingface",
    )
    assert paper.published_at == datetime(2026, 7, 14, 17, tzinfo=UTC)
    assert paper.links == {
        "paper": "https://arxiv.org/abs/2607.00064",
        "pdf": "https://arxiv.org/pdf/2607.00064",
        "discussion": "https://huggingface.co/papers/2607.00064",
        "code": "https://github.com/a/b",
        "project": "https://example.org/p",
        "submitter": "https://huggingface.co/ben",
        "organisation": "https://huggingface.co/Example-Lab",
    }
    listed = datetime(2026, 7, 15, 1, 2, 3, tzinfo=UTC)
    assert {(s.name, s.value, s.at) for s in harvest.signals} == {
        ("votes", 64.0, NOW),
        ("comments", 2.0, NOW),
        ("stars", 7.0, NOW),
        ("code", 1.0, NOW),
        ("project", 1.0, NOW),
        ("followers", 9.0, NOW),
        ("listed", 1.0, listed),
    }
    assert {signal.name for signal in harvest.signals} == Source.emits
    assert harvest.visits == (Visit(url=URL, etag='W/"1"'),)


def test_an_entry_needs_no_more_than_an_id_and_a_title():
    harvest, _ = fetched([{"paper": {"id": "2406.00001", "title": "Bare"}}])
    assert [paper.title for paper in harvest.papers] == ["Bare"]
    assert {signal.name for signal in harvest.signals} == {"listed"}


def test_fields_of_a_wrong_type_are_left_out():
    odd = {
        "summary": 5,
        "authors": {"name": "x"},
        "publishedAt": [],
        "submittedOnDailyAt": {},
        "discussionId": 7,
        "upvotes": True,
        "githubStars": -1,
        "githubRepo": 4,
        "projectPage": None,
    }
    (sighting,) = parse(json.dumps([entry(1, **odd)]).encode()).sightings
    assert (sighting.paper.abstract, sighting.paper.authors) == ("", ())
    assert sighting.counts == {"comments": 2.0}


@pytest.mark.parametrize(
    ("submitted", "discussion", "listed"),
    [
        ("2026-07-15T01:02:03Z", "6a56e180", "2026-07-15T01:02:03"),  # exact
        ("2026-07-15T00:00:00Z", "6a56e180ffff", "2026-07-15T01:25:20"),  # cut: the discussion's
        ("2026-07-15T00:00:00Z", "6a500000", "2026-07-15T08:00:00"),  # of another day: now
        ("2026-07-14T00:00:00Z", "6a500000", "2026-07-14T00:00:00"),  # not today: its midnight
        ("2026-07-14T00:00:00Z", "not hex", "2026-07-14T00:00:00"),
        (None, "6a56e180", "2026-07-15T08:00:00"),
        ("2030-01-01T01:02:03Z", None, "2026-07-15T08:00:00"),  # nothing is listed in the future
    ],
)
def test_the_time_of_the_listing_is_the_best_that_is_known(submitted, discussion, listed):
    harvest, _ = fetched([entry(1, submittedOnDailyAt=submitted, discussionId=discussion)])
    (signal,) = [signal for signal in harvest.signals if signal.name == "listed"]
    assert signal.at == datetime.fromisoformat(listed).replace(tzinfo=UTC)


def test_an_empty_list_is_a_quiet_day_and_no_error():
    harvest, _ = fetched([])
    assert (harvest.state, harvest.note, harvest.listed) == (FetchState.QUIET, "", 0)


def full(first, **paper):
    return [entry(first + n, **paper) for n in range(LIMIT)]


def test_pages_are_read_until_one_is_short():
    harvest, asked = fetched(full(0), full(100), [entry(500)], [])
    assert [query["p"] for query in asked] == ["0", "1", "2"]
    assert (len(harvest.papers), harvest.listed) == (201, 201)


def test_pages_are_read_until_the_configured_number():
    _, asked = fetched(full(0), full(100), full(200), pages=2)
    assert [query["p"] for query in asked] == ["0", "1"]


def test_pages_are_read_until_all_of_one_is_old():
    old = full(100, submittedOnDailyAt="2026-07-07T07:00:00Z")  # eight days and an hour ago
    _, asked = fetched(full(0), old, full(200))
    assert [query["p"] for query in asked] == ["0", "1"]


def test_a_paper_on_two_pages_is_taken_from_the_first():
    second = [entry(0, upvotes=99), entry(200)]
    harvest, _ = fetched(full(0), second)
    votes = [s.value for s in harvest.signals if (s.paper_id, s.name) == ("2607.00000", "votes")]
    assert votes == [0.0]
    assert (len(harvest.papers), harvest.listed) == (101, 102)


def test_a_later_page_that_fails_is_a_failure_that_keeps_the_pages_before():
    harvest, _ = fetched(full(0), b"<html>")
    assert harvest.state is FetchState.FAILED
    assert harvest.note == "page 1: not JSON: HTML or XML (200)"
    assert (len(harvest.papers), harvest.visits) == (100, ())


def test_unchanged_on_the_first_page_ends_the_look():
    asked = []

    def handler(request):
        asked.append(request.headers["If-None-Match"])
        return httpx2.Response(304)

    visit = Visit(url=URL, etag='W/"1"')
    source = Source(HuggingFacePart(), agent="t", transport=httpx2.MockTransport(handler))
    harvest = asyncio.run(look(source, NOW, {URL: visit}))
    assert (harvest.state, harvest.visits) == (FetchState.UNCHANGED, (visit,))
    assert asked == ['W/"1"']


@pytest.mark.parametrize(
    ("body", "note"),
    [
        ({"error": "Invalid\ndate"}, "error: Invalid date (200)"),
        ({"data": []}, "not a list: JSON dict (200)"),
        (1, "not a list: JSON int (200)"),
        (None, "not a list: JSON NoneType (200)"),
        (["{'paper': {}}"], "not a list of papers: its entries are strings (200)"),
        ([{"paper": None}, 5, []], "not one of 3 entries can be read"),
        (b"", "empty answer (200)"),
        (b"<html>", "not JSON: HTML or XML (200)"),
        (b"[1, 2", "not JSON: Expecting ',' delimiter"),
        (b"[" * 100_000, "not JSON: maximum recursion depth exceeded"),
        (b"[" * 300_000, "JSON of more than 250,000 lists and objects"),
        (b"[" + b"9" * 5_000 + b"]", "not JSON: Exceeds the limit"),
        (b'["\xe9"]', "not UTF-8: byte 2 of 5 (200)"),
    ],
)
def test_what_is_no_list_of_papers_is_refused_with_the_reason(body, note):
    harvest, _ = fetched(body)
    assert harvest.state is FetchState.FAILED
    assert harvest.note.startswith(note)
    assert harvest.papers == harvest.visits == ()


def test_malformed_entries_are_dropped_and_counted():
    bad = [
        5,
        {"paper": {"id": "2607.00002"}},
        {"paper": {"id": "../../etc", "title": "Up"}},
        {"paper": {"id": "a" * 65, "title": "Long"}},
        {"paper": {"id": "a\nb", "title": "Two lines"}},
    ]
    harvest, _ = fetched([entry(1), *bad, {"paper": {"id": "acl/2026.long-1", "title": "Other"}}])
    assert [paper.id for paper in harvest.papers] == ["2607.00001", "acl/2026.long-1"]
    assert (harvest.state, harvest.note) == (FetchState.FRESH, "5 of 7 entries dropped")


@pytest.mark.parametrize(
    "who",
    [None, 7, "ben", [], {}, {"name": None}, {"name": "../x"}, {"name": "a b"}, {"name": "x" * 99}],
)
def test_who_listed_a_paper_is_left_out_where_it_is_no_name(who):
    raw = entry() | {"submittedBy": who, "organization": who}
    ((paper,), counts) = (fetched([raw])[0].papers, fetched([raw])[0].signals)
    assert {"submitter", "organisation"}.isdisjoint(paper.links)
    assert "followers" not in {signal.name for signal in counts}


def test_hostile_fields_stay_text_and_hostile_links_are_dropped():
    odd = entry(
        1,
        title="<script>x</script>\r\nBcc: all@example.org\x00",
        githubRepo="https://github.com.evil.example/a/b",
        projectPage="javascript:alert(1)",
        authors=[{"name": "Eve\nMallory\ud800"}] + [{"name": "A"}] * 3_000,
        upvotes=10**30,
    )
    (paper,) = fetched([odd])[0].papers
    assert paper.title == "<script>x</script> Bcc: all@example.org"
    assert set(paper.links) == {"paper", "pdf", "discussion"}
    assert (paper.authors[0], len(paper.authors)) == ("Eve Mallory", 2_000)
