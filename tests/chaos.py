"""Kills whatever takes part in a delivery, again and again, and compares the two ledgers.

    python tests/chaos.py --engine postgresql --readers 20000 --kills 100 --seed 1

The sending process, the SMTP server (smtplab of ../shared, whose ledger is the other truth) and
PostgreSQL are killed with ``kill -9`` at random moments and started again, until everything has run
to its end. Then nothing may be lost or doubled, and what is in doubt is at most one window per
connection and kill, each listed as ``unknown``. At last the operator's word resends the doubtful.
"""

import argparse
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

import doomed
import postgres

from digest import parts
from digest.app import system_clock
from digest.bench import invented
from digest.model import DeliveryState, Preferences
from digest.store import Store
from digest.store.scratch import Scratch
from digest.timetable import cut_at

LAB = Path(__file__).parents[2] / "shared" / "tools" / "smtplab" / "smtplab.py"
CONFIG = """
schedule.cut_hours = 24
delivery.first_retry_seconds = 0.5
sources.arxiv.enabled = false
sources.huggingface.enabled = false
"""
GLANCE = 0.003  # seconds between two looks at how far the delivery is
PATIENCE = 60.0  # seconds without any progress
SENDER, SERVER, DATABASE, WORKER = "sending process", "SMTP server", "PostgreSQL", "worker"
PAUSE = 0.2  # seconds between two passes that only hand out what workers send


class StuckError(Exception):
    """Nothing moves any more."""


# ── What is killed ───────────────────────────────────────────────────────────────────────────────


class Lab:
    """smtplab on one port, with one ledger, in as many lives as it takes."""

    def __init__(self, folder: Path) -> None:
        self.ledger = folder / "smtplab.jsonl"
        self.port, self._read, self._count = 0, 0, 0
        self.start()

    def start(self) -> None:
        """Comes (back) to life; returns when it listens."""
        words = ["serve", "--port", str(self.port), "--ledger", str(self.ledger)]
        self._process = subprocess.Popen(
            [sys.executable, str(LAB), *words], stdout=subprocess.PIPE, text=True
        )
        said = self._process.stdout.readline()  # smtplab on 127.0.0.1:PORT, ledger …
        self.port = int(said.partition(",")[0].rpartition(":")[2])

    def kill(self) -> None:
        """Dies."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def taken(self) -> int:
        """Mails in its ledger."""
        if self.ledger.exists():
            with self.ledger.open("rb") as file:
                file.seek(self._read)
                more = file.read()
            self._read += len(more)
            self._count += more.count(b"\n")
        return self._count

    def copies(self) -> Counter:
        """How many mails each recipient got."""
        lines = self.ledger.read_text("utf-8").splitlines() if self.ledger.exists() else ()
        return Counter(recipient for line in lines for recipient in json.loads(line)["to"])

    def verdict(self, expected: Path) -> tuple[int, dict]:
        """What smtplab itself says of its ledger: 0 where nothing is missing and nothing twice."""
        words = ["report", self.ledger, "--expected", expected, "--once", "--allow-others"]
        done = subprocess.run(
            [sys.executable, LAB, *words], capture_output=True, text=True, check=False
        )
        return done.returncode, json.loads(done.stdout)


class Postgres:
    """A server of our own, as safe as it is shipped: what it committed survives its death."""

    def __init__(self) -> None:
        self._user = postgres._unprivileged()
        self._folder, self._bin = postgres._laid_out(postgres.binaries(), self._user)
        self._data = self._folder / "data"
        self._run("initdb", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        self.url = f"postgresql+psycopg://postgres@/postgres?host={self._folder}"
        self.start()

    def start(self) -> None:
        """Comes (back) to life; returns when it answers."""
        options = f"-k {self._folder} -c listen_addresses= -c max_connections=50"
        for _ in range(300):  # the one before may not be gone, or its orphans hold its memory
            if self._run("pg_ctl", "start", "-w", "-l", "log", "-o", options, check=False) == 0:
                return
        raise StuckError((self._folder / "log").read_text("utf-8", "replace")[-2000:])

    def kill(self) -> None:
        """Dies, and its children with it."""
        os.kill(int((self._data / "postmaster.pid").read_text("utf-8").split()[0]), signal.SIGKILL)

    def close(self) -> None:
        """Gone for good."""
        self._run("pg_ctl", "stop", "-m", "immediate", check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *words: str, check: bool = True) -> int:
        done = subprocess.run(
            [f"{self._bin}/{program}", "-D", "data", *words],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=check,
            **self._user,
        )
        return done.returncode


class Sender:
    """``digest run``, a pass over what is ready, or ``digest worker``; started when it ended."""

    def __init__(self, word: str, nursery: doomed.Nursery, environ: dict[str, str]) -> None:
        self._word, self._nursery, self._environ = word, nursery, environ
        self._child, self.said = None, ""

    def revive(self) -> None:
        """Starts it unless it runs."""
        if self._child is None:
            self._child = self._nursery.start(self._word, environ=self._environ)

    def ended(self, within: float) -> bool:
        """Whether it ended of itself within so many seconds."""
        if self._child and select.select([self._child._answers], [], [], within)[0]:
            _, self.said = self._child.end()
            self._child = None
        return self._child is None

    def kill(self) -> None:
        """Dies."""
        if self._child:
            with suppress(ProcessLookupError):  # it ended a moment ago
                os.kill(self._child.pid, signal.SIGKILL)
            self._child.end()
            self._child = None


# ── The run ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is tried. ``bdat`` is the mails in flight on a connection; 0 is PIPELINING."""

    engine: str
    readers: int = 20_000
    kills: int = 100
    seed: int = 1
    window: int = 10
    connections: int = 10
    bdat: int = 0
    workers: int = 0

    @property
    def bound(self) -> int:
        """Mails that one kill of a sender may leave in doubt."""
        return self.window * self.connections

    def allowed(self, kind: str) -> int:
        """Mails that a kill of that kind may leave in doubt: a database is that of all workers."""
        return self.bound * max(1, self.workers) if kind == DATABASE else self.bound


@dataclass
class Result:
    """What became of everything."""

    options: Options
    states: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)  # sent in our ledger, and not in the server's
    doubled: list[str] = field(default_factory=list)
    arrived: int = 0  # of those in doubt
    lab: int = 0  # smtplab's own verdict
    doubts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))  # by kill
    resent: int = 0
    missing: list[str] = field(default_factory=list)  # after the operator's word
    wrongly_twice: list[str] = field(default_factory=list)  # twice, and never in doubt
    seconds: float = 0.0

    @property
    def in_doubt(self) -> int:
        """Deliveries that were ``unknown`` before the operator's word."""
        return self.states.get(DeliveryState.UNKNOWN, 0)

    def faults(self) -> list[str]:
        """What must not be, in words; empty where all is well."""
        done = self.states.get(DeliveryState.SENT, 0) + self.in_doubt
        worst = max((max(some) for some in self.doubts.values()), default=0)
        allowed = sum(len(some) * self.options.allowed(kind) for kind, some in self.doubts.items())
        checks = {
            f"{self.options.readers - done} neither sent nor in doubt: {self.states}": (
                done != self.options.readers
            ),
            f"lost: {self.lost[:5]}": self.lost,
            f"doubled: {self.doubled[:5]}": self.doubled,
            f"smtplab's report ended with {self.lab}": self.lab,
            f"{self.in_doubt} in doubt, more than the {allowed} of all kills": (
                self.in_doubt > allowed
            ),
            # What a worker left is found when others miss it, which may be after the next kill.
            f"{worst} in doubt after one kill": (
                not self.options.workers and worst > self.options.bound
            ),
            f"missing after resending: {self.missing[:5]}": self.missing,
            f"twice without having been in doubt: {self.wrongly_twice[:5]}": self.wrongly_twice,
        }
        return [words for words, wrong in checks.items() if wrong]

    def table(self) -> str:
        """For people."""
        options = self.options
        way = f"BDAT {options.bdat}" if options.bdat else "PIPELINING"
        way += f", {options.workers} workers" if options.workers else ""
        many = f"window {options.window} x {options.connections} connections"
        lines = [
            f"{options.engine}: {options.readers} readers, seed {options.seed}, {many}, {way}",
            f"{'killed':18}{'kills':>7}{'in doubt':>10}{'worst':>7}{'bound':>7}",
        ]
        for kind, some in sorted(self.doubts.items()):
            counts = (len(some), sum(some), max(some), options.allowed(kind))
            lines.append(f"{kind:18}{counts[0]:7}{counts[1]:10}{counts[2]:7}{counts[3]:7}")
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        word = f"{self.resent} resent, {len(self.missing)} missing"
        lines += [
            f"our ledger: {states}; of those in doubt {self.arrived} had arrived",
            f"lost {len(self.lost)}, doubled {len(self.doubled)}; smtplab's report: {self.lab}",
            f"on the operator's word: {word}, {len(self.wrongly_twice)} twice without doubt",
            f"{self.seconds:.0f} s",
            *(f"WRONG: {fault}" for fault in self.faults()),
        ]
        return "\n".join(lines)


class Chaos:
    """One run."""

    def __init__(self, options: Options, folder: Path, stack: ExitStack) -> None:
        self.options, self._folder = options, folder
        self._chance = Random(options.seed)  # noqa: S311 - kills, not secrets
        self._postgres = None
        url = f"sqlite:///{folder}/chaos.db"
        if options.engine == "postgresql":
            self._postgres = Postgres()
            stack.callback(self._postgres.close)
            url = self._postgres.url
        self._lab = Lab(folder)
        stack.callback(self._lab.kill)
        self._fill(url)
        self._store = Store(url)
        stack.callback(self._store.close)
        environ = self._environ(url)
        words = ["run", *["worker"] * options.workers]
        self._sender, *self._workers = [
            self._started(word, number, stack, environ) for number, word in enumerate(words)
        ]

    def run(self, told=lambda _: None) -> Result:
        """Kills, lets everything run to its end, compares, resends, compares again."""
        began, result = system_clock(), Result(self.options)
        kinds = [SENDER, SERVER, *([DATABASE] if self._postgres else [])]
        kinds += [WORKER] * bool(self._workers)
        last, before = None, 0
        for number in range(self.options.kills):
            self._advance(number)
            self._abandon()
            now = self._unknown()
            if last:
                result.doubts[last].append(now - before)
            last, before = self._chance.choice(kinds), now
            self._kill(last)
            told(f"{number + 1} kills, {self._lab.taken()} mails taken, {before} in doubt")
        self._finish()
        if last:
            result.doubts[last].append(self._unknown() - before)
        self._compare(result)
        self._resend(result)
        result.seconds = (system_clock() - began).total_seconds()
        return result

    def _started(self, word: str, number: int, stack: ExitStack, environ: dict[str, str]) -> Sender:
        """A sender with a nursery of its own: one of those waits for one child at a time."""
        folder = self._folder / f"{word}-{number}"
        folder.mkdir()
        sender = Sender(word, stack.enter_context(doomed.nursery(folder)), environ)
        stack.callback(sender.kill)
        return sender

    def _revive(self) -> None:
        self._sender.revive()
        for worker in self._workers:
            worker.ended(0)
            worker.revive()

    def _advance(self, number: int) -> None:
        """Lets a random number of mails go out, so that the kills are spread over all."""
        left = sum(self._waiting().values()) or self.options.readers
        some = self._chance.randint(0, max(0, 2 * left // (self.options.kills - number)))
        goal, quiet = self._lab.taken() + some, 0.0
        while self._lab.taken() < goal:
            self._revive()
            was = self._lab.taken()
            if self._sender.ended(GLANCE) and self._is_over():
                return
            quiet = 0.0 if self._lab.taken() > was else quiet + GLANCE
            if quiet > PATIENCE:
                raise StuckError(f"{self._lab.taken()} of {goal} mails: {self._sender.said}")

    def _kill(self, kind: str) -> None:
        if kind == SENDER:
            self._sender.revive()
            self._sender.kill()
            self._abandon()
        elif kind == WORKER:
            worker = self._chance.choice(self._workers)
            worker.revive()
            worker.kill()
        elif kind == SERVER:
            self._lab.kill()
            self._lab.start()
        else:
            self._postgres.kill()
            self._postgres.start()

    def _abandon(self) -> None:
        """As the next pass would, first thing. Workers see to it themselves, and not at once.

        A sender that outlives its database has its locks again after a while: it is not dead.
        """
        if not self._workers and self._sender.ended(0):
            self._store.ledger.abandon(self._store.ledger.dead())

    def _finish(self) -> None:
        """Passes until nothing waits; a retry is due within seconds."""
        quiet = 0.0
        while not self._is_over():
            self._revive()
            was = self._lab.taken()
            self._sender.ended(PAUSE)
            quiet = 0.0 if self._lab.taken() > was else quiet + PAUSE
            if quiet > PATIENCE:
                raise StuckError(f"still waiting: {self._waiting()}; {self._sender.said}")

    def _compare(self, result: Result) -> None:
        """Both ledgers, before anything is resent."""
        states = self._states()
        result.states = dict(Counter(states.values()))
        copies = self._lab.copies()
        sent = [who for who, state in states.items() if state == DeliveryState.SENT]
        result.lost = [who for who in sent if not copies[who]]
        result.doubled = [who for who, count in copies.items() if count > 1]
        doubtful = [who for who, state in states.items() if state == DeliveryState.UNKNOWN]
        result.arrived = sum(bool(copies[who]) for who in doubtful)
        self._doubtful = set(doubtful)
        expected = self._folder / "sent.txt"
        expected.write_text("\n".join(sent), "utf-8")
        result.lab, _ = self._lab.verdict(expected)

    def _resend(self, result: Result) -> None:
        """The operator's word about what is in doubt."""
        result.resent = self._store.ledger.resend(None, system_clock())
        self._finish()
        copies = self._lab.copies()
        result.missing = [who for who in self._states() if not copies[who]]
        twice = [who for who, count in copies.items() if count > 1]
        result.wrongly_twice = [who for who in twice if who not in self._doubtful]

    def _states(self) -> dict[str, DeliveryState]:
        """Where each reader's mail stands."""
        entries = self._store.ledger.entries(limit=10 * self.options.readers)
        return {one.email: one.state for one in entries}

    def _unknown(self) -> int:
        return self._store.ledger.counts().get(DeliveryState.UNKNOWN, 0)

    def _is_over(self) -> bool:
        """Whether every reader's mail was queued and came to its end."""
        queued = sum(self._store.ledger.counts().values())
        return queued == self.options.readers and not self._waiting()

    def _waiting(self) -> dict[str, int]:
        """What has not come to its end, by state."""
        moving = (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.DEFERRED)
        counts = self._store.ledger.counts()
        return {state: counts[state] for state in moving if counts.get(state)}

    def _fill(self, url: str) -> None:
        """Readers for whom it is the middle of the day, so that no date changes under way."""
        now = system_clock()
        cut, zone = cut_at(now, 24), f"Etc/GMT{now.hour - 12:+d}"
        scratch = Scratch(url)
        wish = Preferences(hour=0, zone=zone, papers=3)
        scratch.fill([wish] * self.options.readers, now - timedelta(days=10))
        scratch.close()
        store = Store(url)
        if self.options.workers:
            store.upgrade(parts.queue_scripts())
        store.editions.publish(invented.edition(cut, "trending", 0.3, cards=12))
        store.close()

    def _environ(self, url: str) -> dict[str, str]:
        config = self._folder / "digest.toml"
        config.write_text(CONFIG, "utf-8")
        values = {
            "CONFIG": config,
            "STATE_DIR": self._folder,
            "DATABASE_URL": url,
            "BASE_URL": "https://digest.example.org",
            "SECRET_KEY": "a key for chaos",
            "SENDER__ADDRESS": "digest@example.org",
            "SENDER__POSTAL_ADDRESS": "1 Test Street, Testville",
            "SMTP__HOST": "127.0.0.1",
            "SMTP__PORT": self._lab.port,
            "SMTP__TLS": "none",
            "SMTP__TIMEOUT": 5,
            "SMTP__CONNECTIONS": self.options.connections,
            "SMTP__BDAT_WINDOW": self.options.bdat,
            "DELIVERY__WINDOW": self.options.window,
        }
        if self.options.workers:
            values["DELIVERY__DISPATCH"] = "queue"
        return {f"DIGEST_{name}": str(value) for name, value in values.items()}


def chaos(options: Options, told=lambda _: None) -> Result:
    """One run in a folder of its own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="digest-chaos-")))
        return Chaos(options, folder, stack).run(told)


def main() -> None:
    """Prints a table for each engine; ends with 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "both"), default="both")
    for name, usual in (("readers", 20_000), ("kills", 100), ("seed", 1), ("window", 10)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--bdat", type=int, default=0, help="mails in flight (0: PIPELINING)")
    parser.add_argument("--workers", type=int, default=0, help="of the queue, on PostgreSQL")
    given = vars(parser.parse_args())
    engine = "postgresql" if given["workers"] else given["engine"]
    del given["engine"]
    faults = []
    for name in ("sqlite", "postgresql") if engine == "both" else (engine,):
        result = chaos(
            Options(engine=name, **given),
            told=lambda line: print(line, file=sys.stderr),  # noqa: T201
        )
        print(result.table(), flush=True)  # noqa: T201 - a script
        faults += result.faults()
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
