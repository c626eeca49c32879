"""What was read of each category: counted by the source, kept, told to readers, and doubted."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from render_samples import FOLDER, LINKS, LOOK, MORNING, READER, SECTIONS, edition
from test_sources_arxiv import HEAD, feed, fetched, item

from digest.model import Colophon, FetchState, SourceReport, Tally, Visit
from digest.render import Renderer
from digest.render.filters import folded
from digest.settings import ArxivPart
from digest.sources import look
from digest.sources.arxiv import Source
from digest.sources.sample import SampleTransport

BOTH = ("cs.AI", "cs.CL")
TUESDAY, WEDNESDAY = "Tue, 13 Jan 2026 05:00:02 +0000", "Wed, 14 Jan 2026 05:00:02 +0000"
SATURDAY = "Sat, 17 Jan 2026 05:00:02 +0000"


def papers(numbers, category="cs.CL", kind="new"):
    return [item(number, kind, category=category) for number in numbers]


def counts(harvest):
    return {one.name: (one.listed, one.read) for one in harvest.tallies}


# ── Counting ─────────────────────────────────────────────────────────────────────────────────────


def test_a_paper_counts_in_every_category_it_is_listed_in_and_replacements_in_none():
    cross = item(3, "cross").replace("<category>cs.CL", "<category>cs.LG</category><category>cs.CL")
    both = item(4).replace("<category>cs.CL", "<category>cs.AI</category><category>cs.CL")
    shown = feed(*papers([1, 2]), cross, both, *papers([5], kind="replace"))
    found = fetched(shown, categories=(*BOTH, "cs"))
    assert counts(found) == {"cs.AI": (1, 1), "cs.CL": (4, 4), "cs": (4, 4)}


def test_an_entry_that_cannot_be_read_is_listed_and_not_read():
    shown = feed(*papers([1, 2]), item(3, title=""), item(4, title="", category="cs.AI"))
    assert counts(fetched(shown, categories=BOTH)) == {"cs.AI": (1, 0), "cs.CL": (3, 2)}


@pytest.mark.parametrize("body", [feed(), feed(*papers([1])), HEAD.encode()])
def test_only_a_new_batch_says_something_of_its_categories(body):
    found = fetched(body, categories=BOTH)
    assert bool(found.tallies) is (found.state is FetchState.FRESH)


# ── Doubting ─────────────────────────────────────────────────────────────────────────────────────


def test_a_category_that_shows_the_batch_before_once_more_is_a_fault_until_it_goes_on():
    monday = fetched(
        feed(*papers(range(1, 7), "cs.AI"), *papers(range(11, 17)), built=TUESDAY), categories=BOTH
    )
    assert not any(one.again for one in monday.tallies)
    # cs.AI is that of the day before, but for two that are cross-listed from elsewhere.
    stale = feed(*papers(range(1, 9), "cs.AI"), *papers(range(21, 26)), built=WEDNESDAY)
    tuesday = fetched(stale, visits=monday.visits, categories=BOTH)
    assert tuesday.state is FetchState.FRESH
    assert [one.again for one in tuesday.tallies] == [True, False]
    assert tuesday.note == "cs.AI: 6 of 8 new papers are those of before"
    known = {one.url: one for one in (*monday.visits, *tuesday.visits)}.values()
    once_more = fetched(stale, visits=known, categories=BOTH)
    assert [one.again for one in once_more.tallies] == [True, False]  # looked at twice
    right = feed(*papers(range(31, 37), "cs.AI"), *papers(range(21, 26)), built=WEDNESDAY)
    assert not any(one.again for one in fetched(right, visits=known, categories=BOTH).tallies)


@pytest.mark.parametrize(
    ("first", "second", "built"),
    [
        (range(1, 7), range(4, 11), WEDNESDAY),  # fewer than half are old
        (range(1, 3), range(1, 3), WEDNESDAY),  # two papers prove nothing
        (range(1, 7), range(1, 7), TUESDAY),  # the same build
    ],
)
def test_a_category_is_not_doubted_without_reason(first, second, built):
    other = papers(range(50, 60), "cs.AI")
    before = fetched(feed(*papers(first), *other, built=TUESDAY), categories=BOTH)
    other = papers(range(60, 70), "cs.AI")
    shown = feed(*papers(second), *other, built=built)
    found = fetched(shown, visits=before.visits, categories=BOTH)
    assert (found.state, found.note) == (FetchState.FRESH, "")
    assert not any(one.again for one in found.tallies)


def test_nothing_new_is_due_on_a_weekend():
    friday = "Fri, 16 Jan 2026 05:00:02 +0000"
    one, other = papers(range(1, 7)), papers(range(50, 60), "cs.AI")
    before = fetched(feed(*one, *other, built=friday), categories=BOTH)
    shown = feed(*one, *papers(range(60, 70), "cs.AI"), built=SATURDAY)
    assert not any(t.again for t in fetched(shown, visits=before.visits, categories=BOTH).tallies)


def test_cross_lists_and_what_was_remembered_by_others_are_no_reason_to_doubt():
    odd = [Visit(url="x"), Visit(url="https://rss.arxiv.org/rss/cs.AI+cs.CL#cs.CL", built="never")]
    crossed = papers(range(1, 9), "cs.AI", "cross")
    before = fetched(feed(*crossed, *papers([20]), built=TUESDAY), visits=odd, categories=BOTH)
    shown = feed(*crossed, *papers([21]), built=WEDNESDAY)
    assert not any(t.again for t in fetched(shown, visits=before.visits, categories=BOTH).tallies)


# ── Telling ──────────────────────────────────────────────────────────────────────────────────────


def tally(name, listed, read=None, *, again=False):
    return Tally(name=name, listed=listed, read=listed if read is None else read, again=again)


def told(*looks):
    return Renderer(LOOK, FOLDER)._read(Colophon(looks=looks))


def report(source="arxiv", *tallies, **over):
    values = {"state": FetchState.FRESH, "at": MORNING, "listed": 288, "new": 31}
    return SourceReport(source=source, tallies=tallies, **values | over)


LISTED = "categories listed"
NINES = ", ".join(f"cs.{letter} 10 (9 read)" for letter in "ABCDE")
TENS = "cs.A 10, cs.B 10, cs.C 10, cs.D 10"
MANY = [tally(f"cs.{letter}", 10) for letter in "ABCDEFGH"]


@pytest.mark.parametrize(
    ("tallies", "words"),
    [
        ([tally("cs.CL", 121)], "cs.CL 121 listed, all read"),
        ([tally("cs.AI", 140), tally("cs.CL", 121)], "cs.AI 140, cs.CL 121 listed, all read"),
        ([tally("cs.CL", 121, 119)], "cs.CL 121 (119 read) listed"),
        (
            [tally("cs.AI", 140, again=True), tally("cs.CL", 121)],
            "cs.AI 140 (the list before again), cs.CL 121 listed, the others read in full",
        ),
        (
            MANY,
            f"{TENS}, cs.E 10 and those of 3 more categories listed, all read",
        ),
        (
            [*MANY, tally("cs.Z", 9, 8)],
            f"cs.Z 9 (8 read), {TENS} and those of 4 more {LISTED}, the others read in full",
        ),
        (
            [*(tally(one.name, 10, 9) for one in MANY), tally("cs.Z", 9)],
            f"{NINES} and those of 4 more {LISTED}, more than these not read in full",
        ),
    ],
)
def test_the_line_says_what_was_listed_and_read_of_each_category(tallies, words):
    assert told(report("arxiv", *tallies)) == (
        f"Read for this edition: arXiv at 06:00 UTC: {words}, 31 new."
    )


def test_a_source_without_categories_says_its_time_and_its_number_and_a_silent_one_that():
    looks = (
        report("huggingface"),
        report("hackernews", listed=0),
        report("arxiv", state=FetchState.FAILED),
        report("biorxiv", state=FetchState.STALE),
    )
    assert told(*looks) == (
        "Read for this edition: Hugging Face at 06:00 UTC: 288 listed, 31 new; "
        "Hackernews at 06:00 UTC: nothing new; arXiv did not answer at 06:00 UTC; "
        "Biorxiv at 06:00 UTC: 288 listed, 31 new (the list before again)."
    )


def test_at_most_five_categories_are_named_and_none_is_lost():
    for count in range(12):
        named, more, _ = folded([tally(f"cs.{n}", n, n - n % 2) for n in range(count)])
        assert len(named) <= 5
        assert len(named) + more == count


def test_both_parts_of_the_mail_and_the_page_have_the_line():
    story = Colophon(looks=(report("arxiv", tally("cs.CL", 121, 119)),))
    some = replace(edition(3), colophon=story)
    renderer = Renderer(LOOK, FOLDER)
    mail = renderer.digest(some, some.items, SECTIONS, LINKS, READER)
    page = renderer.page(
        "edition",
        edition=some,
        items=some.items,
        sections=SECTIONS,
        earlier=None,
        later=None,
        personal=False,
        ticket="",
        topics=(),
        periods=(),
    )
    for text in (mail.html, mail.text, page):
        assert "arXiv at 06:00 UTC: cs.CL 121 (119 read) listed" in " ".join(text.split())


def test_a_look_at_the_sample_counts_every_category():
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    source = Source(ArxivPart(), agent="t", transport=SampleTransport(lambda: noon))
    found = asyncio.run(look(source, noon, {}))
    assert [one.name for one in found.tallies] == list(ArxivPart().categories)
    assert all(one.read == one.listed > 0 for one in found.tallies)
