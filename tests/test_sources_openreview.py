"""OpenReview: a decision belongs to a paper if title and author agree, and only then.

The notes have the form of the recorded sample; the search itself is not recorded.
"""

from urllib.parse import parse_qs

import pytest
from make import paper
from services import looked, noticed, serving, values

from digest.model import FetchState
from digest.settings.sources import OpenReviewPart
from digest.sources import openreview

TITLE = "Counting Ångström–Sized Sheep: A Survey"


def note(venue="ICLR 2026 Oral", forum="abC_12-x", **content):
    """A note of the second API: every field of the content holds its value."""
    fields = {"title": TITLE, "authors": ["Ada Example"], "venue": venue, **content}
    return {"forum": forum, "content": {name: {"value": value} for name, value in fields.items()}}


def told(*notes, answer=None):
    service = serving({"/notes/search": answer or {"notes": list(notes), "count": 10_000}})
    known = noticed(1, paper=paper(1, title=TITLE))
    return looked(openreview, OpenReviewPart(), service, known=[known]), service


def test_a_decision_gives_its_worth_and_the_way_to_the_reviews():
    harvest, service = told(note())
    assert values(harvest) == {("2601.00001", "accepted", 3.0)}
    (found,) = harvest.papers
    assert found.links == {"review": "https://openreview.net/forum?id=abC_12-x"}
    query = parse_qs(service.asked[0].url.query.decode())
    assert (query["term"], query["content"], query["limit"]) == ([TITLE], ["title"], ["5"])


@pytest.mark.parametrize(
    ("venue", "worth"),
    [
        ("ICLR 2026 Oral", 3.0),
        ("NeurIPS 2025 spotlight", 2.0),
        ("ICLR 2026 Poster", 1.0),
        ("Accepted by TMLR", 1.0),
        ("Submitted to ICLR 2026", None),
        ("ICLR 2026 Conference Withdrawn Submission", None),
        ("ICLR 2026 Conference Desk Rejected Submission", None),
        ("Under review for TMLR", None),
        ("CoRR 2025", None),  # a record of the preprint, no decision
        ("", None),
        (17, None),
    ],
)
def test_a_venue_says_what_was_decided(venue, worth):
    found = {value for _, _, value in values(told(note(venue))[0])}
    assert found == ({worth} if worth else set())


@pytest.mark.parametrize(
    ("content", "same"),
    [
        ({"title": "counting angstrom sized sheep - a SURVEY."}, True),
        ({"title": "Counting Ångström–Sized Sheep: A Survey, Revisited"}, False),
        ({"authors": ["Ben Éxample", "Ada  EXAMPLE"]}, True),
        ({"authors": ["Somebody Else"]}, False),
        ({"authors": []}, False),  # anonymous: nobody can tell
        ({"authors": "Ada Example"}, False),
        ({"title": None}, False),
    ],
)
def test_title_and_an_author_have_to_agree(content, same):
    assert bool(told(note(**content))[0].signals) == same


def test_the_best_decision_counts():
    harvest, _ = told(note("X Poster", "first"), note("Y Spotlight", "second"))
    assert harvest.papers[0].links["review"].endswith("second")


def test_a_note_of_the_first_api_has_bare_fields():
    bare = {"title": TITLE, "authors": ["Ada Example"], "venue": "ICLR 2020 Poster"}
    assert told({"forum": "abcde", "content": bare})[0].signals


@pytest.mark.parametrize("forum", [None, "", "a b", "x&y=javascript:1", "../../etc", "a" * 41])
def test_a_forum_that_is_no_name_gives_no_link_and_no_decision(forum):
    harvest, _ = told(note(forum=forum))
    assert (harvest.papers, harvest.signals) == ((), ())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"notes": [], "searchUnavailable": True}, "the search is not available"),
        ({"name": "ForbiddenError", "message": "no\nway"}, "no list of notes: no way"),
        (403, "403: not allowed, or too often"),  # they want a human
        (b"<html>", "not JSON: HTML or XML (200)"),
    ],
)
def test_a_search_that_does_not_answer_is_a_line_in_the_report(answer, reason):
    harvest, _ = told(answer=answer)
    assert (harvest.state, harvest.note) == (FetchState.FAILED, f"{reason} (question 1 of 1)")


def test_oddities_among_the_notes_are_left_out():
    odd = [None, 5, [], {}, {"content": None}, {"content": {"title": {"value": [TITLE]}}}]
    assert told(*odd, note())[0].signals
