"""arXiv: its forms, its rhythm, and what a hostile feed cannot do."""

import asyncio
import time
from datetime import UTC, date, datetime
from xml.sax.saxutils import escape

import httpx2
import pytest

from digest.errors import SourceError
from digest.model import FetchState
from digest.settings import ArxivPart
from digest.sources import look
from digest.sources.arxiv import Source, expects_announcement
from digest.sources.arxiv_feed import parse

NOW = datetime(2026, 1, 15, 8, tzinfo=UTC)
THURSDAY = "Thu, 15 Jan 2026 05:00:02 +0000"
HEAD = (
    "<?xml version='1.0' encoding='UTF-8'?>"
    '<rss xmlns:arxiv="http://arxiv.org/schemas/atom"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" version="2.0"><channel>'
)


def item(number=1, kind="new", **over):
    """One item of the feed; ``over`` replaces the text of its elements."""
    paper = f"2601.{number:05d}"
    parts = {
        "title": f"On the matter of number {number}",
        "link": f"https://arxiv.org/abs/{paper}",
        "description": f"arXiv:{paper}v1 Announce Type: {kind} \nAbstract: We count to {number}.",
        "guid": f"oai:arXiv.org:{paper}v1",
        "category": "cs.CL",
        "pubDate": "Thu, 15 Jan 2026 00:00:00 -0500",
        "arxiv:announce_type": kind,
        "dc:creator": "Ada Example, Bo Sample",
    } | {name.replace("__", ":"): value for name, value in over.items()}
    inside = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in parts.items())
    return f"<item>{inside}</item>"


def feed(*items, built=THURSDAY, title="cs.CL updates on arXiv.org"):
    head = f"{HEAD}<title>{title}</title><lastBuildDate>{built}</lastBuildDate>"
    return f"{head}{''.join(items)}</channel></rss>".encode()


def fetched(body, *, now=NOW, visits=(), status=200, **options):
    transport = httpx2.MockTransport(lambda _: httpx2.Response(status, content=body))
    source = Source(ArxivPart(**options), agent="t", transport=transport, pause=0, wait=0)
    return asyncio.run(look(source, now, {visit.url: visit for visit in visits}))


# ── What is read ─────────────────────────────────────────────────────────────────────────────────


def test_an_item_becomes_a_paper_with_the_time_of_its_announcement():
    harvest = fetched(feed(item(7)))
    (paper,) = harvest.papers
    assert harvest.state is FetchState.FRESH
    assert (paper.id, paper.title) == ("2601.00007", "On the matter of number 7")
    assert paper.abstract == "We count to 7."
    assert paper.authors == ("Ada Example", "Bo Sample")
    assert paper.categories == ("cs.CL",)
    assert paper.published_at is None  # a feed does not tell when a paper was submitted
    assert paper.links == {
        "paper": "https://arxiv.org/abs/2601.00007",
        "pdf": "https://arxiv.org/pdf/2601.00007",
    }
    (signal,) = harvest.signals
    assert (signal.paper_id, signal.name, signal.value) == ("2601.00007", "announced", 1.0)
    assert signal.at == datetime(2026, 1, 15, 5, tzinfo=UTC)


def test_one_request_asks_for_all_categories():
    asked = []

    def handler(request):
        asked.append(str(request.url))
        return httpx2.Response(200, content=feed(item()))

    options = ArxivPart(categories=("cs.AI", "math.OC"), base_url="https://feeds.example")
    source = Source(options, agent="t", transport=httpx2.MockTransport(handler))
    asyncio.run(source.fetch(NOW, {}))
    assert asked == ["https://feeds.example/rss/cs.AI+math.OC"]


def test_replacements_are_listed_and_are_no_papers_and_cross_lists_are_merged():
    kinds = ("new", "cross", "replace", "replace-cross")
    harvest = fetched(feed(*(item(n, kind) for n, kind in enumerate(kinds)), item(0, "cross")))
    assert [paper.id for paper in harvest.papers] == ["2601.00000", "2601.00001"]
    assert harvest.listed == 5


def test_a_replacement_says_its_version_of_a_paper_and_is_no_new_one():
    revised = item(1, "replace", guid="oai:arXiv.org:2601.00001v3")
    first = item(2, "replace")  # claims to be the first version: nothing was revised
    harvest = fetched(feed(revised, first, item(3)))
    assert [paper.id for paper in harvest.papers] == ["2601.00003"]
    said = [(one.paper_id, one.value) for one in harvest.signals if one.name == "revised"]
    assert said == [("2601.00001", 3.0)]
    assert all(one.at <= NOW for one in harvest.signals)


def test_the_announcement_type_is_read_from_the_description_where_its_element_is_missing():
    batch = parse(feed(item(1, "replace")).replace(b"arxiv:announce_type", b"arxiv:other"))
    assert [entry.kind for entry in batch.entries] == ["replace"]
    assert batch.announced == ()


@pytest.mark.parametrize(
    ("creator", "authors"),
    [
        ("Ada Example, Sam Sample, Jr., Bo", ("Ada Example", "Sam Sample, Jr.", "Bo")),
        ("Ada Example, III", ("Ada Example, III",)),
        ("Paulo Andr\\'e", ("Paulo Andr\\'e",)),  # raw, as all texts
        (" , ,", ()),
        (", ".join(f"A{n}" for n in range(3_000)), tuple(f"A{n}" for n in range(2_000))),
    ],
)
def test_one_string_of_names_becomes_names(creator, authors):
    (paper,) = fetched(feed(item(dc__creator=creator))).papers
    assert paper.authors == authors


def test_a_repository_in_the_abstract_is_a_link_and_a_signal():
    harvest = fetched(feed(item(description="Abstract: Code at https://github.com/a/b.")))
    assert harvest.papers[0].links["code"] == "https://github.com/a/b"
    assert [(s.name, s.at) for s in harvest.signals if s.name == "code"] == [("code", NOW)]


def test_nothing_is_announced_in_the_future():
    harvest = fetched(feed(item(pubDate="Thu, 15 Jan 2099 00:00:00 -0500")))
    assert harvest.signals[0].at == NOW


# ── The rhythm ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-01-15T08:00", True),  # Thursday
        ("2026-01-16T08:00", True),  # Friday shows Thursday evening's batch
        ("2026-01-17T08:00", False),  # Saturday: Friday evening is quiet
        ("2026-01-18T08:00", False),  # Sunday: so is Saturday evening
        ("2026-01-19T08:00", True),  # Monday shows Sunday evening's batch
        ("2026-01-19T04:30", False),  # 23:30 on Sunday in New York
        ("2026-01-19T05:10", False),  # the feed may still be Sunday's
        ("2026-01-17T05:10", False),  # or Saturday's already
        ("2026-07-13T04:31", True),  # in summer New York's midnight is 04:00 UTC
        ("2025-12-31T08:00", False),  # Tuesday 30 December was deferred: really empty
        ("2026-01-01T08:00", True),  # 31 December was not
    ],
)
def test_a_batch_is_expected_by_the_calendar_of_new_york(moment, expected):
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert expects_announcement(now, {4, 5}, {date(2025, 12, 30)}) is expected


@pytest.mark.parametrize(
    ("now", "holidays", "state", "note"),
    [
        (datetime(2026, 1, 17, 8, tzinfo=UTC), (), FetchState.QUIET, ""),
        (NOW, (), FetchState.MISSING, "empty, although a batch was due"),
        (NOW, (date(2026, 1, 14),), FetchState.QUIET, ""),
    ],
)
def test_an_empty_feed_is_quiet_only_when_nothing_is_due(now, holidays, state, note):
    harvest = fetched(feed(), now=now, holidays=frozenset(holidays))
    assert (harvest.state, harvest.note, harvest.papers) == (state, note, ())


def test_the_same_batch_under_a_new_build_date_is_stale_until_it_changes():
    monday = fetched(feed(item(1), built="Mon, 12 Jan 2026 05:00:02 +0000"))
    tuesday = feed(item(1), built="Tue, 13 Jan 2026 05:00:02 +0000")
    stale = fetched(tuesday, visits=monday.visits)
    assert stale.state is FetchState.STALE
    assert stale.note == "the batch of 2026-01-12 again under a new build date"
    assert [paper.id for paper in stale.papers] == ["2601.00001"]
    again = fetched(tuesday, visits=stale.visits)
    assert (again.state, again.note) == (stale.state, stale.note)
    fresh = fetched(feed(item(2), built="Wed, 14 Jan 2026 05:00:02 +0000"), visits=again.visits)
    assert fresh.state is FetchState.FRESH


def test_the_same_batch_is_not_stale_while_nothing_new_was_due():
    friday = fetched(feed(item(1), built="Fri, 16 Jan 2026 05:00:02 +0000"))
    body = feed(item(1), built="Sun, 18 Jan 2026 05:00:02 +0000")
    assert fetched(body, visits=friday.visits).state is FetchState.FRESH


def test_an_empty_weekend_does_not_hide_that_mondays_batch_is_fridays():
    friday = fetched(feed(item(1), built="Fri, 16 Jan 2026 05:00:02 +0000"))
    empty = feed(built="Sat, 17 Jan 2026 05:00:02 +0000")
    saturday = fetched(empty, now=datetime(2026, 1, 17, 8, tzinfo=UTC), visits=friday.visits)
    body = feed(item(1), built="Mon, 19 Jan 2026 05:00:02 +0000")
    assert saturday.state is FetchState.QUIET
    assert fetched(body, visits=saturday.visits).state is FetchState.STALE


def test_unchanged_keeps_the_old_visit():
    fresh = fetched(feed(item(1)))
    again = fetched(b"", status=304, visits=fresh.visits)
    assert (again.state, again.visits) == (FetchState.UNCHANGED, fresh.visits[:1])


# ── What is refused ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "status", "note"),
    [
        (b"<!DOCTYPE html><html><title>Just a moment</title></html>", 200, "HTML page (200)"),
        (b"<?xml version='1.0'?><!DOCTYPE html><html/>", 200, "HTML page (200)"),
        (b'{"error": "no"}', 400, "not a feed: JSON (400)"),
        (b" \n", 200, "empty answer (200)"),
        (b"/etc/passwd", 200, "not a feed: no XML (200)"),  # nor the name of a file to open
        (b"https://evil.example/rss", 200, "not a feed: no XML (200)"),
        (b"<OAI-PMH/>", 200, "not a feed: XML of <OAI-PMH> (200)"),
        (b"<rss><channel></rss>", 200, "not well-formed XML: mismatched tag, line 1 (200)"),
        (b"<rss><x:y/></rss>", 200, "not well-formed XML: unbound prefix, line 1 (200)"),
        (b"<rss>\xe9</rss>", 200, "not UTF-8: byte 5 of 12 (200)"),
        (b"<?xml version='1.0' encoding='latin-1'?><rss/>", 200, "encoded as latin-1"),
        (
            b'<!DOCTYPE rss [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]><rss>&b;</rss>',
            200,
            "entity bomb refused",
        ),
        (b"<rss>" + b"<a>" * 100, 200, "XML of more than"),
        (b"<rss>" + b"<a/>" * 300_000, 200, "XML of more than 250,000 elements"),
        (feed(item(dc__creator="a" * 10_000)), 200, "an author with a word of more than 100"),
        (feed(item(title="", guid="x", link="y")), 200, "not one entry can be read; 1 of 1"),
        (feed(item()), 404, "404 with a feed of 1 entries"),
        (feed(item())[:300], 200, "XML cut off before its first entry ended (200)"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,
)
def test_what_is_no_feed_is_a_failure_whose_note_names_the_fault(body, status, note):
    harvest = fetched(body, status=status)
    assert harvest.state is FetchState.FAILED
    assert note in harvest.note
    assert (harvest.papers, harvest.visits) == ((), ())


def test_a_cut_off_feed_fails_and_keeps_its_whole_entries():
    whole = feed(*(item(n) for n in range(10)))
    cut = whole[: whole.index(b"matter of number 7")]
    harvest = fetched(cut)
    assert (harvest.state, harvest.note) == (FetchState.FAILED, "XML cut off after 7 entries")
    assert [paper.id for paper in harvest.papers] == [f"2601.{n:05d}" for n in range(7)]
    assert harvest.visits == ()  # so that the next look asks for all of it


def test_a_cut_in_the_middle_of_a_letter_is_a_cut():
    whole = feed(item(1), item(2, title="Über"))
    harvest = fetched(whole[: whole.index("Ü".encode()) + 1])
    assert (harvest.note, len(harvest.papers)) == ("XML cut off after 1 entries", 1)


def test_a_cut_off_atom_feed_with_prefixes_keeps_its_whole_entries():
    entry = "<a:entry><a:id>oai:arXiv.org:2601.0000{}v1</a:id><a:title>T</a:title></a:entry>"
    body = '<a:feed xmlns:a="http://www.w3.org/2005/Atom">' + entry.format(1) + entry.format(2)
    batch = parse(body[:-20].encode())
    assert ([entry.paper.id for entry in batch.entries], batch.cut) == (["2601.00001"], True)


def test_a_feed_that_says_what_is_wrong_is_quoted():
    body = (
        f"{HEAD}<title>Feed error for query: http://rss.arxiv.org/rss/cs.XX</title>"
        "<description>Bad subject class 'XX'. Valid ones are: AI.</description></channel></rss>"
    )
    harvest = fetched(body.encode(), status=400)
    assert harvest.state is FetchState.FAILED
    assert harvest.note == "feed error: Bad subject class 'XX'. Valid ones are: AI. (400)"


def test_entries_with_a_wrong_id_are_dropped_and_counted():
    odd = item(2, guid="oai:arXiv.org:2613.1v1", link="javascript:alert(1)")
    harvest = fetched(feed(item(1), odd, item(3, title="")))
    assert [paper.id for paper in harvest.papers] == ["2601.00001"]
    assert harvest.note == "2 of 3 entries without an arXiv id or title dropped"


def test_hostile_fields_stay_text_of_bounded_length():
    odd = item(
        title="<script>alert(1)</script>\r\nBcc: all@example.org " + "x" * 2_000,
        link="javascript:alert(1)",
        description="Abstract: <img src=x> https://github.com/a/b'onclick= " + "y" * 30_000,
        category="cs.XX",  # unknown: dropped quietly
        dc__creator="Eve\nMallory",
    )
    (paper,) = fetched(feed(odd)).papers
    assert paper.title.startswith("<script>alert(1)</script> Bcc: all@example.org x")
    assert (len(paper.title), len(paper.abstract)) == (1_000, 20_000)
    assert (paper.authors, paper.categories) == (("Eve Mallory",), ())
    assert set(paper.links) == {"paper", "pdf", "code"}
    assert all(link.startswith("https://") for link in paper.links.values())


def test_more_entries_than_are_taken_are_left():
    short = "<item><title>t</title><guid>oai:arXiv.org:2601.{:05d}v1</guid></item>"
    batch = parse(feed(*(short.format(n) for n in range(5_010))))
    assert (batch.listed, batch.cut) == (5_000, False)
    assert batch.note == "only the first 5,000 entries were taken"


def test_a_feed_of_an_ordinary_day_is_read_in_seconds():
    body = feed(*(item(n, description="Abstract: " + "word " * 300) for n in range(1_500)))
    started = time.perf_counter()
    assert len(parse(body).announced) == 1_500
    assert time.perf_counter() - started < 20  # about 1 s; a bound for a loaded machine


def test_a_refusal_is_a_source_error_of_arxiv():
    with pytest.raises(SourceError, match="arxiv: empty answer"):
        parse(b"")
