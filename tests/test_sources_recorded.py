"""Recorded answers of the real services (and of crawlers that mishandled them), file by file."""

import json
from pathlib import Path

import pytest

from digest.errors import SourceError
from digest.sources import arxiv_feed, huggingface

FEEDS = Path(__file__).parents[2] / "shared" / "data" / "feeds"

pytestmark = pytest.mark.skipif(
    not FEEDS.is_dir(), reason="no recorded feeds: ../shared/data/feeds is not in this checkout"
)

ARXIV = {  # file: listed, readable, announced; or the reason of the refusal
    "arxiv_api_empty.xml": (0, 0, 0),
    "arxiv_api_error_entry.xml": "the query was refused: incorrect id format for nonsense",
    "arxiv_api_handmade.xml": (3, 3, 3),
    "arxiv_api_query_transformer.xml": (5, 5, 5),
    "arxiv_atom_handmade_b.xml": (2, 2, 2),
    "arxiv_atom_handmade_hep.xml": (1, 1, 1),
    "arxiv_rss_atom_cs.AI_2025-08-20.xml": (7, 7, 7),
    "arxiv_rss_empty_holiday_physics_2025-12-31.xml": (0, 0, 0),
    "arxiv_rss_handmade_hep.xml": (1, 1, 1),
    "arxiv_rss_spec_item_math.OC.xml": (1, 1, 0),  # a replacement
    "arxiv_day_2026-06-30_normalised.json": "not a feed: JSON",
    "biorxiv_rss10_rdf.xml": (1, 0, 0),  # a feed, but of no arXiv paper
    "hf_weekly_feed_by_huangboming.xml": (6, 6, 6),  # links to arXiv
    "oai_pmh_no_records.xml": "not a feed: XML of <OAI-PMH>",
    "pubmed_efetch.xml": "not a feed: XML of <PubmedArticleSet>",
}
EXCHANGES = {  # the body of a recorded exchange of the query API, the file itself being JSON
    "arxiv_api_id_0000.0000_notfound.json": [],
    "arxiv_api_id_abc_error.json": "the query was refused: incorrect id format for abc",
    "arxiv_api_old_style_id.json": ["astro-ph/0601001"],
    "arxiv_api_old_style_v1.json": ["quant-ph/0201082"],
    "arxiv_api_query_10.json": 10,
}
HUGGINGFACE = {  # file: listed, readable; or the reason of the refusal
    "hf_crawler_odd_2024-06-29.json": "not a list: JSON int",
    "hf_crawler_odd_2025-01-10.json": "not JSON: Unterminated string",
    "hf_daily_papers_2024-06-05.json": (8, 8),
    "hf_daily_papers_2025-01-10.json": "not a list: JSON dict",
    "hf_daily_papers_2025-09-08.json": (7, 7),
    "hf_daily_papers_2026-02-10.json": (33, 33),
    "hf_papers_jsonfeed.json": "not a list: JSON dict",
    "arxiv_day_2026-06-30_normalised.json": (60, 0),  # entries, but of another form
}


def outcome(parse, data, count):
    try:
        return count(parse(data))
    except SourceError as error:
        return error.args[0]


def same(found, expected):
    return found.startswith(expected) if isinstance(expected, str) else found == expected


@pytest.mark.parametrize(("name", "expected"), ARXIV.items())
def test_arxiv_reads_a_recorded_file_or_says_why_not(name, expected):
    found = outcome(
        arxiv_feed.parse,
        (FEEDS / name).read_bytes(),
        lambda batch: (batch.listed, len(batch.entries), len(batch.announced)),
    )
    assert same(found, expected)


@pytest.mark.parametrize(("name", "expected"), EXCHANGES.items())
def test_arxiv_reads_the_body_of_a_recorded_exchange(name, expected):
    data = (FEEDS / name).read_bytes()
    assert outcome(arxiv_feed.parse, data, len) == "not a feed: JSON"
    found = outcome(
        arxiv_feed.parse,
        json.loads(data)["body"].encode(),
        lambda batch: [entry.paper.id for entry in batch.entries],
    )
    assert len(found) == expected if isinstance(expected, int) else same(found, expected)


@pytest.mark.parametrize(("name", "expected"), HUGGINGFACE.items())
def test_huggingface_reads_a_recorded_file_or_says_why_not(name, expected):
    found = outcome(
        huggingface.parse,
        (FEEDS / name).read_bytes(),
        lambda page: (page.listed, len(page.sightings)),
    )
    assert same(found, expected)


def test_every_recorded_file_of_the_two_services_is_in_a_table():
    files = {path.name for path in FEEDS.iterdir() if path.name.startswith(("arxiv_", "hf_"))}
    assert files <= ARXIV.keys() | EXCHANGES.keys() | HUGGINGFACE.keys()


def test_the_query_api_tells_the_primary_category_and_the_submission():
    batch = arxiv_feed.parse((FEEDS / "arxiv_atom_handmade_b.xml").read_bytes())
    second = batch.entries[1]
    assert second.paper.categories == ("cs.LG", "cs.AI")  # the primary first, named or not
    assert second.paper.published_at.isoformat() == "2026-04-28T00:00:00+00:00"
    assert second.announced_at is None


def test_the_atom_form_tells_what_the_rss_form_tells():
    batch = arxiv_feed.parse((FEEDS / "arxiv_rss_atom_cs.AI_2025-08-20.xml").read_bytes())
    first = batch.entries[0]
    assert (first.paper.id, first.kind) == ("2508.13426", "cross")
    assert first.announced_at.isoformat() == "2025-08-20T04:00:00+00:00"
    assert first.paper.authors[0] == "Chunhua Liu"
    assert first.paper.abstract.startswith("As large language models")
    assert batch.built == "2025-08-20T04:00:19.866337+00:00"


def test_a_recorded_entry_has_its_counts_and_the_time_of_its_listing():
    page = huggingface.parse((FEEDS / "hf_daily_papers_2026-02-10.json").read_bytes())
    first = page.sightings[0]
    assert first.counts == {
        "votes": 78.0,
        "comments": 1.0,
        "stars": 26.0,
        "code": 1.0,
        "followers": 5.0,
    }
    assert first.listed_at.isoformat() == "2026-02-10T00:01:56.908000+00:00"
