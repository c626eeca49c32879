"""Both ways to have batches sent keep one contract, over real databases."""

import asyncio
import contextlib
from types import MappingProxyType

import pytest
from fakes import ACCEPTED, FakeMailer, FakeSource
from installation import installed, papers
from make import HOUR, signal

from digest import loop
from digest.model import DeliveryState, Outcome, OutcomeKind

GREY = Outcome(kind=OutcomeKind.DEFERRED, code=451, text="4.7.1 greylisted")
SOON = 60  # seconds that a test waits, at most, for what should come soon


class Relay(FakeMailer):
    """Tells when so many mails were offered."""

    def __init__(self, outcomes=None, before=None):
        super().__init__(outcomes, before)
        self.offered, self.news = 0, asyncio.Event()

    async def send(self, window, told=lambda _, __: None):
        answers = await super().send(window, told)
        self.offered += len(answers)
        self.news.set()
        return answers

    async def until(self, count):
        self.news = asyncio.Event()  # of the loop that waits
        async with asyncio.timeout(SOON):
            while self.offered < count:
                self.news.clear()
                await self.news.wait()


class Inline:
    """Whoever looks sends."""

    options = MappingProxyType({})

    async def deliver(self, house, count):  # noqa: ARG002 - who waits needs it
        await house.delivery.run()


class Queue:
    """Who looks writes jobs, and a worker sends."""

    options = MappingProxyType({"dispatch": "queue"})

    async def deliver(self, house, count):
        """Works until so many mails were offered, and what is under way then is done."""
        before = house.mailer.offered
        async with working(house):
            assert (await house.delivery.run()).outcomes == {}
            await house.mailer.until(before + count)


@contextlib.asynccontextmanager
async def working(house):
    """A worker at work on that installation, drained afterwards."""
    house.app.__dict__.pop("crew", None)
    house.delivery._stopping = False
    work = asyncio.create_task(house.app.work())
    try:
        yield work
    finally:
        house.app.stop()
        await asyncio.wait_for(work, SOON)


@pytest.fixture(params=["inline on sqlite", "inline on postgresql", "queue on postgresql"])
def way(request):
    """A way to have batches sent, and the URL of a database for it."""
    name, _, engine = request.param.partition(" on ")
    if name == "queue":
        return Queue(), request.getfixturevalue("queue_url")
    if engine == "sqlite":
        file = request.getfixturevalue("tmp_path") / "store.db"
        file.write_bytes(request.getfixturevalue("sqlite_template").read_bytes())
        return Inline(), f"sqlite:///{file}"
    return Inline(), request.getfixturevalue("queue_url")


@pytest.fixture
def queued(way):
    """Opens an installation in which these readers are queued for the edition of noon."""
    how, url = way

    @contextlib.contextmanager
    def opened(*names, delivery=None, **over):
        source = FakeSource(papers(*range(1, 31), signals=[signal(5.0)]))
        options = {"delivery": {**how.options, **(delivery or {})}, **over}
        with installed(url, source, **{"mailer": Relay(), **options}) as house:
            house.join(*names)
            house.collect()
            assert house.queue().readers == len(names)
            house.send = lambda count: loop.run(how.deliver(house, count))
            yield house

    return opened


def names(count):
    return [f"r{n}" for n in range(count)]


def test_everything_is_sent_once(queued):
    with queued(*names(60), delivery={"batch": 7, "window": 3}) as house:
        house.send(60)
        assert sorted(house.mails()) == sorted(names(60))
        assert house.store.ledger.counts() == {"sent": 60}


def test_a_deferred_mail_is_sent_again_when_its_time_has_come(queued):
    with queued("ann", "ben", mailer=Relay({"ann": [GREY, ACCEPTED]})) as house:
        house.send(2)
        assert house.states() == {"ann": "deferred", "ben": "sent"}
        house.now += HOUR
        house.send(1)
        assert house.states() == {"ann": "sent", "ben": "sent"}
        assert sorted(house.mails()) == ["ann", "ann", "ben"]


def test_letters_are_sent_too(queued):
    with queued("ann") as house:
        ben = ("ben@example.net", house.app.defaults)
        house.app.subscriptions.add([ben], house.now, confirmed=False)
        house.send(2)
        assert house.states() == {"ann": "sent", "ben": "sent"}


def test_several_editions_go_out_side_by_side(queued):
    with queued(*names(10), delivery={"batch": 4}) as house:
        house.join("late", hour=13)
        house.now += HOUR
        assert house.queue().readers == 1
        house.send(11)
        assert house.store.ledger.counts() == {"sent": 11}
        assert len({one.edition_id for one in house.store.ledger.entries(limit=99)}) == 2


def test_stopping_finishes_the_windows_under_way_and_loses_nothing(queued):
    async def tell(_):
        house.app.stop()

    options = {"delivery": {"window": 5}, "smtp": {"connections": 2}}
    with queued(*names(40), mailer=Relay(before=tell), **options) as house:
        house.send(5)
        counts = house.store.ledger.counts()
        assert counts["sent"] in (5, 10)
        assert counts == {"sent": counts["sent"], "queued": 40 - counts["sent"]}
        house.mailer.before, house.delivery._stopping = None, False
        house.send(40 - counts["sent"])
        assert house.store.ledger.counts() == {"sent": 40}
        assert sorted(house.mails()) == sorted(names(40))


def test_a_mistake_in_one_window_leaves_the_rest_to_be_sent(queued):
    """What was in the window is in doubt, and nobody else waits for it."""
    broken = []

    async def break_down(window):
        if not broken:
            broken.append(window)
            raise ZeroDivisionError

    options = {"delivery": {"window": 2}, "smtp": {"connections": 1}}
    with queued(*names(10), mailer=Relay(before=break_down), **options) as house:
        with contextlib.suppress(ZeroDivisionError):
            house.send(0)
        house.send(8)
        counts = house.store.ledger.counts()
        assert counts[DeliveryState.SENT] == 8
        assert counts.get("sending", 0) + counts.get("unknown", 0) == 2
