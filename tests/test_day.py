"""The whole day in processes that are killed between every two steps: nothing lost, nothing twice.

Real databases, a real SMTP server, real feeds over loopback, kill -9. What a kill may leave is
doubt: at most window × connections mails, counted, listed, resent on the operator's word alone.
"""

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from doomed import nursery
from feeds import feeds
from smtp_server import SmtpServer, running

from digest.app import App
from digest.model import DeliveryState
from digest.settings import load

READERS = [f"r{n}@example.net" for n in range(20)]
WINDOW, CONNECTIONS = 3, 2
NOON, LATER = ("--now", "2026-01-15T12:00:00Z"), ("--now", "2026-01-15T12:10:00Z")
UNKNOWN = DeliveryState.UNKNOWN


class Reaper(SmtpServer):
    """Kills a process at the n-th line of that kind, and goes on as if nothing had happened."""

    def __post_init__(self):
        super().__post_init__()
        self.line, self.left = "", 0
        self.victim, self.known = 0, threading.Event()

    def kill_at(self, line, count):
        self.line, self.left = line, count

    def hear(self, line):
        super().hear(line)
        if self.line and line.startswith(self.line):
            self.left -= 1
            if self.left == 0:
                self.kill()

    def kill(self):
        assert self.known.wait(10)
        os.kill(self.victim, signal.SIGKILL)

    @property
    def taken(self):
        """How many mails each recipient may have."""
        return Counter(mail.recipient for mail in self.accepted + self.unanswered)


class Day:
    """A database with readers who are due, feeds, a relay, and commands to run against them."""

    def __init__(self, store, relay, web, start, environ):
        self.store, self.relay, self.web, self.environ = store, relay, web, environ
        self._start = start

    def start(self, *words, **options):
        return self._start(*words, environ=self.environ, **options)

    def digest(self, *words):
        """The output of a command that must succeed."""
        code, output = self.start(*words).end()
        assert code == 0, output
        return output

    def doomed_run(self, **options):
        """``digest run`` at noon, which must be killed."""
        child = self.start("run", *NOON, **options)
        self.relay.victim = child.pid
        self.relay.known.set()
        code, output = child.end()
        assert code == -signal.SIGKILL, output

    def survive(self):
        """Runs again and checks what must hold; returns how many mails are in doubt."""
        for _ in range(3):  # a server may notice a moment later that its client was killed
            self.digest("run", *LATER)
            if "sending" not in self.store.ledger.counts():
                break
        entries = self.store.ledger.entries(limit=1000)
        states = {one.email: one.state for one in entries}
        assert sorted(states) == sorted(READERS)
        assert set(states.values()) <= {DeliveryState.SENT, UNKNOWN}
        taken = self.relay.taken
        assert [name for name, count in taken.items() if count > 1] == []  # nothing twice
        sent = {email for email, state in states.items() if state is not UNKNOWN}
        assert sent <= set(taken)  # nothing lost
        doubt = len(states) - len(sent)
        assert doubt <= WINDOW * CONNECTIONS
        return doubt

    def settle(self):
        """The operator's word about what is in doubt: it is listed, and sent again on command."""
        if doubtful := {one.email for one in self.store.ledger.entries(UNKNOWN)}:
            listed = self.digest("deliveries", "--state", "unknown")
            assert {name for name in READERS if f" {name} " in listed} == doubtful
            assert f"{len(doubtful)} unknown" in listed
            said = self.digest("deliveries", "resend", "--all")
            assert said.startswith(f"{len(doubtful)} queued again")
            before = self.relay.taken
            self.digest("run", *LATER)
            assert self.relay.taken - before == Counter(doubtful)
        assert self.store.ledger.counts() == {"sent": len(READERS)}


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    with nursery(tmp_path_factory.mktemp("nursery")) as opened:
        yield opened.start


@pytest.fixture
def day(store_url, start):
    """Twenty readers, due at noon."""
    relay = Reaper()
    with running(relay), feeds() as web:
        environ = {
            "DIGEST_DATABASE_URL": store_url,
            "DIGEST_BASE_URL": "https://digest.example.org",
            "DIGEST_SECRET_KEY": "a key for tests",
            "DIGEST_SENDER__ADDRESS": "digest@example.org",
            "DIGEST_SENDER__POSTAL_ADDRESS": "1 Test Street, Testville",
            "DIGEST_SMTP__HOST": "127.0.0.1",
            "DIGEST_SMTP__PORT": str(relay.port),
            "DIGEST_SMTP__TLS": "none",
            "DIGEST_SMTP__CONNECTIONS": str(CONNECTIONS),
            "DIGEST_DELIVERY__WINDOW": str(WINDOW),
            "DIGEST_SOURCES__ARXIV__BASE_URL": web.url,
            "DIGEST_SOURCES__HUGGINGFACE__BASE_URL": web.url,
        }
        app = App(load(environ=environ))
        app.subscriptions.add([(name, app.defaults) for name in READERS], app.clock())
        yield Day(app.store, relay, web, start, environ)
        app.store.close()


def test_a_day_without_accidents_reaches_everybody_once(day):
    day.digest("run", *NOON)
    assert day.relay.taken == Counter(READERS)
    assert day.survive() == 0
    assert day.relay.taken == Counter(READERS)


@pytest.mark.parametrize(
    ("step", "most"),
    [
        ("after Papers.keep 1", 0),  # one of two sources
        ("after Papers.keep 2", 0),  # everything is collected, no edition is made
        ("after Editions.publish 1", 0),  # an edition, and nobody is queued
        ("after Ledger.enqueue 1", 0),  # everybody is queued, nothing is sent
        ("after Ledger.claim 1", WINDOW * CONNECTIONS),  # `sending`, nothing on the wire
        ("before Ledger.claim 3", WINDOW * CONNECTIONS),  # the first window: sent, not written down
        ("after Ledger.claim 3", WINDOW * CONNECTIONS),  # written down, and the next one taken
    ],
)
def test_killed_between_two_steps(day, step, most):
    day.doomed_run(step=step)
    assert day.survive() <= most
    day.settle()


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("EHLO", 1),  # at connect
        ("RCPT", 1),
        ("DATA", 4),  # in the middle, before the 354
        (".", 1),  # the whole mail has come, no 250 is written
        ("MAIL", 4),  # after a 250 that nobody wrote down
        (".", 12),
    ],
)
def test_killed_in_the_middle_of_a_mail(day, line, count):
    day.relay.kill_at(line, count)
    day.doomed_run()
    assert day.survive() >= 1
    day.settle()


def test_killed_when_a_source_has_answered(day):
    day.web.answered = lambda path: day.relay.kill() if path.startswith("/rss") else None
    day.doomed_run()
    day.web.answered = lambda _: None
    assert day.survive() == 0


def test_killed_again_and_again_at_any_time(day):
    doubt = 0
    for _ in range(6):
        code, output = day.start("run", *NOON).end(within=random.uniform(0.01, 0.6))  # noqa: S311
        assert code in (0, -signal.SIGKILL), output
        doubt += WINDOW * CONNECTIONS
    for _ in range(3):
        day.digest("run", *LATER)
    states = {one.email: one.state for one in day.store.ledger.entries(limit=1000)}
    assert set(states.values()) <= {DeliveryState.SENT, UNKNOWN}, day.store.ledger.entries(limit=30)
    assert max(day.relay.taken.values()) == 1
    sent = {email for email, state in states.items() if state is not UNKNOWN}
    assert sent <= set(day.relay.taken)
    assert len(states) == len(READERS)
    assert len(states) - len(sent) <= doubt
    day.settle()


@pytest.mark.parametrize("engine", ["sqlite"])
def test_the_command_itself_killed_before_the_250(day, engine):  # noqa: ARG001 - see above
    """As above, with nothing of ours between the operating system and the program."""
    day.relay.kill_at(".", 2)
    machine = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
    with subprocess.Popen(
        [sys.executable, "-m", "digest", "run", *NOON],
        env=machine | day.environ,
        cwd=Path(__file__).parents[1],
        stdout=subprocess.DEVNULL,
    ) as process:
        day.relay.victim = process.pid
        day.relay.known.set()
        assert process.wait(60) == -signal.SIGKILL
    assert day.survive() >= 1
    day.settle()
