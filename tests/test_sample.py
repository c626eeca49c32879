"""The bundled sample: the formats of the real services, at any hour of any day."""

import asyncio
import json
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import feedparser
import httpx2
import pytest

from digest.model import FetchState
from digest.settings import Sources
from digest.sources import build, look
from digest.sources.sample import SampleTransport
from digest.sources.sample_papers import grown, read_papers
from digest.taxonomy import CATEGORIES

SHARED = Path(__file__).parents[2] / "shared"
ARXIV = "https://rss.arxiv.org/rss/cs.AI+cs.CL+cs.CV+cs.LG"
DAILY = "https://huggingface.co/api/daily_papers?limit=100&p=0"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DATES = [
    date(2026, 11, 24),  # a Tuesday
    date(2026, 11, 22),  # a Sunday
    date(2026, 7, 4),  # in summer time, a Saturday and a holiday
    date(2026, 3, 8),  # the clocks go forward in New York, a Sunday
    date(2026, 11, 1),  # they go back, and the month is one day old
    date(2027, 1, 2),  # the sample reaches into last year
    date(2028, 3, 1),  # after a leap day
]
# Papers are listed and feeds change on the hour: one day has all of them, the others the edges.
EDGES = [0, 5, 4 * 60 + 1, 5 * 60 + 1, 23 * 60 + 55]
MOMENTS = [datetime(2026, 11, 24, hour, tzinfo=UTC) for hour in range(24)] + [
    datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minutes)
    for day in DATES[1:]
    for minutes in EDGES
]
PAPERS = read_papers()


def get(url, now, **headers):
    async def ask():
        async with httpx2.AsyncClient(transport=SampleTransport(lambda: now)) as client:
            return await client.get(url, headers=headers)

    return asyncio.run(ask())


def feed(now, url=ARXIV):
    return feedparser.parse(get(url, now).content)


def daily(now, url=DAILY):
    return get(url, now).json()


def bare(entry):
    """The id without version of an entry of the feed."""
    return re.sub(r"^oai:arXiv\.org:|v\d+$", "", entry.id)


def votes(now):
    return {entry["paper"]["id"]: entry["paper"]["upvotes"] for entry in daily(now)}


def sentences(paper):
    return re.split(r"(?<=[.?!])\s+(?=[A-Z])", " ".join(paper.abstract.split()))


# ── The papers ───────────────────────────────────────────────────────────────────────────────────


def test_about_forty_papers_lie_on_five_days_and_some_of_them_hugging_face_never_lists():
    assert 38 <= len(PAPERS) <= 46
    assert {paper.day for paper in PAPERS} == {0, 1, 2, 3, 4}
    assert 12 <= sum(paper.listed_hour is None for paper in PAPERS) <= 16
    # The feed shows one day, and in the night still yesterday's: elsewhere nobody would see them.
    assert all(paper.day <= 1 for paper in PAPERS if paper.listed_hour is None)


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.number)
def test_a_paper_reads_like_one(paper):
    assert 120 <= len(paper.abstract.split()) <= 180
    assert 5 <= len(sentences(paper)) <= 9
    assert 2 <= len(paper.authors) <= 14 or len(paper.authors) == 60
    assert len(set(paper.authors)) == len(paper.authors)
    assert set(paper.categories) <= CATEGORIES.keys()
    assert len(set(paper.categories)) == len(paper.categories)
    assert 0 <= paper.votes <= 260


def test_no_text_repeats():
    everything = [
        text
        for paper in PAPERS
        for text in (paper.title, *sentences(paper), *([paper.code] if paper.code else []))
    ]
    assert [text for text, times in Counter(everything).items() if times > 1] == []


def test_the_numbers_are_distinct_and_beyond_those_that_arxiv_gives_to_real_papers():
    numbers = [paper.number for paper in PAPERS]
    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(r"[89]\d{4}", number) for number in numbers)


def test_every_address_in_the_data_is_an_example():
    text = "\n".join(
        f"{paper.code}\n{paper.project}\n{paper.title}\n{paper.abstract}" for paper in PAPERS
    )
    addresses = re.findall(r"https?://\S+", text)
    assert len(addresses) > 30
    assert all(
        a.startswith(("https://github.com/example-lab/", "https://example.org/")) for a in addresses
    )


@pytest.mark.parametrize(
    "peculiar",
    [
        r"$\mathcal{O}(n \log n)$",
        r"$\ell_2$",
        r"Schr\"odinger",
        r"60\$",  # a dollar that is no maths
        r"\textbf{",
        r"R\&D",
        r"\%",
    ],
)
def test_the_texts_have_the_peculiarities_of_real_ones(peculiar):
    assert any(peculiar in paper.title or peculiar in paper.abstract for paper in PAPERS)


# ── Any hour of any day ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_at_any_hour_there_is_enough_to_read(now):
    shown = {entry["paper"]["id"] for entry in daily(now)} | {bare(e) for e in feed(now).entries}
    today = {f"{now:%y%m}.{paper.number}" for paper in PAPERS if paper.day == 0}
    assert len(shown) >= 30
    assert len(shown & today) >= 6


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_nothing_comes_from_the_future(now):
    read = feed(now)
    dates = [parsedate_to_datetime(entry.published) for entry in read.entries]
    dates += [parsedate_to_datetime(read.feed.updated)]
    for entry in daily(now):
        paper = entry["paper"]
        dates += [datetime.fromisoformat(paper["publishedAt"])]
        dates += [datetime.fromisoformat(paper["submittedOnDailyAt"])]
        dates += [datetime.fromtimestamp(int(paper["discussionId"][:8], 16), UTC)]
        assert paper["publishedAt"] < paper["submittedOnDailyAt"]
    assert max(dates) <= now


@pytest.mark.parametrize("day", DATES, ids=str)
def test_ids_are_of_their_months_and_nobody_shares_one(day):
    now = datetime(day.year, day.month, day.day, 23, 55, tzinfo=UTC)
    expected = {f"{day - timedelta(paper.day):%y%m}.{paper.number}" for paper in PAPERS}
    shown = [entry["paper"]["id"] for entry in daily(now)]
    announced = [bare(entry) for entry in feed(now).entries]
    assert len(set(shown)) == len(shown)
    assert len(set(announced)) == len(announced)
    assert {*shown, *announced} <= expected
    assert len(expected) == len(PAPERS)


def test_over_the_change_of_a_month_two_days_have_no_id_in_common():
    before, after = datetime(2026, 11, 30, 12, tzinfo=UTC), datetime(2026, 12, 1, 12, tzinfo=UTC)
    today = {bare(e) for e in feed(before).entries if e.arxiv_announce_type == "new"}
    tomorrow = {bare(e) for e in feed(after).entries if e.arxiv_announce_type == "new"}
    assert today
    assert tomorrow
    assert not today & tomorrow


@pytest.mark.parametrize("url", [ARXIV, DAILY])
def test_the_same_instant_gives_the_same_bytes(url):
    first, again = get(url, NOON), get(url, NOON)
    assert first.content == again.content
    assert first.headers == again.headers


# ── arXiv ────────────────────────────────────────────────────────────────────────────────────────


def test_the_feed_is_read_as_arxivs():
    read = feed(NOON)
    assert not read.bozo
    assert read.version == "rss20"
    assert read.feed.title == "cs.AI, cs.CL, cs.CV, cs.LG updates on arXiv.org"
    assert read.feed.link == "http://rss.arxiv.org/rss/cs.AI+cs.CL+cs.CV+cs.LG"
    kinds = [entry.arxiv_announce_type for entry in read.entries]
    assert kinds == ["new"] * (len(kinds) - 4) + ["cross"] * 3 + ["replace"]


def test_an_entry_of_the_feed_has_every_element():
    entry = next(e for e in feed(NOON).entries if e.id == "oai:arXiv.org:2611.94266v1")
    paper = next(paper for paper in PAPERS if paper.number == "94266")
    assert entry.title == "Rain Is a Sensor: Depth and Wind from the Streaks Others Remove"
    assert entry.link == "https://arxiv.org/abs/2611.94266"
    assert not entry.guidislink
    head, _, abstract = entry.summary.partition("\n")
    assert head.strip() == "arXiv:2611.94266v1 Announce Type: new"
    assert abstract == f"Abstract: {' '.join(paper.abstract.split())}"
    assert entry.published == "Tue, 24 Nov 2026 00:00:00 -0500"
    assert [tag.term for tag in entry.tags] == ["cs.CV", "cs.RO"]
    assert entry.author == ", ".join(paper.authors)
    assert entry.rights.startswith("http://creativecommons.org/")


def test_the_bytes_of_the_feed_have_arxivs_declaration_and_namespaces():
    text = get(ARXIV, NOON).text
    assert text.startswith(
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        '<rss xmlns:arxiv="http://arxiv.org/schemas/atom" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:atom="http://www.w3.org/2005/Atom" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/" version="2.0">\n<channel>\n'
    )
    assert '<guid isPermaLink="false">oai:arXiv.org:2611.94207v1</guid>' in text
    assert " Announce Type: new \nAbstract: Speculative decoding" in text


def test_an_empty_feed_equals_arxivs_own_of_a_holiday():
    recorded = SHARED / "data/feeds/arxiv_rss_empty_holiday_physics_2025-12-31.xml"
    if not recorded.exists():
        pytest.skip("the recorded feeds are not beside this checkout")
    now = datetime(2025, 12, 31, 12, tzinfo=UTC)
    ours = get("https://rss.arxiv.org/rss/hep-th", now).text.replace("hep-th", "physics")
    assert ours.replace(" />", "/>").split() == recorded.read_text("utf-8").split()


@pytest.mark.parametrize(
    ("url", "kinds"),
    [
        ("https://rss.arxiv.org/rss/stat.ML", {"new": 1, "cross": 1, "replace": 1}),
        ("https://rss.arxiv.org/rss/cs.RO", {"new": 2, "cross": 1}),  # nothing of theirs is old
        ("https://rss.arxiv.org/rss/eess", {"cross": 1}),  # an archive stands for its categories
        ("https://rss.arxiv.org/rss/math.AG", {}),
    ],
)
def test_a_feed_has_the_papers_of_its_categories(url, kinds):
    assert Counter(e.arxiv_announce_type for e in feed(NOON, url).entries) == kinds


def test_a_replacement_is_a_second_version_of_a_paper_of_an_earlier_day():
    (entry,) = [e for e in feed(NOON).entries if e.arxiv_announce_type == "replace"]
    assert entry.id == "oai:arXiv.org:2611.87716v2"
    assert "arXiv:2611.87716v2 Announce Type: replace" in entry.summary


@pytest.mark.parametrize(
    ("now", "built", "day"),
    [
        # winter: midnight Eastern is 05:00 UTC, and the feed takes two seconds to build
        ("2026-11-24T05:00:01Z", "Mon, 23 Nov 2026 05:00:02 +0000", "2026-11-23"),
        ("2026-11-24T05:00:02Z", "Tue, 24 Nov 2026 05:00:02 +0000", "2026-11-24"),
        # summer: 04:00 UTC
        ("2026-07-04T04:00:01Z", "Fri, 03 Jul 2026 04:00:02 +0000", "2026-07-03"),
        ("2026-07-04T04:00:02Z", "Sat, 04 Jul 2026 04:00:02 +0000", "2026-07-04"),
    ],
)
def test_the_feed_changes_just_after_midnight_eastern(now, built, day):
    now = datetime.fromisoformat(now)
    read = feed(now)
    assert read.feed.updated == built
    offset = (now.date() - date.fromisoformat(day)).days
    numbers = {bare(e)[5:] for e in read.entries if e.arxiv_announce_type in {"new", "cross"}}
    assert numbers
    assert numbers <= {paper.number for paper in PAPERS if paper.day == offset}


@pytest.mark.parametrize("url", [ARXIV, DAILY])
def test_who_has_the_answer_already_gets_304(url):
    tag = get(url, NOON).headers["ETag"]
    again = get(url, NOON, **{"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert get(url, NOON, **{"If-None-Match": "another"}).status_code == 200


# ── Hugging Face ─────────────────────────────────────────────────────────────────────────────────


def test_the_list_is_ordered_by_listing_newest_first():
    listed = [entry["paper"]["submittedOnDailyAt"] for entry in daily(NOON)]
    assert listed == sorted(listed, reverse=True)
    assert listed[0] == "2026-11-24T06:00:00.000Z"


def test_the_pages_are_the_list_cut_into_pieces():
    whole = daily(NOON)
    pages = [daily(NOON, f"https://huggingface.co/api/daily_papers?limit=10&p={n}") for n in (0, 1)]
    assert [*pages[0], *pages[1]] == whole[:20]
    assert daily(NOON, "https://huggingface.co/api/daily_papers") == whole
    assert daily(NOON, "https://huggingface.co/api/daily_papers?p=9") == []


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "p=-1", "p=x", "limit="])
def test_a_bad_page_is_refused(query):
    answer = get(f"https://huggingface.co/api/daily_papers?{query}", NOON)
    assert answer.status_code == 400
    assert "error" in answer.json()


def test_an_entry_of_the_list_has_the_real_values():
    entry = next(e for e in daily(NOON) if e["paper"]["id"] == "2611.94266")
    paper = entry["paper"]
    assert entry["title"] == paper["title"]
    assert "Depth and Wind\nfrom" in paper["title"]
    assert paper["summary"].startswith("Deraining networks")
    assert paper["submittedOnDailyAt"] == "2026-11-24T00:00:00.000Z"
    assert paper["discussionId"].startswith(
        f"{int(datetime(2026, 11, 24, tzinfo=UTC).timestamp()):x}"
    )
    # the outer date is five hours (Eastern) before the inner one, and calls itself UTC
    outer, inner = (datetime.fromisoformat(each["publishedAt"]) for each in (entry, paper))
    assert inner - outer == 5 * HOUR
    assert paper["projectPage"] == "https://example.org/rain-is-a-sensor"
    assert "githubRepo" not in paper
    assert [author["name"] for author in paper["authors"]] == list(
        next(one for one in PAPERS if one.number == "94266").authors
    )


def test_the_fields_are_those_of_a_recorded_day():
    recorded = SHARED / "data/feeds/hf_daily_papers_2026-02-10.json"
    if not recorded.exists():
        pytest.skip("the recorded lists are not beside this checkout")
    theirs = json.loads(recorded.read_text("utf-8"))
    for ours in daily(NOON):
        for level in (lambda entry: entry, lambda entry: entry["paper"]):
            known = [set(level(entry)) for entry in theirs]
            assert set.intersection(*known) <= set(level(ours)) <= set.union(*known)
        assert set(ours["submittedBy"]) <= set(theirs[0]["submittedBy"])
        by = "submittedOnDailyBy"
        assert set(ours["paper"][by]) == set(theirs[0]["paper"][by])


def test_votes_comments_and_stars_grow_and_never_fall():
    start = datetime(2026, 11, 24, tzinfo=UTC)
    before = {}
    for minutes in range(0, 24 * 60, 30):
        for entry in daily(start + timedelta(minutes=minutes)):
            paper = entry["paper"]
            counts = (paper["upvotes"], entry["numComments"], paper.get("githubStars", 0))
            last = before.get(paper["id"], (0, 0, 0))
            assert all(now >= then for now, then in zip(counts, last, strict=True))
            before[paper["id"]] = counts
    assert sum(votes(start).values()) < sum(votes(start + 23 * HOUR).values())


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (-1, 0),  # before its listing
        (0, 0),
        (1, 13),  # 100 · ln 2 / ln 169
        (24, 62),
        (168, 100),  # a week
        (1000, 100),
    ],
)
def test_a_count_grows_with_the_logarithm_of_the_age(hours, expected):
    assert grown(100, NOON, NOON + hours * HOUR) == expected


def test_a_paper_is_listed_at_its_hour_and_not_before():
    hour = datetime(2026, 11, 24, 6, tzinfo=UTC)
    assert "2611.94458" not in votes(hour - timedelta(seconds=1))
    assert votes(hour)["2611.94458"] == 0


# ── The rest of the world ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/rss/cs.AI",
        "https://rss.arxiv.org/atom/cs.AI",
        "https://rss.arxiv.org/",
        "https://huggingface.co/papers",
        "https://huggingface.co/rss/cs.AI",
        "https://hn.algolia.com/api/v1/search",
    ],
)
def test_anything_else_is_not_found(url):
    assert get(url, NOON).status_code == 404


@pytest.mark.parametrize(
    "now",
    [
        NOON,
        datetime(2026, 11, 24, 0, 5, tzinfo=UTC),
        datetime(2026, 11, 24, 23, 55, tzinfo=UTC),
        datetime(2026, 11, 22, 12, tzinfo=UTC),  # a Sunday
        datetime(2026, 12, 25, 12, tzinfo=UTC),  # a holiday of arXiv's
    ],
    ids=str,
)
def test_our_own_sources_read_all_of_it(now):

    async def harvests():
        transport = SampleTransport(lambda: now)
        sources = build(Sources(), agent="test", transport=transport)
        return {source.name: await look(source, now, {}) for source in sources}

    found = asyncio.run(harvests())
    assert {each.state for each in found.values()} == {FetchState.FRESH}, found
    announced = {bare(e) for e in feed(now).entries if "replace" not in e.arxiv_announce_type}
    assert {paper.id for paper in found["arxiv"].papers} == announced
    assert {paper.id for paper in found["huggingface"].papers} == votes(now).keys()
    counted = {s.paper_id: s.value for s in found["huggingface"].signals if s.name == "votes"}
    assert counted == votes(now)
    assert all(s.at <= now for harvest in found.values() for s in harvest.signals)
