"""The store's papers: written once, filled where they were empty, their signals appended."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from make import DAY, HOUR, NOON, harvest, paper, paper_id, signal, together

from digest.model import Earlier, FetchState, Visit


def window(store, since=NOON - DAY, until=NOON):
    """The candidates of that time, by id."""
    return {one.paper.id: one for one in store.papers.window(since, until)}


def one_look(**over):
    """A look at Hugging Face that brought home nothing."""
    return harvest(**over)


# ── Papers ───────────────────────────────────────────────────────────────────────────────────────


def test_a_paper_comes_back_as_it_was(store):
    kept = paper(links={"pdf": "https://example.org/pdf", "code": "https://example.org/code"})
    store.papers.keep(harvest(kept), NOON)
    assert window(store)[kept.id].paper == kept
    assert window(store)[kept.id].seen_at == NOON


def test_a_paper_with_nothing_but_a_title_comes_back_as_it_was(store):
    bare = paper(
        abstract="", authors=(), categories=(), published_at=None, links={}, title="𝒪(n) ≤ ½ 日本"
    )
    store.papers.keep(harvest(bare), NOON)
    assert window(store)[bare.id].paper == bare


def test_an_instant_in_another_zone_is_the_same_instant(store):
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    store.papers.keep(harvest(paper(published_at=NOON.astimezone(kathmandu))), NOON)
    assert window(store)[paper_id(1)].paper.published_at == NOON


def test_a_paper_known_already_keeps_its_texts_and_the_time_it_was_seen(store):
    store.papers.keep(harvest(paper()), NOON)
    other = paper(title="Other", abstract="Other", authors=("Other",), source="huggingface")
    report = store.papers.keep(harvest(other), NOON + HOUR)
    assert report.new == 0
    found = window(store)[paper_id(1)]
    assert found.paper == paper()
    assert found.seen_at == NOON


def test_what_a_first_source_left_empty_is_filled(store):
    bare = paper(abstract="", authors=(), categories=(), published_at=None, links={"pdf": "a"})
    store.papers.keep(harvest(bare), NOON)
    whole = paper(links={"pdf": "b", "code": "c"})
    store.papers.keep(harvest(whole), NOON)
    found = window(store)[paper_id(1)].paper
    assert found.links == {"pdf": "a", "code": "c"}  # what was said stays, what is new is added
    assert (found.abstract, found.authors) == (whole.abstract, whole.authors)
    assert (found.categories, found.published_at) == (whole.categories, whole.published_at)


def test_a_paper_that_a_source_names_twice_is_one(store):
    report = store.papers.keep(harvest(paper(), paper()), NOON)
    assert report.new == 1
    assert store.papers.counts()["papers"] == 1


@pytest.mark.parametrize("count", [499, 500, 501, 1_200])  # around the size of a statement
def test_many_papers_are_kept_at_once(store, count):
    papers = [paper(number) for number in range(count)]
    signals = [signal(paper_id=one.id) for one in papers]
    first = store.papers.keep(harvest(*papers, signals=tuple(signals)), NOON)
    again = store.papers.keep(harvest(*papers, signals=tuple(signals)), NOON)
    assert (first.new, again.new) == (count, 0)
    assert store.papers.counts() == {"papers": count, "signals": count}


def test_the_same_harvest_from_two_threads_is_kept_once(store):
    papers = [paper(number) for number in range(60)]
    signals = [signal(paper_id=one.id, name=name) for one in papers for name in ("votes", "stars")]
    there = harvest(*papers, signals=tuple(signals))
    back = harvest(*reversed(papers), signals=tuple(reversed(signals)))
    together(*(lambda look=look: store.papers.keep(look, NOON) for look in (there, back) * 2))
    assert store.papers.counts() == {"papers": 60, "signals": 120}


# ── Signals ──────────────────────────────────────────────────────────────────────────────────────


def test_signals_come_back_oldest_first_thinned_to_what_ranking_reads(store):
    signals = tuple(signal(n, at=NOON - n * HOUR) for n in (1, 30, 2, 14, 12, 13, 11, 20))
    store.papers.keep(harvest(paper(), signals=signals), NOON)
    # The first, the last, and the last ones of half a day and of a day ago.
    assert [one.value for one in window(store)[paper_id(1)].signals] == [30, 20, 12, 1]


def test_earlier_papers_speak_with_the_most_votes_they_were_seen_with(store):
    counts = (signal(9, at=NOON - 2 * HOUR), signal(4), signal(99, at=NOON + HOUR))
    none = signal(0, paper_id=paper_id(2))
    stars = signal(7, name="stars", paper_id=paper_id(3))
    papers = (paper(1), paper(2), paper(3))
    store.papers.keep(harvest(*papers, signals=(*counts, none, stars)), NOON)
    assert store.papers.earlier(NOON - DAY, NOON) == (Earlier(authors=paper().authors, votes=9),)
    assert store.papers.earlier(NOON, NOON + DAY) == ()


def test_the_same_observation_twice_is_one_and_the_first_stays(store):
    store.papers.keep(harvest(paper(), signals=(signal(5),)), NOON)
    store.papers.keep(harvest(paper(), signals=(signal(7),)), NOON)
    assert [one.value for one in window(store)[paper_id(1)].signals] == [5]


def test_observations_differ_by_source_name_and_instant(store):
    different = (
        signal(1),
        signal(1, source="arxiv"),
        signal(1, name="stars"),
        signal(1, at=NOON - timedelta(microseconds=1)),
    )
    store.papers.keep(harvest(paper(), signals=different), NOON)
    assert len(window(store)[paper_id(1)].signals) == 4


def test_a_signal_of_a_paper_nobody_told_us_of_is_dropped(store):
    store.papers.keep(harvest(signals=(signal(paper_id="2601.99999"),)), NOON)
    assert store.papers.counts() == {"papers": 0, "signals": 0}


def test_a_signal_of_a_paper_another_source_told_us_of_is_kept(store):
    store.papers.keep(harvest(paper(), source="arxiv"), NOON)
    store.papers.keep(harvest(signals=(signal(9),)), NOON)
    assert [one.value for one in window(store)[paper_id(1)].signals] == [9]


# ── The window ───────────────────────────────────────────────────────────────────────────────────


def test_the_window_is_open_at_its_beginning_and_closed_at_its_end(store):
    for number, seen_at in enumerate([NOON - DAY, NOON - DAY + timedelta(microseconds=1), NOON]):
        store.papers.keep(harvest(paper(number)), seen_at)
    store.papers.keep(harvest(paper(3)), NOON + timedelta(microseconds=1))
    assert set(window(store)) == {paper_id(1), paper_id(2)}


def test_the_window_shows_no_signal_after_its_end(store):
    signals = (signal(1, at=NOON), signal(2, at=NOON + timedelta(microseconds=1)))
    store.papers.keep(harvest(paper(), signals=signals), NOON)
    assert [one.value for one in window(store)[paper_id(1)].signals] == [1]


def test_the_window_comes_in_the_order_of_the_ids(store):
    papers = [paper(number) for number in (30, 4, 12)]
    store.papers.keep(harvest(*papers), NOON)
    assert [one.paper.id for one in store.papers.window(NOON - DAY, NOON)] == sorted(
        one.id for one in papers
    )


# ── Looks and visits ─────────────────────────────────────────────────────────────────────────────


def test_a_look_is_reported_and_remembered(store):
    look = harvest(paper(2), paper(7), listed=9, seconds=1.5, note="7 of 9 entries dropped")
    report = store.papers.keep(look, NOON)
    assert (report.new, report.listed, report.newest_id) == (2, 9, paper_id(7))
    assert store.papers.last_looks() == (report,)


def test_the_last_look_at_each_source_counts(store):
    for source in ("huggingface", "arxiv", "arxiv"):
        store.papers.keep(one_look(source=source), NOON)
    failed = one_look(source="arxiv", state=FetchState.FAILED, note="503 after 3 tries")
    store.papers.keep(failed, NOON + HOUR)
    arxiv, huggingface = store.papers.last_looks()
    assert (arxiv.source, arxiv.state, arxiv.note) == ("arxiv", "failed", "503 after 3 tries")
    assert (huggingface.source, huggingface.state) == ("huggingface", "fresh")


def test_old_looks_are_forgotten_and_papers_are_not(store):
    store.papers.keep(harvest(paper()), NOON - 91 * DAY)
    store.papers.keep(one_look(source="arxiv"), NOON - 89 * DAY)
    store.papers.forget(NOON - 90 * DAY)
    assert [look.source for look in store.papers.last_looks()] == ["arxiv"]
    assert store.papers.counts()["papers"] == 1


def test_a_visit_is_remembered_by_its_address_and_the_last_one_counts(store):
    visit = Visit(url="https://example.org/a", etag='"1"', last_modified="x", built="y", batch="z")
    other = Visit(url="https://example.org/b")
    store.papers.keep(one_look(visits=(visit, other)), NOON)
    later = Visit(url=visit.url, etag='"2"')
    store.papers.keep(one_look(visits=(later,)), NOON)
    assert store.papers.visits() == {visit.url: later, other.url: other}


def test_a_failed_look_forgets_no_visit(store):
    visit = Visit(url="https://example.org/a", etag='"1"')
    store.papers.keep(one_look(visits=(visit,)), NOON)
    store.papers.keep(one_look(state=FetchState.FAILED), NOON)
    assert store.papers.visits() == {visit.url: visit}


# ── Hostile texts ────────────────────────────────────────────────────────────────────────────────

HOSTILE = [
    "a\x00b",  # JSON can say it, PostgreSQL cannot
    "a\ud800b",  # half of a pair, which no encoder takes
    "\\u0000",  # these six characters are harmless, and stay
    "'; DROP TABLE paper; --",
    "%s %(a)s :name ? $1 {}",
    "x" * 1_000_000,
    "\u202e\u200b\ufeff\uffff",
    "👩‍👩‍👧‍👦",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_of_a_feed_stops_the_day(store, text):
    storable = text.replace("\x00", "\ufffd").replace("\ud800", "\ufffd")
    hostile = paper(
        title=text, abstract=text, authors=(text,), categories=(text,), links={"paper": text}
    )
    look = harvest(hostile, note=text, visits=(Visit(url="u", etag=text),))
    store.papers.keep(look, NOON)
    found = window(store)[hostile.id]
    assert (found.paper.title, found.paper.authors) == (storable, (storable,))
    assert found.paper.links == {"paper": storable}
    assert store.papers.visits()["u"].etag == storable
    assert store.papers.last_looks()[0].note == storable


@pytest.mark.parametrize("value", [0.0, -1.0, 1e308, 5e-324, float("inf")])
def test_any_number_is_kept(store, value):
    store.papers.keep(harvest(paper(), signals=(signal(value),)), NOON)
    assert window(store)[paper_id(1)].signals[0].value == value


@pytest.mark.parametrize("year", [1, 1900, 9999])
def test_any_date_is_kept(store, year):
    published = datetime(year, 12, 31, 23, 59, 59, 999_999, UTC)
    store.papers.keep(harvest(paper(published_at=published)), NOON)
    assert window(store)[paper_id(1)].paper.published_at == published
