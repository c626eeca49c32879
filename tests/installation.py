"""A whole installation for tests of the day: a real store, and fakes where the outside would be."""

from contextlib import contextmanager
from functools import cache

from fakes import FakeMailer, FakeSource
from make import NOON, harvest, paper, preferences, signal

from digest import loop
from digest.app import App
from digest.model import FetchState, Harvest
from digest.settings import load

DOWN = Harvest(source="arxiv", state=FetchState.FAILED, note="503 after 3 tries")


def papers(*numbers, **over):
    """A good look at a source that shows the papers of these numbers."""
    return harvest(*(paper(number) for number in numbers), **over)


def settings(url, **over):
    """Settings with which mail may go out; ``over`` are their tables and keys."""
    needed = {
        "database_url": url,
        "base_url": "https://digest.example.org",
        "secret_key": "a key for tests",
        "sender": {"address": "digest@example.org", "postal_address": "1 Test Street, Testville"},
        "smtp": {"host": "127.0.0.1", "port": 1, "tls": "none"} | over.pop("smtp", {}),
    }
    return load(environ={}, **needed, **over)


@cache
def _renderer():
    """One for all: it is pure, and compiling the templates takes its time."""
    return App(settings("sqlite://")).renderer


class Installation:
    """An App over a database with tables; its clock stands at ``now``, the outside is fakes."""

    def __init__(self, url, *sources, now=NOON, mailer=None, **over):
        self.now = now
        self.app = App(settings(url, **over), clock=lambda: self.now)
        self.app.renderer = _renderer()
        self.app.sources = sources or (FakeSource(papers(1, 2, 3)),)
        self.store = self.app.store
        self.daily = self.app.daily
        self.delivery = self.app.delivery
        self.mailer = self.delivery._mailer = mailer or FakeMailer()

    def join(self, *names, **wish):
        """Readers who joined long ago, ``name@example.net``."""
        them = [(f"{name}@example.net", preferences(**wish)) for name in names]
        long_ago = NOON.replace(year=2025)
        self.app.subscriptions.add(them, long_ago)

    def leave(self, name):
        self.app.subscriptions.remove([f"{name}@example.net"], self.now)

    def collect(self):
        return loop.run(self.daily.collect(self.now))

    def queue(self):
        return self.daily.queue(self.now)

    def deliver(self, **options):
        return loop.run(self.delivery.run(**options))

    def day(self):
        """Collects, queues, delivers; the report."""
        return loop.run(self.app.run())

    def ledger(self):
        """The newest delivery of each reader, by name."""
        entries = self.store.ledger.entries(limit=10_000)
        return {one.email.partition("@")[0]: one for one in reversed(entries)}

    def papers_had(self):
        """The papers of all mails of each reader, by name."""
        keys = {one.email: one.key for one in self.store.roster.everybody()}
        had = {}
        for one in self.store.ledger.entries(limit=10_000):
            papers = self.store.ledger.papers_of(one.edition_id, keys[one.email])
            had.setdefault(one.email.partition("@")[0], []).extend(papers)
        return had

    def states(self):
        return {name: str(one.state) for name, one in self.ledger().items()}

    def mails(self):
        """The recipients in the order in which their mails were offered."""
        return [name.partition("@")[0] for window in self.mailer.windows for name in window]


@contextmanager
def installed(url, *sources, **over):
    """An installation, closed afterwards."""
    found = Installation(url, *sources, **over)
    try:
        yield found
    finally:
        found.store.close()


@contextmanager
def queued_readers(url, *names, **over):
    """An installation in which these readers are queued for the edition of noon."""
    source = FakeSource(papers(*range(1, 31), signals=[signal(5.0)]))
    with installed(url, source, **over) as house:
        house.join(*names)
        house.collect()
        assert house.queue().readers == len(names)
        yield house
