"""The bench's trials: who competes in what, each round on the same readers and mails.

compose    written                    delivery   written, sent, in the ledger
enqueue    in the queue               latency    delivery, against a server far away
"""

import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from digest import timetable
from digest.app import App, system_clock
from digest.bench import invented
from digest.bench.meter import Usage, machine, timed
from digest.bench.processes import contend, sink
from digest.bench.report import Contender, Report, Row, race, versions
from digest.bench.terms import AT, HOUR, BenchError, Terms, application, edition, fitted
from digest.store.scratch import Scratch

Told = Callable[[str], None]
SOURCE = "/usr/sbin/smtp-source"  # where Debian has it; /usr/sbin is on few people's path
FEWER = 100  # times fewer mails for what writes each from the beginning
FEWEST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to measure with. ``port`` 0 is the bench's own server; sizes are bytes."""

    mails: int
    size: int = 73_000
    runs: int = 5
    personal: bool = False
    connections: int = 10
    per_connection: int = 100
    window: int = 10
    bdat: int = 0
    processes: int = 1
    database_url: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    tls: Literal["none", "starttls", "tls"] = "none"
    ca_file: str = ""
    round_trip: float = 0.0  # milliseconds, of the bench's own server
    against: Sequence[str] = ()
    yardsticks: bool = True
    config: str = ""


def compose(options: Options, told: Told) -> Report:
    """Writing mails: by splicing, by rendering each, and with the libraries alone."""
    terms = _terms(options)
    few = _few(options)
    run = partial(_contender, terms)
    contenders = [
        run("one selection for all", "compose"),
        run("each reader their own", "compose", personal=True),
        run("one selection, signed (RSA)", "signed", mails=few),
        run("… and by a second key (Ed25519)", "signed_twice", mails=few),
        run("the first mail of an edition", "first", mails=1),
        run("each mail rendered whole", "whole", mails=few),
        run("EmailMessage", "naive_compose", mails=few),
    ]
    return _report("compose", options, terms, race(contenders, options.runs, told))


def delivery(options: Options, told: Told) -> Report:
    """From the queue to the server, with and without its parts, and the yardsticks."""
    with _ground(options, told) as ground:
        terms = ground.terms
        contenders = [
            _delivery(ground, "digest", replace(terms, task="deliver")),
            _delivery(ground, "digest, no server", replace(terms, task="swallow")),
            _contender(terms, "digest, no ledger", "send"),
            *_others(options, terms),
        ]
        rows = race(contenders, options.runs, told)
        return _report("delivery", options, terms, rows, ground.scratch.engine)


def latency(options: Options, told: Told) -> Report:
    """The same against a server that is a round trip away, in each way of speaking to it."""
    with _ground(options, told) as ground:
        terms, flight = replace(ground.terms, task="deliver", bdat=0), options.bdat or 8
        contenders = [
            _delivery(ground, "PIPELINING", terms),
            _delivery(ground, f"BDAT, {flight} in flight", replace(terms, bdat=flight)),
            _delivery(ground, "one command at a time", replace(terms, pipelining=False)),
            *_others(options, terms),
        ]
        rows = race(contenders, options.runs, told)
        return _report("latency", options, terms, rows, ground.scratch.engine)


def enqueue(options: Options, told: Told) -> Report:
    """Queueing an edition for everybody who is due, in one go."""
    with _ground(options, told, listening=False) as ground:
        terms = ground.terms

        def run() -> Usage:
            ground.scratch.forget_deliveries()
            return contend(replace(terms, task="enqueue"))

        contenders = [
            Contender(name="enqueue", run=run),
            _contender(terms, "batches that are ready", "batches"),
        ]
        rows = race(contenders, options.runs, told)
        return _report("enqueue", options, terms, rows, ground.scratch.engine)


def _terms(options: Options) -> Terms:
    """The terms of a mail of that size."""
    terms = Terms(
        task="",
        host=options.host,
        port=options.port or 25,
        mails=options.mails,
        personal=options.personal,
        connections=options.connections,
        per_connection=options.per_connection,
        window=options.window,
        bdat=options.bdat,
        tls=options.tls,
        ca_file=options.ca_file,
        config=options.config,
    )
    papers, density, size = fitted(application(terms), options.size)
    return replace(terms, papers=papers, density=density, size=size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the runs of a trial share: terms, a scratch database with readers, and who queues."""

    terms: Terms
    scratch: Scratch
    app: App
    processes: int


@contextmanager
def _ground(options: Options, told: Told, *, listening: bool = True) -> Iterator[Ground]:
    """A scratch database with its readers, and a server that listens."""
    terms = _terms(options)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="digest-bench-")))
        url = options.database_url or f"sqlite:///{folder}/bench.db"
        terms = replace(terms, database_url=url, state_dir=str(folder))
        if listening and not options.port:
            terms = replace(terms, port=stack.enter_context(sink(options.round_trip / 1000)))
        told("readers")
        scratch = Scratch(terms.database_url)
        stack.callback(scratch.close)
        scratch.clear()
        stack.callback(scratch.clear)
        wishes = invented.wishes(terms.mails, terms.papers, HOUR, personal=terms.personal)
        scratch.fill(wishes, timetable.due_at(AT.date(), 0, "UTC"))
        app = application(terms)
        stack.callback(app.store.close)
        app.store.editions.publish(edition(app, terms))
        yield Ground(terms=terms, scratch=scratch, app=app, processes=options.processes)


def _contender(terms: Terms, name: str, task: str, **over: object) -> Contender:
    mine = replace(terms, task=task, **over)  # type: ignore[arg-type]
    return Contender(name=name, run=lambda: contend(mine))


def _delivery(ground: Ground, name: str, terms: Terms) -> Contender:
    def run() -> Usage:
        ground.scratch.forget_deliveries()
        queued = ground.app.daily.queue(AT).readers
        if queued != terms.mails:
            raise BenchError(f"{queued} of {terms.mails} mails were queued")
        return contend(terms, ground.processes)

    return Contender(name=name, run=run)


def _others(options: Options, terms: Terms) -> Iterator[Contender]:
    """The yardsticks that are here: against TLS only those that the user gave."""
    if options.yardsticks and options.tls == "none":
        few = _few(options)
        yield _contender(terms, "aiosmtplib + EmailMessage", "naive_send", mails=few)
        if program := shutil.which("smtp-source") or shutil.which(SOURCE):
            yield _command(f"{program} {SMTP_SOURCE}", "smtp-source", terms)
    for number, command in enumerate(options.against, start=1):
        yield _command(command, f"{Path(shlex.split(command)[0]).name} ({number})", terms)


SMTP_SOURCE = "-d -s {connections} -m {mails} -l {size} -f a@b.invalid -t c@d.invalid {host}:{port}"


def _few(options: Options) -> int:
    """Mails of a contender that takes its time."""
    return min(options.mails, max(FEWEST, options.mails // FEWER))


def _command(command: str, name: str, terms: Terms) -> Contender:
    """A program that sends as many mails of that size."""
    values = {"host": terms.host, "port": terms.port, "size": terms.size}
    values |= {"mails": terms.mails, "connections": terms.connections}
    try:
        words = [word.format(**values) for word in shlex.split(command)]
    except (KeyError, ValueError, IndexError) as error:
        known = ", ".join(values)
        raise BenchError(f"--against {command!r}: {error}; there are {known}") from error
    return Contender(name=name, run=lambda: timed(words, terms.mails))


def _report(
    what: str, options: Options, terms: Terms, rows: Sequence[Row], engine: str = ""
) -> Report:
    shown = {
        "mails": terms.mails,
        "bytes of a mail": terms.size,
        "papers": terms.papers,
        "selections": "personal" if terms.personal else "one for all",
        "connections": terms.connections,
        "messages per connection": terms.per_connection,
        "window": terms.window,
        "processes": options.processes,
        "server": f"{terms.host}:{options.port}" if options.port else "the bench's own",
        "round trip": f"{options.round_trip:g} ms" if not options.port else "the server's",
        "tls": terms.tls,
        "runs": options.runs,
    }
    return Report(
        what=what,
        date=f"{system_clock():%Y-%m-%d %H:%M} UTC",
        machine=machine(),
        versions=versions(**({"database": engine} if engine else {})),
        terms=shown,
        rows=rows,
    )
