"""Days that really were, replayed over HTTP, to readers in six time zones over a server that fails.

What is due is computed here anew, from the zones alone, and what arrived is counted by the server.
"""

import contextlib
import csv
import itertools
import json
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from doomed import nursery
from replay import replay

from digest.model import DeliveryState
from digest.store import Store

SMTPLAB = Path(__file__).parents[2] / "shared" / "tools" / "smtplab" / "smtplab.py"
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Pacific/Auckland",
    "America/St_Johns",
)
SOURCES = {"arxiv": "/rss", "huggingface": "/api/daily_papers"}
THURSDAY = "2026-01-15T12:00:00Z"
LATER = "2026-01-15T12:10:00Z"
MEGABYTES = 1024 * 1024


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    with nursery(tmp_path_factory.mktemp("nursery")) as opened:
        yield opened.start


@pytest.fixture(scope="module")
def running(shared):  # noqa: ARG001 - skips where there is no record
    with replay() as server:
        yield server


@pytest.fixture
def upstream(running):
    return running.faults().at(THURSDAY)


class Relay:
    """The mail server in another process, and its ledger."""

    def __init__(self, port, ledger):
        self.port, self.ledger = port, ledger

    def mails(self):
        """(recipient, whether its 250 was written), in the order in which they came."""
        if not self.ledger.exists():
            return []
        lines = map(json.loads, self.ledger.read_text("utf-8").splitlines())
        return [(name, line["acknowledged"]) for line in lines for name in line["to"]]

    def report(self, *options):
        command = [sys.executable, str(SMTPLAB), "report", str(self.ledger), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, json.loads(done.stdout)


@pytest.fixture
def relay(shared, tmp_path):  # noqa: ARG001 - as above
    ledger = tmp_path / "ledger.jsonl"
    options = ("--port", "0", "--ledger", str(ledger), "--grey-seconds", "0")
    with subprocess.Popen(
        [sys.executable, str(SMTPLAB), "serve", *options], stdout=subprocess.PIPE, text=True
    ) as process:
        address = process.stdout.readline().split()[2]
        try:
            yield Relay(int(address.strip(",").rpartition(":")[2]), ledger)
        finally:
            process.terminate()


@pytest.fixture
def place(start, upstream, relay, tmp_path):
    """An installation between the replay and the relay."""
    environ = {
        "DIGEST_DATABASE_URL": f"sqlite:///{tmp_path}/digest.db",
        "DIGEST_BASE_URL": "https://digest.example.org",
        "DIGEST_SENDER__ADDRESS": "digest@example.org",
        "DIGEST_SENDER__POSTAL_ADDRESS": "1 Test Street, Testville",
        "DIGEST_SMTP__HOST": "127.0.0.1",
        "DIGEST_SMTP__PORT": str(relay.port),
        "DIGEST_SMTP__TLS": "none",
        "DIGEST_SOURCES__ARXIV__BASE_URL": upstream.url,
        "DIGEST_SOURCES__HUGGINGFACE__BASE_URL": upstream.url,
    }
    with contextlib.closing(Store(environ["DIGEST_DATABASE_URL"])) as store:
        store.upgrade()
        yield Place(start, environ, store, tmp_path)


class Place:
    def __init__(self, start, environ, store, folder):
        self.start, self.environ, self.store, self.folder = start, environ, store, folder

    def digest(self, *words, **variables):
        """The output of a command that must succeed."""
        self.child = self.start(*words, environ=self.environ | variables)
        code, output = self.child.end()
        assert code == 0, output
        return output

    def join(self, readers):
        """Imports (name, hour, zone, papers)."""
        file = self.folder / "readers.csv"
        with file.open("w", encoding="utf-8", newline="") as handle:
            rows = csv.writer(handle)
            rows.writerow(("email", "hour", "zone", "papers"))
            rows.writerows((f"{name}@example.net", *rest) for name, *rest in readers)
        assert self.digest("subscribers", "import", str(file)).startswith(f"{len(readers)} added")

    def states(self):
        entries = self.store.ledger.entries(limit=10_000)
        return {one.email.partition("@")[0]: one.state for one in reversed(entries)}

    def held(self):
        """Who waits without a try, except where that is how it ends."""
        entries = self.store.ledger.entries(DeliveryState.DEFERRED, limit=10_000)
        names = {one.email.partition("@")[0] for one in entries if not one.attempts}
        return {
            name for name in names if name.startswith(("plain", "bounce", "data", "drop-after"))
        }


def due(readers, now):
    """Whose hour has come on the date that it is where they are."""
    instant = datetime.fromisoformat(now)
    hours = {zone: instant.astimezone(ZoneInfo(zone)).hour for zone in ZONES}
    return {name for name, hour, zone, _ in readers if hour <= hours[zone]}


def thousand():
    """A thousand readers: every hour in every zone, few papers each, which keeps the test quick."""
    choices = itertools.cycle(itertools.product(range(24), ZONES))
    return [(f"r{n}", *next(choices), 1 + n % 2) for n in range(1000)]


def test_every_due_reader_of_a_thousand_has_exactly_one_mail_a_day(place, upstream, relay):
    readers = thousand()
    place.join(readers)
    expected = place.folder / "expected.txt"
    had = Counter()
    for day, news in ((15, True), (16, True), (17, True), (18, False), (19, True)):
        now = f"2026-01-{day}T12:00:00Z"
        upstream.at(now)
        before = Counter(name for name, _ in relay.mails())
        output = place.digest("run", "--now", now)
        arrived = Counter(name for name, _ in relay.mails()) - before
        wanted = due(readers, now) if news else set()
        assert arrived == Counter(f"{name}@example.net" for name in wanted), output
        assert ("nothing new since" in output) is not news
        had += arrived
        if day == 15:
            assert 400 < len(wanted) < 700
            expected.write_text("".join(f"{name}@example.net\n" for name in wanted))
            code, report = relay.report("--expected", str(expected), "--once")
            assert (code, report["missing"]) == (0, 0)
            assert "has theirs" in place.digest("run", "--now", LATER)
            assert len(relay.mails()) == len(wanted)
    code, report = relay.report("--edition-header", "X-Edition")
    assert (code, report["recipients_twice"], report["message_ids_twice"]) == (0, 0, 0)
    _no_paper_twice(place, sorted(had)[:40])


def _no_paper_twice(place, addresses):
    keys = {one.email: one.key for one in place.store.roster.everybody()}
    had = {name: [] for name in addresses}
    for one in place.store.ledger.entries(limit=10_000):
        if one.email in had:
            had[one.email] += place.store.ledger.papers_of(one.edition_id, keys[one.email])
    assert [name for name, papers in had.items() if len(papers) != len(set(papers))] == []
    assert min(map(len, had.values())) > 1


def test_the_ledgers_agree_about_readers_whose_server_misbehaves(place, relay):
    first = {
        "plain": DeliveryState.SENT,
        "grey": DeliveryState.DEFERRED,
        "bounce": DeliveryState.REFUSED,
        "defer": DeliveryState.DEFERRED,
        "drop-after-dot": DeliveryState.UNKNOWN,
        "data-bounce": DeliveryState.REFUSED,
        "drop-421": DeliveryState.DEFERRED,
        "full": DeliveryState.DEFERRED,
    }
    names = [(f"{kind}-{n}", kind) for n in range(5) for kind in first]
    place.join([(name, 7, "UTC", 3) for name, _ in names])
    place.digest("run", "--now", THURSDAY)
    # A 421 has all mail to that relay go slower: what was held back for that comes again.
    states = place.states()
    assert {
        n: states[n] for n, kind in names if states[n] is not first[kind]
    }.keys() == place.held()
    then = first | {"grey": DeliveryState.SENT}
    expected = {name: then[kind] for name, kind in names}
    for minutes in range(10, 200, 10):  # the second try of what was deferred, and what was held
        now = datetime.fromisoformat(THURSDAY) + timedelta(minutes=minutes)
        place.digest("run", "--now", now.isoformat())
        if place.states() == expected:
            break
    assert place.states() == expected
    taken = {True: set(), False: set()}
    for name, acknowledged in relay.mails():
        taken[acknowledged].add(name.partition("@")[0])
    by_state = {
        state: {name for name, one in place.states().items() if one is state}
        for state in DeliveryState
    }
    assert taken[True] == by_state[DeliveryState.SENT]
    assert taken[False] == by_state[DeliveryState.UNKNOWN]
    assert relay.report("--once")[0] == 0


@pytest.mark.parametrize(
    ("kind", *SOURCES),
    [
        ("429", "429 after 3 tries", "429 after 3 tries"),
        ("500", "500 after 3 tries", "500 after 3 tries"),
        ("503", "503 after 3 tries", "503 after 3 tries"),
        ("hang", "no answer in 1 s", "no answer in 1 s"),
        ("drip", "only ", "only "),
        ("drop", "answer cut off", "answer cut off"),
        ("truncated", "XML cut off", "not JSON"),
        ("malformed", "not well-formed XML", "not JSON"),
        ("charset", "not UTF-8", "not UTF-8"),
        ("utf16", "not UTF-8", "not UTF-8"),
        ("html", "HTML page", "HTML"),
        ("empty", "empty answer", "empty answer"),
        ("redirect", "redirects to itself", "redirects to itself"),
        ("huge", "larger than 20 MB", "larger than 20 MB"),
        ("gzip_bomb", "larger than 20 MB", "larger than 20 MB"),
        ("bomb", "entity bomb refused", "not JSON"),
    ],
)
def test_a_run_survives_every_fault_and_names_it(place, upstream, kind, arxiv, huggingface):
    place.join([("ann", 7, "UTC", 3)])
    rule = {"kind": kind, "retry_after": 0, "seconds": 20}
    upstream.faults(*(rule | {"path": path} for path in SOURCES.values()))
    short = {f"DIGEST_SOURCES__{name.upper()}__TIMEOUT": "1" for name in SOURCES}
    output = place.digest("run", "--now", THURSDAY, **(short if kind in ("hang", "drip") else {}))
    lines = {line.split("│")[1].strip(): line for line in output.splitlines() if "│" in line}
    for source, note in zip(SOURCES, (arxiv, huggingface), strict=True):
        assert "failed" in lines[source]
        assert note in lines[source]
    assert place.child.peak < 300 * MEGABYTES
    # Half a feed is half the papers, and they are used; of all else nothing came.
    assert place.states() == ({"ann": DeliveryState.SENT} if kind == "truncated" else {})


@pytest.mark.parametrize("path", SOURCES.values())
def test_one_source_that_is_down_does_not_hold_up_the_mail(place, upstream, relay, path):
    place.join([("ann", 7, "UTC", 3)])
    upstream.faults({"path": path, "kind": "html"})
    output = place.digest("run", "--now", THURSDAY)
    assert output.count(" failed ") == 1
    assert relay.mails() == [("ann@example.net", True)]


def test_a_day_on_which_nothing_answered_is_made_up_for_by_the_next_look(place, upstream, relay):
    place.join([("ann", 7, "UTC", 3)])
    upstream.faults({"path": "/", "kind": "html"})
    output = place.digest("run", "--now", THURSDAY)
    assert "a source failed: tried again with the next look" in output
    assert (relay.mails(), place.states()) == ([], {})
    upstream.faults()
    place.digest("run", "--now", LATER)
    assert relay.mails() == [("ann@example.net", True)]
