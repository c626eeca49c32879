"""Annotators in the day: they tell more about papers that others found, and decide nothing."""

import asyncio
from dataclasses import replace

import pytest
from fakes import FakeAnnotator, FakeSource
from installation import installed, papers
from make import DAY, HOUR, NOON, candidate, harvest, paper, signal

from digest.errors import SourceError
from digest.model import FetchState, Harvest
from digest.sources import Annotator, Source, look
from digest.sources.observing import Finding
from digest.sources.observing import harvest as observed

LINK = "https://news.ycombinator.com/item?id=1"


@pytest.fixture
def place(store_url):
    """Opens installations over one database."""
    return lambda *sources, **over: installed(store_url, *sources, **over)


def points(*paper_ids, links=None):
    """Tells of those papers, whether they are known or not."""

    def tell(known, now):
        found = [
            Finding(paper_id=name, counts={"points": 312.0}, links=links or {})
            for name in paper_ids
        ]
        return observed("hackernews", known, found, now, listed=len(found))

    return tell


def kept(house):
    """The papers as they are stored, by id, with their signals."""
    return {one.paper.id: one for one in house.store.papers.window(NOON - DAY, house.now)}


def test_an_annotator_is_told_of_the_papers_that_were_found_in_the_same_look(place):
    annotator = FakeAnnotator(points("2601.00001"))
    with place(annotator, FakeSource(papers(1, 2))) as house:
        reports = house.collect()
        assert [set(known) for known in annotator.known] == [{"2601.00001", "2601.00002"}]
        assert [(one.source, one.new) for one in reports] == [("huggingface", 2), ("hackernews", 0)]
        (seen,) = [s for s in kept(house)["2601.00001"].signals if s.name == "points"]
        assert (seen.value, seen.source, seen.at) == (312.0, "hackernews", NOON)


def test_papers_that_left_the_window_are_not_asked_about(place):
    annotator = FakeAnnotator(points())
    with place(FakeSource(papers(1), papers(2)), annotator) as house:
        house.collect()
        house.now += 8 * DAY
        house.collect()
        assert set(annotator.known[1]) == {"2601.00002"}


def test_links_fill_what_is_missing_and_change_nothing_else(place):
    told = paper(
        1, links={"paper": "https://arxiv.org/abs/2601.00001", "code": "https://a.example"}
    )
    more = {"hackernews": LINK, "code": "https://evil.example/other"}
    with place(FakeSource(harvest(told)), FakeAnnotator(points(told.id, links=more))) as house:
        house.collect()
        assert kept(house)[told.id].paper == replace(told, links={**told.links, "hackernews": LINK})
        house.now += HOUR
        house.collect()
        assert kept(house)[told.id].paper.links["hackernews"] == LINK


def test_what_is_told_of_papers_that_nobody_found_is_not_kept(place):
    with place(
        FakeSource(papers(1)), FakeAnnotator(points("2601.00009", links={"x": LINK}))
    ) as house:
        house.collect()
        assert set(kept(house)) == {"2601.00001"}


@pytest.mark.parametrize("error", [SourceError("hackernews", "no connection"), KeyError("ours?")])
def test_an_annotator_that_fails_changes_nothing_but_its_line(place, error):
    with place(FakeSource(papers(1, 2)), FakeAnnotator(error)) as house:
        house.join("ann")
        report = house.day()
        assert [one.state for one in report.sources] == ["fresh", "failed"]
        assert (report.queued.readers, house.states()) == (1, {"ann": "sent"})


def test_an_annotator_that_fails_leaves_a_quiet_day_quiet(place):
    with place(FakeSource(papers(1), papers()), FakeAnnotator(SourceError("x", "down"))) as house:
        house.collect()
        house.now += 2 * DAY
        house.join("ann")
        assert house.day().queued.note == "nothing new since Thursday 15 January, 12:00 UTC"
        assert house.states() == {"ann": "skipped"}  # and not tried again with the next look


def test_a_source_that_was_switched_off_after_a_failure_decides_nothing(place):
    with place(FakeSource(papers(1)), FakeSource(SourceError("x", "down"), name="dead")) as house:
        house.collect()
    with place(FakeSource(papers()), now=NOON + 2 * DAY) as house:
        house.join("ann")
        assert not house.day().queued.note.endswith("tried again with the next look")


def test_one_paper_told_by_several_sources_is_one_paper(place):
    first = paper(1, abstract="", categories=())
    feed = replace(first, source="feeds.lab", title="ON SHEEP", abstract="We count.", links={})
    with place(
        FakeSource(harvest(first)),
        FakeSource(harvest(feed, source="feeds.lab"), name="feeds.lab"),
        FakeSource(harvest(paper(1)), name="arxiv_api"),
    ) as house:
        reports = house.collect()
        assert [one.new for one in reports] == [1, 0, 0]
        (only,) = kept(house).values()
        assert (only.paper.title, only.paper.abstract) == ("Paper 1", "We count.")
        assert only.paper.categories == ("cs.CL",)


def test_annotators_are_told_from_sources_by_what_they_can_do():
    assert isinstance(FakeAnnotator(points()), Annotator)
    assert not isinstance(FakeSource(papers(1)), Annotator)
    assert not hasattr(Annotator, "fetch")
    assert hasattr(Source, "fetch")


def test_without_known_papers_a_look_at_an_annotator_is_a_quiet_one():
    found = asyncio.run(look(FakeAnnotator(points()), NOON, {}))
    assert found == Harvest(source="hackernews", state=FetchState.QUIET, seconds=found.seconds)


@pytest.mark.parametrize(
    ("before", "value", "written"),
    [
        ([], 5.0, True),
        ([], 0.0, False),  # nothing there, and nothing was: no news
        ([(5.0, HOUR)], 5.0, False),
        ([(5.0, DAY)], 5.0, True),  # once a day, so that growth can be told
        ([(5.0, HOUR)], 0.0, True),  # it went away
        ([(0.0, 2 * DAY)], 0.0, False),
        ([(5.0, HOUR), (7.0, 2 * HOUR)], 7.0, True),  # the latest counts, not the last in line
    ],
)
def test_a_number_is_written_down_when_it_says_something(before, value, written):
    seen = tuple(
        signal(old, name="points", source="hackernews", at=NOON - ago) for old, ago in before
    )
    known = {"2601.00001": candidate(1, signals=seen)}
    found = [Finding(paper_id="2601.00001", counts={"points": value})]
    assert bool(observed("hackernews", known, found, NOON).signals) == written
