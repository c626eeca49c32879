"""bioRxiv and medRxiv: pages by cursor, first versions only, one paper per DOI.

The answers are written after the API's public description; none is a recorded one.
"""

from datetime import UTC, datetime

import pytest
from make import HOUR, NOON
from services import AGENT, asked_before, looked, serving, values

from digest.model import FetchState
from digest.settings.sources import ArxivApiPart, BiorxivPart, Sources
from digest.sources import biorxiv
from digest.taxonomy import CATEGORIES, OTHER_SUBJECT, SUBJECTS

BASE = "https://api.biorxiv.org"
BIO, MED = "/details/biorxiv/2026-01-14/2026-01-15", "/details/medrxiv/2026-01-14/2026-01-15"
NOBODY = {"messages": [{"status": "no posts found"}], "collection": []}


def entry(number=1, **over):
    """A posting as the API lists it."""
    return {
        "doi": f"10.1101/2026.01.14.{number:06d}",
        "title": f"On sheep {number}",
        "authors": "Example, A. B.; Other, Ben; Consortium",
        "date": "2026-01-14",
        "version": "1",
        "category": "Neuroscience",
        "abstract": "We count. Code: https://github.com/ada/sheep",
        "server": "bioRxiv",
    } | over


def page(*entries, total=None, status="ok"):
    """One page; ``total`` is a number in some answers, text in others."""
    said = {"status": status, "cursor": 0, "count": len(entries)}
    shown = len(entries) if total is None else total
    return {"messages": [said | {"total": shown}], "collection": list(entries)}


def told(answers, part=None, **over):
    service = serving(answers)
    return looked(biorxiv, part or BiorxivPart(), service, **over), service


def test_a_posting_becomes_a_paper():
    harvest, service = told({BIO: page(entry()), MED: NOBODY})
    (paper,) = harvest.papers
    page_of_it = "https://www.biorxiv.org/content/10.1101/2026.01.14.000001v1"
    assert (paper.id, paper.title) == ("10.1101/2026.01.14.000001", "On sheep 1")
    assert paper.authors == ("A. B. Example", "Ben Other", "Consortium")
    assert (paper.categories, paper.source) == (("q-bio.NC", "neuroscience"), "biorxiv")
    assert paper.published_at == datetime(2026, 1, 14, tzinfo=UTC)
    assert paper.links == {
        "paper": page_of_it,
        "pdf": f"{page_of_it}.full.pdf",
        "code": "https://github.com/ada/sheep",
    }
    assert {name for _, name, _ in values(harvest)} == biorxiv.Source.emits
    assert service.paths == [f"{BIO}/0/json", f"{MED}/0/json"]
    assert {request.headers["User-Agent"] for request in service.asked} == {AGENT}
    assert (harvest.state, harvest.note) == (FetchState.FRESH, "")


@pytest.mark.parametrize(
    ("subject", "category"),
    [
        ("Genomics", "q-bio.GN"),
        ("Infectious Diseases (except HIV/AIDS)", "q-bio.PE"),
        ("Dermatology", "q-bio.OT"),  # no topic of its own
    ],
)
def test_a_subject_has_a_category_that_readers_can_choose(subject, category):
    harvest, _ = told({BIO: page(entry(category=subject)), MED: NOBODY})
    assert harvest.papers[0].categories == (category, subject.lower())
    assert category in CATEGORIES
    assert category in BiorxivPart().topics
    assert BiorxivPart(categories=[subject]).topics == (category,)


def test_readers_may_choose_what_the_sources_that_are_on_bring():
    off, on = Sources(), Sources(biorxiv=BiorxivPart(enabled=True, categories=["neuroscience"]))
    assert off.topics == off.arxiv.categories
    assert on.topics == (*off.arxiv.categories, "q-bio.NC")
    api = ArxivApiPart(enabled=True, categories=["cs.CL", "math.GT"])
    assert Sources(arxiv_api=api).topics == (*off.arxiv.categories, "math.GT")
    assert set(SUBJECTS.values()) | {OTHER_SUBJECT} <= CATEGORIES.keys()


def test_pages_follow_until_all_have_come():
    first = page(*(entry(n) for n in range(100)), total="130")
    second = page(*(entry(n) for n in range(100, 130)), total="130")
    harvest, service = told({f"{BIO}/0/": first, f"{BIO}/100/": second, MED: NOBODY})
    assert (len(harvest.papers), harvest.listed, len(service.asked)) == (130, 130, 3)


def test_what_did_not_come_is_said_and_looked_for_again():
    first = page(entry(1), total=500)
    harvest, _ = told({f"{BIO}/0/": first, f"{BIO}/1/": page(total=500), MED: NOBODY})
    assert (harvest.state, harvest.visits) == (FetchState.FAILED, ())
    assert harvest.note == "biorxiv: 1 of 500 papers came"
    assert len(harvest.papers) == 1


def test_a_total_that_grows_for_ever_ends_with_the_configured_pages():
    part = BiorxivPart(servers=["biorxiv"], pages=3)
    harvest, service = told({BIO: page(entry(), total=99_999_999)}, part)
    assert len(service.asked) == 3
    assert (len(harvest.papers), harvest.note) == (1, "biorxiv: 3 of 99999999 papers came")


def test_a_server_that_fails_keeps_the_other():
    harvest, _ = told({BIO: 503, MED: page(entry())})
    assert (harvest.state, harvest.note) == (FetchState.FAILED, "biorxiv: 503 after 3 tries")
    assert harvest.papers[0].links["paper"].startswith("https://www.medrxiv.org/")


def test_revisions_and_other_categories_are_left_out():
    part = BiorxivPart(categories=["Neuroscience", "genomics"])
    shown = [entry(1), entry(2, version="2"), entry(3, category="zoology"), entry(4, version=1)]
    harvest, _ = told({BIO: page(*shown), MED: NOBODY}, part)
    assert [paper.id[-1] for paper in harvest.papers] == ["1", "4"]


def test_a_quiet_day_is_no_fault():
    harvest, _ = told({BIO: NOBODY, MED: NOBODY})
    assert (harvest.state, harvest.note, len(harvest.visits)) == (FetchState.QUIET, "", 1)


def test_it_is_not_asked_more_often_than_it_was_told():
    def visits(ago):
        return [asked_before(BASE, NOON - ago)]

    answers = {BIO: NOBODY, MED: NOBODY}
    harvest, service = told(answers, visits=visits(5 * HOUR))
    assert (harvest.state, service.asked) == (FetchState.UNCHANGED, [])
    assert len(told(answers, visits=visits(6 * HOUR))[1].asked) == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"messages": "none"}, "no list of messages"),
        (page(entry(), status="Error: (2002)\nno database"), "says 'Error: (2002) no database'"),
        ({"messages": [{"status": "ok"}]}, "no list of collection"),
        ([], "not an object: JSON list"),
        (b"<html>just a moment", "not JSON: HTML or XML (200)"),
        (403, "403"),
    ],
)
def test_what_is_no_page_is_refused_with_the_reason(answer, reason):
    harvest, _ = told({BIO: answer}, BiorxivPart(servers=["biorxiv"]))
    assert (harvest.state, harvest.note) == (FetchState.FAILED, f"biorxiv: {reason}")
    assert harvest.papers == harvest.visits == ()


def test_hostile_fields_stay_text_and_entries_without_a_doi_are_counted():
    odd = entry(
        1,
        title="<script>x</script>\r\nBcc: all@example.org\x00",
        authors="Eve\nMallory\ud800; " + "A, B;" * 5_000,
        abstract=["no text"],
        date="tomorrow",
        category=None,
    )
    bad = [entry(doi="10.1101/../../<b>"), entry(doi=None), entry(2, title=7)]
    harvest, _ = told({BIO: page(odd, *bad), MED: NOBODY})
    (paper,) = harvest.papers
    assert paper.title == "<script>x</script> Bcc: all@example.org"
    assert (paper.abstract, paper.categories, paper.published_at) == ("", (), None)
    assert (paper.authors[0], len(paper.authors)) == ("Eve Mallory", 2_000)
    assert harvest.note == "3 of 4 entries without a DOI or title dropped"


def test_entries_of_which_none_can_be_read_are_a_fault():
    harvest, _ = told({BIO: page(entry(doi="?")), MED: NOBODY})
    assert harvest.state is FetchState.FAILED
    assert harvest.note.startswith("not one of 1 entries can be read")


def test_nothing_was_announced_in_the_future():
    harvest, _ = told({BIO: page(entry(date="2030-01-01")), MED: NOBODY})
    assert {signal.at for signal in harvest.signals} == {NOON}
