"""Worker processes over one PostgreSQL: killed, told to stop, or left alone with the database away.

Nothing is lost and nothing sent twice; what was in a window of a killed worker is in doubt.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import postgres
import pytest
from conftest import absent
from make import NOON, edition, item
from smtp_server import SmtpServer, running

from digest import parts
from digest.app import App
from digest.model import DeliveryState
from digest.settings import load
from digest.store import Store

WINDOW, LANES = 3, 2
PATIENCE = 60


class Relay(SmtpServer):
    """Tells when so many mails have come; what was taken without a word counts as well."""

    def __post_init__(self):
        super().__post_init__()
        self.came = threading.Condition()

    def hear(self, line):
        super().hear(line)
        with self.came:
            self.came.notify_all()

    @property
    def taken(self):
        return Counter(mail.recipient for mail in self.accepted + self.unanswered)

    def until(self, wanted, within=PATIENCE):
        """Waits until ``wanted()`` holds; it is looked at with every line that comes."""
        deadline = time.monotonic() + within
        while not wanted():
            assert time.monotonic() < deadline, f"{len(self.accepted)} mails came"
            with self.came:
                self.came.wait(0.2)


class Works:
    """A database with readers who are queued, a relay, and workers as processes."""

    def __init__(self, relay, url, folder):
        self.relay, self.folder = relay, folder
        self.environ = {
            "DIGEST_DATABASE_URL": url,
            "DIGEST_BASE_URL": "https://digest.example.org",
            "DIGEST_SECRET_KEY": "a key for tests",
            "DIGEST_STATE_DIR": str(folder),
            "DIGEST_SENDER__ADDRESS": "digest@example.org",
            "DIGEST_SENDER__POSTAL_ADDRESS": "1 Test Street, Testville",
            "DIGEST_SMTP__HOST": "127.0.0.1",
            "DIGEST_SMTP__PORT": str(relay.port),
            "DIGEST_SMTP__TLS": "none",
            "DIGEST_SMTP__CONNECTIONS": str(LANES),
            "DIGEST_DELIVERY__DISPATCH": "queue",
            "DIGEST_DELIVERY__WINDOW": str(WINDOW),
            "DIGEST_DELIVERY__BATCH": "20",
            "DIGEST_DELIVERY__DEADLINE_HOURS": "72",
        }
        self.app = App(load(environ=self.environ))
        self.processes = []

    def queue(self, names):
        """Readers who are due now, and the edition of this hour for them."""
        now = self.app.clock()
        wish = {"hour": 0, "zone": "UTC"}  # midnight is past
        chosen = type(self.app.defaults)(**wish)
        self.app.subscriptions.add([(name, chosen) for name in names], NOON)
        cut = now.replace(minute=0, second=0, microsecond=0)
        made = edition(*(item(n) for n in range(1, 6)), cut=cut)
        self.app.store.editions.publish(made)
        assert self.app.daily.queue(now).readers == len(names)

    def start(self):
        """A worker; its output goes to a file."""
        log = (self.folder / f"worker-{len(self.processes)}.log").open("w+")
        machine = {n: v for n, v in os.environ.items() if not n.startswith("DIGEST_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "digest", "worker"],
            env=machine | self.environ,
            cwd=Path(__file__).parents[1],
            stdout=log,
            stderr=log,
        )
        process.log = log
        self.processes.append(process)
        return process

    def end(self, process, code=0):
        """Waits for a worker that was told to stop."""
        assert process.wait(PATIENCE) == code, self.said(process)

    def said(self, process):
        process.log.seek(0)
        return process.log.read()

    def states(self):
        return {one.email: one.state for one in self.app.store.ledger.entries(limit=10_000)}

    def settled(self):
        """Whether nothing is left to be sent, or just being sent."""
        left = {DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.DEFERRED}
        return not left & set(self.app.store.ledger.counts())

    def until_settled(self):
        self.relay.until(self.settled)

    def agree(self, names, doubt):
        """The two ledgers, ours and the relay's, say the same."""
        states, taken = self.states(), self.relay.taken
        assert sorted(states) == sorted(names)
        assert [name for name, count in taken.items() if count > 1] == []  # nothing twice
        sent = {name for name, state in states.items() if state is DeliveryState.SENT}
        unknown = {name for name, state in states.items() if state is DeliveryState.UNKNOWN}
        assert sent | unknown == set(names)  # nothing lost
        assert sent <= set(taken)
        assert len(unknown) <= doubt, sorted(unknown)


@contextlib.contextmanager
def works(url, folder, **options):
    relay = Relay(**options)
    with running(relay):
        opened = Works(relay, url, folder)
        try:
            yield opened
        finally:
            for process in opened.processes:
                process.kill()
                process.wait()
                process.log.close()
            opened.app.store.close()


@pytest.fixture
def site(queue_url, tmp_path):
    with works(queue_url, tmp_path, slow=0.02) as opened:
        yield opened


def readers(count, prefix="slow-"):
    """Addresses whose mails take the relay 20 ms each."""
    return [f"{prefix}{n}@example.net" for n in range(count)]


def test_workers_share_an_edition_and_stop_when_told(site):
    names = readers(200)
    site.queue(names)
    both = [site.start(), site.start()]
    site.until_settled()
    site.agree(names, doubt=0)
    for process in both:
        process.send_signal(signal.SIGTERM)
    for process in both:
        site.end(process)
    assert site.app.store.queue.view().jobs == []


def test_a_worker_that_is_told_to_stop_leaves_the_rest_to_the_others(site):
    names = readers(300)
    site.queue(names)
    first = site.start()
    site.relay.until(lambda: len(site.relay.accepted) >= 20)
    first.send_signal(signal.SIGTERM)
    site.end(first)
    assert "sending" not in site.app.store.ledger.counts()
    assert site.app.store.ledger.counts()["queued"] > 0
    site.start()
    site.until_settled()
    site.agree(names, doubt=0)


def test_what_a_killed_worker_had_is_taken_over_within_ten_seconds(site):
    names = readers(800)
    site.queue(names)
    doomed = site.start()
    site.relay.until(lambda: len(site.relay.accepted) >= 30)
    other = site.start()
    site.relay.until(lambda: len(site.app.store.queue.view().workers) == 4)
    doomed.kill()
    killed = time.monotonic()
    begun = {name for name, state in site.states().items() if state is not DeliveryState.QUEUED}
    batches = {n // 20 for n, name in enumerate(names) if name in begun}
    theirs = {name for n, name in enumerate(names) if n // 20 in batches}

    def taken_over():
        states = site.states()
        return {states[name] for name in theirs} <= {DeliveryState.SENT, DeliveryState.UNKNOWN}

    site.relay.until(taken_over)
    assert time.monotonic() - killed < 10, site.said(other)
    site.until_settled()
    site.agree(names, doubt=WINDOW * LANES)
    assert DeliveryState.UNKNOWN in site.states().values()  # counted, and shown


def test_a_second_signal_ends_a_worker_at_once(queue_url, tmp_path):
    with works(queue_url, tmp_path, slow=30) as site:
        site.queue(readers(10))
        worker = site.start()
        site.relay.until(lambda: "." in site.relay.heard)
        worker.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(2)  # it waits for its windows
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(5) == -signal.SIGTERM


@pytest.fixture
def own_server():
    """A database on a server of its own, and a function that crashes and restarts that."""
    with postgres.restartable() as (server, restart):
        if server is None:
            absent("no PostgreSQL to restart (make test has it)")
        with postgres.database(server) as url:
            store = Store(url)
            store.upgrade(parts.queue_scripts())
            store.close()
            yield url, restart


def test_a_restart_of_postgresql_and_a_kill_lose_nothing_and_double_nothing(own_server, tmp_path):
    url, restart = own_server
    with works(url, tmp_path, slow=0.02) as site:
        names = readers(900)
        site.queue(names)
        three = [site.start() for _ in range(3)]
        site.relay.until(lambda: len(site.relay.accepted) >= 200)
        three[0].kill()
        site.relay.until(lambda: len(site.relay.accepted) >= 350)
        restart()
        site.until_settled()
        site.agree(names, doubt=3 * WINDOW * LANES)
        for process in three[1:]:
            assert process.poll() is None, site.said(process)
            process.send_signal(signal.SIGTERM)
        for process in three[1:]:
            site.end(process)
