"""The day's first half: look at the sources, cut the edition, queue it for who is due."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from fakes import FakeSource
from installation import DOWN, installed, papers
from make import DAY, HOUR, NOON, harvest, paper, paper_id, signal

from digest.errors import SourceError
from digest.model import FetchState, Preferences
from digest.subscriptions import Origin

WEEKDAYS = frozenset({0, 1, 2, 3, 4})


@pytest.fixture
def place(store_url):
    """Opens installations over one database."""
    return lambda *sources, **over: installed(store_url, *sources, **over)


# ── Looking ──────────────────────────────────────────────────────────────────────────────────────


def test_looking_twice_at_the_same_instant_changes_nothing(place):
    shown = harvest(paper(1), paper(2), signals=(signal(5.0),))
    with place(FakeSource(shown)) as house:
        first = house.collect()
        before = house.store.papers.counts()
        second = house.collect()
        assert [one.new for one in first] == [2]
        assert [one.new for one in second] == [0]
        assert house.store.papers.counts() == before == {"papers": 2, "signals": 1}


@pytest.mark.parametrize(
    ("fault", "note"),
    [
        (SourceError("arxiv", "503 after 3 tries"), "503 after 3 tries"),
        # A mistake of ours, or bytes that no parser foresaw, costs that source and no more.
        (ZeroDivisionError("of what"), "ZeroDivisionError: of what"),
    ],
)
def test_a_source_that_is_down_is_a_line_in_the_report(place, fault, note):
    with place(FakeSource(fault, name="arxiv"), FakeSource(papers(1, 2))) as house:
        house.join("ann")
        report = house.day()
        assert [(one.source, one.state, one.note) for one in report.sources] == [
            ("arxiv", FetchState.FAILED, note),
            ("huggingface", FetchState.FRESH, ""),
        ]
        assert len(report.queued.edition.items) == 2
        assert house.states() == {"ann": "sent"}


# ── Editions ─────────────────────────────────────────────────────────────────────────────────────


def test_an_edition_is_made_once_a_cut_and_given_back_afterwards(place):
    with place(FakeSource(papers(1), papers(1, 2))) as house:
        house.collect()
        first, candidates = house.daily.edition(house.now)
        house.now += HOUR / 2
        house.collect()
        again, none = house.daily.edition(house.now)
        house.now += HOUR / 2
        later, more = house.daily.edition(house.now)
        assert (again, candidates, none) == (first, 1, 0)
        assert (later.cut - first.cut, more, len(later.items)) == (HOUR, 2, 2)


@pytest.mark.parametrize("hours", [1, 6, 24])
def test_a_coarser_cut_makes_fewer_editions(place, hours):
    with place(schedule={"cut_hours": hours}) as house:
        house.collect()
        made = {
            house.daily.edition(house.now.replace(hour=0) + n * HOUR)[0].cut for n in range(12, 24)
        }
        assert len(made) == {1: 12, 6: 2, 24: 1}[hours]


def test_a_draft_stores_nothing(place):
    with place() as house:
        house.collect()
        draft, candidates = house.daily.draft(house.now)
        assert (len(draft.items), candidates) == (3, 3)
        assert house.store.editions.at(draft.cut) is None
        assert house.daily.edition(house.now)[0].id == draft.id


def test_nobody_due_needs_no_edition(place):
    with place() as house:
        house.join("ann", hour=13)
        house.collect()
        queued = house.queue()
        assert (queued.edition, queued.readers, queued.note) == (None, 0, "nobody is due")
        assert house.store.editions.latest() is None


def cuts(house, *hours):
    """The hours of the day whose cuts have an edition, after looking at each for who is due."""
    at = [house.now.replace(hour=hour) for hour in hours]
    for house.now in at:
        house.queue()
    return [instant.hour for instant in at if house.store.editions.at(instant)]


def test_an_edition_is_made_at_the_hours_at_which_somebody_new_is_due(place):
    with place(now=NOON.replace(hour=5)) as house:
        house.join("ann", hour=7)
        house.join("ben", "cat", hour=15)
        house.join("dan", hour=9, paused_until=house.now.date() + DAY)
        house.join("eve", hour=10, days=frozenset({0}))
        house.collect()
        assert cuts(house, *range(6, 18)) == [7, 15]
        house.join("fay", hour=8)  # due at once: her hour has been today
        assert cuts(house, 18, 19, 20) == [18]
        house.leave("ann")
        assert cuts(house, 21, 22) == []
        assert house.store.ledger.counts() == {"queued": 4}


def test_no_edition_is_made_for_what_the_operator_gave_up(place):
    with place() as house:
        house.join("ann")
        house.collect()
        house.store.fence.release(house.now, skip=True)
        assert cuts(house, 13, 14) == []
        house.join("ben", hour=15)
        assert cuts(house, 14, 15, 16) == [15]


# ── The queue ────────────────────────────────────────────────────────────────────────────────────


def test_queueing_twice_queues_once(place):
    with place() as house:
        house.join("ann", "ben")
        house.collect()
        first, second = house.queue(), house.queue()
        house.now += HOUR  # another cut of the same day
        third = house.queue()
        assert (first.readers, second.readers, third.readers) == (2, 0, 0)
        assert (second.note, third.note) == ("everybody who is due has theirs",) * 2
        assert house.store.ledger.counts() == {"queued": 2}


def test_who_joins_between_two_tries_is_queued_by_the_second(place):
    with place() as house:
        house.join("ann")
        house.collect()
        house.queue()
        house.join("ben")
        assert house.queue().readers == 1
        assert house.states() == {"ann": "queued", "ben": "queued"}


def test_many_at_once_make_one_edition_and_queue_everybody_once(place):
    with place() as house:
        house.join(*(f"r{n}" for n in range(60)), hour=7)
        house.join(*(f"s{n}" for n in range(60)), hour=8)
        house.collect()
        others = [place() for _ in range(3)]
        houses = [house, *(other.__enter__() for other in others)]
        barrier, queued = threading.Barrier(len(houses)), []

        def work(one):
            barrier.wait(10)
            queued.append(one.queue())

        threads = [threading.Thread(target=work, args=(one,)) for one in houses]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        for other in others:
            other.__exit__(None, None, None)
        assert len(queued) == len(houses)
        assert sum(one.readers for one in queued) == 120
        assert len({one.edition.id for one in queued if one.edition}) == 1
        assert house.store.ledger.counts() == {"queued": 120}


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-01-15T12:00:00+00:00", {"berlin"}),  # 13:00 there
        ("2026-01-15T23:30:00+00:00", {"berlin", "york"}),  # 18:30 in New York
        ("2026-01-16T03:30:00+00:00", {"york", "berlin"}),  # 22:30 there; Berlin's 12:30, yesterday
    ],
)
def test_readers_are_due_at_their_own_hour(place, now, due):
    with place(now=datetime.fromisoformat(now), schedule={"catch_up_hours": 12}) as house:
        house.join("berlin", hour=22 if "16T" in now else 13, zone="Europe/Berlin")
        house.join("york", hour=18, zone="America/New_York")
        house.collect()
        house.queue()
        assert set(house.ledger()) == due


@pytest.mark.parametrize(
    ("hours_later", "dates"),
    [
        (2, ["2026-01-15"]),  # 01:00: yesterday's mail is sent late, once
        (8, []),  # 07:00: too late for yesterday, and today's is due at 23:00
        (25, ["2026-01-16"]),  # down for more than a day: only today's
    ],
)
def test_a_machine_that_was_down_over_midnight_catches_up_once(place, hours_later, dates):
    due = datetime(2026, 1, 15, 23, tzinfo=UTC)
    with place(now=due + hours_later * HOUR, schedule={"catch_up_hours": 6}) as house:
        house.join("ann", hour=23)
        house.collect()
        house.queue()
        house.queue()
        assert [str(one.local_date) for one in house.store.ledger.entries()] == dates


def test_who_joined_after_the_hour_gets_no_mail_of_yesterday(place):
    with place(now=datetime(2026, 1, 16, 1, tzinfo=UTC)) as house:
        ann = [("ann@example.net", Preferences(hour=23))]
        house.app.subscriptions.add(ann, house.now - HOUR)  # at midnight: 23:00 was over
        house.collect()
        assert house.queue().readers == 0


# ── Nothing to say ───────────────────────────────────────────────────────────────────────────────


def test_nothing_new_sends_nothing_and_says_why(place):
    with place(FakeSource(papers(1, 2), papers())) as house:
        house.collect()
        house.now += 2 * DAY
        house.join("ann")
        report = house.day()
        note = "nothing new since Thursday 15 January, 12:00 UTC"
        assert (report.queued.readers, report.queued.note) == (0, note)
        assert house.mails() == []
        one = house.ledger()["ann"]
        assert (one.state, one.reason, one.attempts) == ("skipped", note, 0)


def test_a_day_without_news_is_closed(place):
    with place(FakeSource(papers(1), papers(), papers(1, 2))) as house:
        house.collect()
        house.now += 2 * DAY
        house.join("ann")
        house.day()
        house.now += HOUR
        assert house.day().queued.readers == 0  # today said there was nothing
        house.now += 20 * HOUR
        report = house.day()
        assert (report.queued.readers, house.mails()) == (1, ["ann"])  # and tomorrow has the news


def test_nothing_because_a_source_failed_is_tried_again(place):
    arxiv, other = FakeSource(papers(), DOWN, papers(9), name="arxiv"), FakeSource(papers(1))
    with place(arxiv, other) as house:
        house.collect()
        house.now += 2 * DAY
        house.join("ann")
        report = house.day()
        assert report.queued.note.startswith("nothing new since Thursday")
        assert report.queued.note.endswith("a source failed: tried again with the next look")
        assert house.states() == {}
        assert house.store.editions.at(house.now.replace(minute=0)) is None
        house.now += HOUR / 4  # the same cut: it was not published empty
        assert house.day().queued.readers == 1
        assert house.states() == {"ann": "sent"}


def test_before_anything_was_collected_there_is_nothing_to_send(place):
    with place(FakeSource(SourceError("huggingface", "no connection"))) as house:
        house.join("ann")
        note = house.day().queued.note
        assert note.startswith("no paper has been collected yet")
        assert house.states() == {}


@pytest.mark.parametrize(
    ("days", "mailed"),
    [
        (WEEKDAYS, []),  # the reader wants no mail on a Saturday
        (frozenset({5, 6}), ["ann"]),
    ],
)
def test_weekends_are_the_readers_own_choice(place, days, mailed):
    saturday = NOON + 2 * DAY
    with place(now=saturday) as house:
        house.join("ann", days=days)
        house.day()
        assert house.mails() == mailed


def test_quiet_days_may_send_unread_older_papers(place):
    voted = papers(*range(1, 21), signals=[signal(9.0, paper_id=paper_id(n)) for n in range(1, 21)])
    with place(FakeSource(voted, papers()), schedule={"quiet_days": "send"}) as house:
        house.join("ann", papers=4)
        house.day()
        house.now += 2 * DAY
        house.day()
        had = house.papers_had()["ann"]
        assert len(had) == len(set(had)) == 8


def test_no_paper_is_ever_repeated_to_anybody(place):
    """Ten days of four cuts, readers who change their hour and miss days, papers that stay."""
    looks = [papers(*range(1 + 3 * n, 40 + 3 * n)) for n in range(40)]
    with place(FakeSource(*looks), now=NOON.replace(hour=0)) as house:
        for n in range(8):
            house.join(f"r{n}", hour=3 * n, papers=3 + n)
        for cut in range(40):
            house.now = NOON.replace(hour=0) + cut * timedelta(hours=6)
            if cut % 7 == 3:
                move(house, hour=cut % 24)
            house.day()
        had = house.papers_had()
        assert len(had) == 8
        assert [name for name, papers in had.items() if len(papers) < 15] == []
        assert [name for name, papers in had.items() if len(papers) != len(set(papers))] == []
        dates = [(one.email, one.local_date) for one in house.store.ledger.entries(limit=1000)]
        assert len(dates) == len(set(dates))


def move(house, hour):
    """Everybody chooses this hour."""
    for reader in list(house.store.roster.everybody()):
        token = house.app.writer.links(reader).preferences.rpartition("/")[2]
        wish = Preferences(hour=hour, papers=reader.preferences.papers)
        house.app.subscriptions.prefer(token, wish, Origin(source="form"), house.now)
