"""The clock door: it ticks, goes on after a failure, stops in order, and knows nothing by heart."""

import asyncio
import contextlib
import logging
from datetime import UTC, datetime, timedelta

import pytest
from fakes import FakeAnnotator, FakeMailer, FakeSource
from freezegun import freeze_time
from installation import installed, papers
from make import HOUR, NOON

from digest import loop
from digest.app import system_clock
from digest.errors import ConfigError, StoreError
from digest.model import DeliveryState, Preferences
from digest.scheduler import Scheduler

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
EVERY_SECOND = {"tick_seconds": 1}


class Heard:
    """Stands before a coroutine function: waits for its calls, or fails in its place."""

    def __init__(self, work, *errors):
        self.work, self.errors = work, list(errors)
        self.done = asyncio.Queue()
        self.__name__ = work.__name__

    async def __call__(self):
        if self.errors:
            self.done.put_nowait(self.errors[0])
            raise self.errors.pop(0)
        result = await self.work()
        self.done.put_nowait(result)
        return result

    async def next(self):
        return await asyncio.wait_for(self.done.get(), 10)


@contextlib.asynccontextmanager
async def ticking(house, *errors):
    """A scheduler at work on an installation; yields the ticks as they end."""
    ticks = house.app.tick = Heard(house.app.tick, *errors)
    scheduler = Scheduler(house.app)
    scheduler.start()
    try:
        yield ticks
    finally:
        await scheduler.stop()


def test_the_first_tick_comes_at_once_and_does_the_whole_day(store_url):
    with installed(store_url) as house:
        house.join("ann")

        async def main():
            async with ticking(house) as ticks:
                return await ticks.next()

        report = loop.run(main())
        assert report.delivered.outcomes == {DeliveryState.SENT: 1}
        assert house.states() == {"ann": "sent"}


@pytest.mark.parametrize("year", [2020, 2040])
def test_it_ticks_at_once_whatever_the_clock_of_the_app_shows(store_url, year):
    """As in the demonstration of another day: the clock that rings is the machine's."""
    with installed(store_url, now=NOON.replace(year=year)) as house:
        began = system_clock()

        async def main():
            async with ticking(house) as ticks:
                return await ticks.next()

        assert loop.run(main()).now.year == year
        assert system_clock() - began < 5 * SECOND


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (StoreError("the database is away"), "job=tick failed: the database is away"),
        (ZeroDivisionError("ours"), "ZeroDivisionError: ours"),  # with its traceback
    ],
)
def test_a_failing_tick_does_not_stop_the_clock(store_url, caplog, error, said):
    with installed(store_url, schedule=EVERY_SECOND) as house:
        house.join("ann")

        async def main():
            async with ticking(house, error) as ticks:
                return await ticks.next(), await ticks.next()

        first, second = loop.run(main())
        assert first is error
        assert second.delivered.outcomes == {DeliveryState.SENT: 1}
        assert said in caplog.text
        levels = [r.levelno for r in caplog.records if r.name == "digest.scheduler"]
        assert levels == [logging.ERROR]


def test_letters_are_posted_between_two_ticks(store_url):
    with installed(store_url, schedule=EVERY_SECOND) as house:

        async def main():
            letters = house.app.post_letters = Heard(house.app.post_letters)
            async with ticking(house):
                await letters.next()
                ann = ("ann@example.net", house.app.defaults)
                await asyncio.to_thread(
                    house.app.subscriptions.add, [ann], house.now, confirmed=False
                )
                await letters.next()
                return await letters.next()

        loop.run(main())
        assert house.mails() == ["ann"]


def test_stopping_lets_the_windows_under_way_finish(store_url):
    options = {"delivery": {"window": 4}, "smtp": {"connections": 2}}
    names = [f"r{n}" for n in range(20)]
    under_way, go_on = asyncio.Event(), asyncio.Event()

    async def hold(_):
        under_way.set()
        await go_on.wait()

    with installed(store_url, mailer=FakeMailer(before=hold), **options) as house:
        house.join(*names)

        async def main():
            scheduler = Scheduler(house.app)
            scheduler.start()
            await asyncio.wait_for(under_way.wait(), 10)
            stopping = asyncio.create_task(scheduler.stop())
            await asyncio.sleep(0)
            assert not stopping.done()
            go_on.set()
            await asyncio.wait_for(stopping, 10)

        loop.run(main())
        counts = house.store.ledger.counts()
        assert counts in ({"sent": 4, "queued": 16}, {"sent": 8, "queued": 12})
        assert len(house.mails()) == counts["sent"]


def test_two_schedulers_over_one_database_send_everything_once(store_url):
    names = [f"r{n}" for n in range(40)]
    with (
        installed(store_url, delivery={"window": 3}) as house,
        installed(store_url, delivery={"window": 3}) as other,
    ):
        house.join(*names)

        async def main():
            async with ticking(house) as mine, ticking(other) as theirs:
                return await mine.next(), await theirs.next()

        reports = loop.run(main())
        assert sum(one.queued.readers for one in reports) == 40
        assert house.store.ledger.counts() == {"sent": 40}
        assert sorted(house.mails() + other.mails()) == sorted(names)


def test_the_sources_are_looked_at_again_only_when_it_is_time(store_url):
    source = FakeSource(papers(1, 2, 3))
    with installed(store_url, source, schedule={"collect_minutes": 60}) as house:
        looked = []
        for minutes in (0, 1, 30, 59, 60, 61, 119, 121):
            house.now = NOON + timedelta(minutes=minutes)
            report = loop.run(house.app.tick())
            looked.append(len(report.sources))
        assert looked == [1, 0, 0, 0, 1, 0, 0, 1]
        assert source.looks == [NOON, NOON + HOUR, NOON + HOUR + timedelta(minutes=61)]


def test_votes_are_counted_anew_just_before_somebody_is_due_and_others_wait(store_url):
    """Ann is due at 14:00 and Bob, in Calcutta, half an hour later: 20:00 there."""
    votes = FakeSource(papers(1, 2, 3))
    points = FakeAnnotator(lambda _, __: papers(source="hackernews"))
    start = NOON + 50 * MINUTE
    with installed(store_url, votes, points, now=start) as house:
        house.join("ann", hour=14)
        house.join("bob", hour=20, zone="Asia/Kolkata")
        looked = {}
        for minutes in range(125):
            house.now = start + minutes * MINUTE
            report = loop.run(house.app.tick())
            if report.sources:
                looked[f"{house.now:%H:%M}"] = [one.source for one in report.sources]
        both = ["huggingface", "hackernews"]
        assert looked == {
            "12:50": both,
            "13:50": both,  # an hour later
            "13:55": ["huggingface"],  # before Ann's mail
            "14:25": ["huggingface"],  # before Bob's
            "14:50": both,
        }
        assert house.states() == {"ann": "sent", "bob": "sent"}


def test_who_was_down_at_the_hour_counts_before_the_edition_is_made(store_url):
    source = FakeSource(papers(1, 2, 3))
    day = {"collect_minutes": 1440}
    with installed(store_url, source, now=NOON - HOUR, schedule=day) as house:
        house.join("ann", hour=12)
        loop.run(house.app.tick())
        house.now = NOON + 20 * MINUTE  # nobody ticked meanwhile
        report = loop.run(house.app.tick())
        assert (len(report.sources), report.queued.readers) == (1, 1)
        house.now += 30 * MINUTE
        assert loop.run(house.app.tick()).sources == ()


def test_another_process_need_not_look_again_either(store_url):
    with installed(store_url) as house, installed(store_url, now=NOON + HOUR / 2) as other:
        loop.run(house.app.tick())
        assert loop.run(other.app.tick()).sources == ()


def test_what_every_tick_would_say_is_said_before_the_first(store_url):
    with installed(store_url) as house:
        del house.app.delivery
        house.app.settings = house.app.settings.model_copy(
            update={"sender": house.app.settings.sender.model_copy(update={"postal_address": ""})}
        )

        async def main():
            Scheduler(house.app).start()

        with pytest.raises(ConfigError, match="postal_address"):
            loop.run(main())


# ── Summer time, and time that went by unseen: the app with the machine's clock, frozen ──────────


def mailed(house, frozen, instants):
    """Ticks at these instants; the local dates of the mails sent at each."""
    found = []
    for text in instants:
        frozen.move_to(text)
        before = {one.id for one in house.store.ledger.entries()}
        loop.run(house.app.tick())
        new = [one for one in house.store.ledger.entries() if one.id not in before]
        found.append([str(one.local_date) for one in new])
    return found


@pytest.mark.parametrize(
    ("zone", "hour", "instants", "expected"),
    [
        (  # 02:00 is skipped: the mail goes when the clocks say 03:00
            "Europe/Berlin",
            2,
            ["2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"],
            [[], ["2026-03-29"], []],
        ),
        (  # 02:00 comes twice: the mail goes at the first
            "Europe/Berlin",
            2,
            ["2026-10-24T23:59:59Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"],
            [[], ["2026-10-25"], []],
        ),
        (
            "America/New_York",
            2,
            ["2026-03-08T06:59:59Z", "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"],
            [[], ["2026-03-08"], []],
        ),
        (
            "America/New_York",
            1,
            ["2026-11-01T04:59:59Z", "2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z"],
            [[], ["2026-11-01"], []],
        ),
        (  # an hour of every day: nothing on the change is special
            "Europe/Berlin",
            7,
            ["2026-03-28T06:00:00Z", "2026-03-29T04:59:00Z", "2026-03-29T05:00:00Z"],
            [["2026-03-28"], [], ["2026-03-29"]],
        ),
        (  # midnight itself is skipped there
            "Africa/Cairo",
            0,
            ["2026-04-23T21:59:00Z", "2026-04-23T22:00:00Z", "2026-04-23T23:00:00Z"],
            [["2026-04-23"], ["2026-04-24"], []],
        ),
        (  # down at the hour: caught up once
            "UTC",
            7,
            ["2026-01-15T06:59:00Z", "2026-01-15T11:30:00Z", "2026-01-15T11:31:00Z"],
            [[], ["2026-01-15"], []],
        ),
        (  # down over midnight: yesterday's mail within six hours, and today's at its hour
            "UTC",
            22,
            ["2026-01-15T21:00:00Z", "2026-01-16T03:00:00Z", "2026-01-16T22:00:00Z"],
            [[], ["2026-01-15"], ["2026-01-16"]],
        ),
        (  # down for two days: one mail, not two
            "UTC",
            7,
            ["2026-01-13T07:00:00Z", "2026-01-15T23:00:00Z", "2026-01-16T00:00:00Z"],
            [["2026-01-13"], ["2026-01-15"], []],
        ),
    ],
)
def test_a_reader_gets_one_mail_a_local_date(store_url, zone, hour, instants, expected):
    many = FakeSource(*(papers(*range(n, n + 40)) for n in range(1, 200, 40)))
    with (
        freeze_time("2026-01-01T00:00:00Z", real_asyncio=True) as frozen,
        installed(store_url, many, schedule={"quiet_days": "send"}) as house,
    ):
        house.app.clock = house.delivery._clock = system_clock
        ann = [("ann@example.net", Preferences(hour=hour, zone=zone, papers=3))]
        house.app.subscriptions.add(ann, datetime(2025, 1, 1, tzinfo=UTC))
        assert mailed(house, frozen, instants) == expected
        assert set(house.store.ledger.counts()) == {"sent"}
