"""Any feed: entries become papers under the id that every other source knows them by."""

from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from make import NOON
from services import AGENT, looked, serving, values

from digest.model import FetchState, Visit
from digest.settings.sources import FeedPart
from digest.sources import feeds

URL = "https://journal.example/feed.xml?key=1"
RDF = Path(__file__).parents[2] / "shared/data/feeds/biorxiv_rss10_rdf.xml"
RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/"><channel><title>A journal</title>
<link>https://journal.example</link>{items}</channel></rss>"""
ATOM = """<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom">
<title>A lab</title><id>urn:x</id><updated>2026-01-15T00:00:00Z</updated><entry>
<title>On goats</title><id>urn:uuid:1</id><link href="https://lab.example/goats?utm_source=f"/>
<updated>2026-01-14T10:00:00Z</updated><author><name>Ada Example</name></author>
<author><name>Other, Ben</name></author><summary>Short.</summary></entry></feed>"""


def item(**parts):
    """An entry: its elements by name, ``dc_x`` for ``dc:x``."""
    told = {"title": "On sheep", "link": "https://journal.example/sheep"} | parts
    inner = "".join(
        f"<{name.replace('_', ':')}>{value}</{name.replace('_', ':')}>"
        for name, value in told.items()
        if value is not None
    )
    return f"<item>{inner}</item>"


def told(*items, answer=None, **over):
    body = RSS.format(items="".join(items)).encode() if answer is None else answer
    service = serving({"journal.example": body})
    return looked(feeds, FeedPart(url=URL), service, name="journal", **over), service


def paper_of(**parts):
    (paper,) = told(item(**parts))[0].papers
    return paper


def test_an_entry_becomes_a_paper_of_this_feed():
    harvest, service = told(
        item(
            description="&lt;p&gt;We &amp;amp; they &lt;b&gt;count&lt;/b&gt;.&lt;/p&gt;",
            pubDate="Wed, 14 Jan 2026 09:00:00 +0100",
            dc_creator="Ada Example, Ben Other",
        )
    )
    (paper,) = harvest.papers
    assert (harvest.source, paper.source, paper.title) == ("feeds.journal",) * 2 + ("On sheep",)
    assert " ".join(paper.abstract.split()) == "We & they count ."
    assert paper.authors == ("Ada Example", "Ben Other")
    assert paper.published_at == datetime(2026, 1, 14, 8, tzinfo=UTC)
    assert paper.links == {"paper": "https://journal.example/sheep"}
    assert values(harvest) == {(paper.id, "announced", 1.0)}
    assert harvest.visits == (Visit(url=URL, etag='"1"'),)
    assert [request.headers["User-Agent"] for request in service.asked] == [AGENT]


@pytest.mark.parametrize(
    ("parts", "name", "link"),
    [
        (  # the arXiv id in the address
            {"link": "https://arxiv.org/abs/2601.01234v2"},
            "2601.01234",
            "https://arxiv.org/abs/2601.01234",
        ),
        (  # arXiv's DOI beside an address of the journal's own
            {"dc_identifier": "doi:10.48550/arXiv.2601.01234"},
            "2601.01234",
            "https://arxiv.org/abs/2601.01234",
        ),
        (
            {"prism_doi": "10.1038/S41586-026-1"},
            "10.1038/s41586-026-1",
            "https://journal.example/sheep",
        ),
        (
            {"guid": "10.1038/x", "link": None},
            "10.1038/x",
            "https://doi.org/10.1038/x",
        ),
        (
            {"link": "https://www.biorxiv.org/content/10.1101/2026.01.02.123456v1?rss=1"},
            "10.1101/2026.01.02.123456",
            "https://www.biorxiv.org/content/10.1101/2026.01.02.123456v1?rss=1",
        ),
    ],
)
def test_a_paper_has_the_id_that_other_sources_know_it_by(parts, name, link):
    paper = paper_of(**parts)
    assert (paper.id, paper.links["paper"]) == (name, link)


def test_what_has_no_other_name_is_known_by_its_address():
    one, other = paper_of(), paper_of(link="http://www.journal.example/sheep/?utm_medium=rss")
    assert one.id == other.id
    assert one.id.startswith("web/")
    assert paper_of(link="https://journal.example/goats").id != one.id


def test_atom_is_read_as_well():
    harvest, _ = told(answer=ATOM.encode())
    (paper,) = harvest.papers
    assert (paper.title, paper.abstract) == ("On goats", "Short.")
    assert paper.authors == ("Ada Example", "Other, Ben")
    assert paper.published_at == datetime(2026, 1, 14, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("Ada Example; Other, Ben", ("Ada Example", "Other, Ben")),
        ("Ada Example, Ben Other", ("Ada Example", "Ben Other")),
        ("Example, Ada", ("Example, Ada",)),
        ("Plato", ("Plato",)),
        (None, ()),
    ],
)
def test_several_authors_in_one_element_are_told_apart(written, names):
    assert paper_of(dc_creator=written).authors == names


def test_unchanged_is_asked_for_and_taken_for_an_answer():
    last = Visit(url=URL, etag='"7"', last_modified="Wed, 14 Jan 2026 09:00:00 GMT")
    harvest, service = told(answer=httpx2.Response(304), visits=[last])
    assert service.asked[0].headers["If-None-Match"] == '"7"'
    assert service.asked[0].headers["If-Modified-Since"] == last.last_modified
    assert (harvest.state, harvest.visits) == (FetchState.UNCHANGED, (last,))


def test_an_empty_feed_is_quiet():
    harvest, _ = told()
    assert (harvest.state, harvest.note) == (FetchState.QUIET, "")


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (b"<!doctype html><title>Just a moment</title>", "not a feed: HTML page"),
        (b"", "empty answer"),
        (b'{"version": "https://jsonfeed.org/version/1.1"}', "not a feed: JSON"),
        (404, "404"),
        (503, "503 after 3 tries"),
        (
            httpx2.Response(429, headers={"Retry-After": "86400"}),
            "429, and asks to wait 1 day, 0:00:00: too long",
        ),
        (b'<!DOCTYPE r [<!ENTITY a "b">]><rss/>', "entity bomb refused"),
        (RSS.format(items="<item><title>x</title></item>").encode(), "not one of 1 entries can"),
    ],
)
def test_what_is_no_feed_is_a_line_in_the_report(answer, note):
    harvest, _ = told(answer=answer)
    assert (harvest.source, harvest.state) == ("feeds.journal", FetchState.FAILED)
    assert harvest.note.startswith(note)
    assert harvest.papers == harvest.visits == ()


def test_a_feed_that_is_cut_off_keeps_what_is_whole_and_is_read_again():
    whole = RSS.format(items=item() + item(link="https://journal.example/goats"))
    harvest, _ = told(answer=whole[: whole.rindex("<title>")].encode())
    assert (harvest.state, len(harvest.papers), harvest.visits) == (FetchState.FAILED, 1, ())


def test_hostile_entries_stay_text_and_lead_nowhere():
    harvest, _ = told(
        item(
            title="&lt;script&gt;x&lt;/script&gt; a &amp;lt;b&amp;gt;&#13;&#10;Bcc: a@example.org",
            description="&lt;img src=x onerror=alert(1)&gt;" + "&lt;" * 5_000,
            pubDate="tomorrow",
        ),
        item(link="javascript:alert(1)"),
        item(link="https://user:word@journal.example/"),
        item(title=""),
    )
    (paper,) = harvest.papers
    assert paper.title == "x a <b> Bcc: a@example.org"
    assert "onerror" not in paper.abstract
    assert paper.published_at is None
    assert set(paper.links) == {"paper"}


def test_nothing_was_announced_in_the_future():
    harvest, _ = told(item(pubDate="Wed, 14 Jan 2032 09:00:00 +0100"))
    assert [signal.at for signal in harvest.signals] == [NOON]


@pytest.mark.skipif(not RDF.exists(), reason="no recorded feed: ../shared is not there")
def test_rss_1_is_read_too():
    harvest, _ = told(answer=RDF.read_bytes())
    assert [paper.id for paper in harvest.papers] == ["10.64898/2026.04.03.716344"]
