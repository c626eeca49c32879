"""Hugging Face's page of a paper: what cites it, asked about papers that somebody noticed.

The answers are written after the fields that the API is publicly known by; none is a recorded one.
"""

import httpx2
import pytest
from make import HOUR, NOON, candidate, paper
from services import asked_before, looked, noticed, serving, values

from digest.model import FetchState
from digest.settings.sources import HuggingFaceReposPart
from digest.sources import huggingface_repos

PAGE = {"id": "2601.00001", "numTotalModels": 7, "numTotalDatasets": 2, "numTotalSpaces": 1}


def told(*known, answers=None, part=None, **over):
    service = serving(answers or {"/api/papers/": PAGE})
    options = part or HuggingFaceReposPart()
    return looked(huggingface_repos, options, service, known=known, **over), service


def test_a_page_gives_models_datasets_and_spaces_that_cite_the_paper():
    harvest, service = told(noticed())
    assert values(harvest) == {
        ("2601.00001", "models", 7.0),
        ("2601.00001", "datasets", 2.0),
        ("2601.00001", "spaces", 1.0),
    }
    assert {signal.name for signal in harvest.signals} == huggingface_repos.Source.emits
    assert service.paths == ["/api/papers/2601.00001"]


def test_lists_stand_in_for_totals_that_are_missing():
    page = {"linkedModels": [{}, {}], "numTotalDatasets": None, "linkedDatasets": "many"}
    assert values(told(noticed(), answers={"/api/": page})[0]) == {("2601.00001", "models", 2.0)}


def test_404_means_that_nothing_cites_the_paper():
    harvest, service = told(noticed(1), noticed(2), answers={"/api/": 404})
    assert (harvest.state, harvest.note, harvest.signals) == (FetchState.FRESH, "", ())
    assert len(harvest.visits) == len(service.asked) == 2


def test_unchanged_says_nothing_and_is_no_fault():
    harvest, _ = told(noticed(), answers={"/api/": httpx2.Response(304)})
    assert (harvest.state, harvest.note, harvest.signals) == (FetchState.FRESH, "", ())


def test_only_papers_of_arxiv_that_somebody_noticed_are_asked_about():
    elsewhere = noticed(3, paper=paper(3, id="10.1101/2026.01.02.123456"))
    _, service = told(noticed(1), candidate(2, signals=()), elsewhere)
    assert service.paths == ["/api/papers/2601.00001"]


def test_nobody_is_asked_about_again_before_the_rest_is_over():
    url = "https://huggingface.co/api/papers/2601.00001"
    rested = asked_before(url, NOON - 12 * HOUR)
    early = asked_before(url, NOON - 11 * HOUR)
    ahead = asked_before(url, NOON + HOUR)  # the clock was set back since
    assert len(told(noticed(), visits=[rested])[1].asked) == 1
    assert len(told(noticed(), visits=[early])[1].asked) == 0
    assert len(told(noticed(), visits=[ahead])[1].asked) == 1


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        ([], "not an object: JSON list (question 1 of 1)"),
        (b"", "empty answer (200) (question 1 of 1)"),
        (b"\xff", "not UTF-8: byte 0 of 1 (200) (question 1 of 1)"),
        (b"[" * 10**6, "JSON of more than 250,000 lists and objects (200) (question 1 of 1)"),
        (403, "403: not allowed, or too often (question 1 of 1)"),
    ],
)
def test_what_is_no_page_is_a_line_in_the_report(answer, note):
    harvest, _ = told(noticed(), answers={"/api/": answer})
    assert (harvest.state, harvest.note, harvest.signals) == (FetchState.FAILED, note, ())
