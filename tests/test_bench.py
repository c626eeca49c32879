"""``digest bench``: every trial runs to its end over the real path, and says what it measured."""

import asyncio
import json
import sys
from dataclasses import replace

import postgres
import pytest
from make import join
from typer.testing import CliRunner

from digest.bench import BenchError, Options, delivery, enqueue, invented, latency
from digest.bench.meter import Usage, timed
from digest.bench.processes import contend, sink
from digest.bench.report import Contender, race
from digest.bench.terms import AT, Terms, application, claim, edition, fitted
from digest.cli.main import cli
from digest.errors import StoreError
from digest.mailer.smtp import SmtpMailer
from digest.model import Envelope, OutcomeKind, Preferences
from digest.settings import Smtp
from digest.store.scratch import Scratch


@pytest.fixture
def postgres_store_url(postgres_url, postgres_template):
    """A PostgreSQL database that has its tables and no rows."""
    with postgres.database(postgres_url, postgres_template) as url:
        yield url


SMALL = {"mails": 40, "size": 20_000, "runs": 1, "connections": 3, "window": 4}


def rows(report):
    return {one.name: one for one in report.rows}


# ── Trials ───────────────────────────────────────────────────────────────────────────────────────


def test_delivery_sends_every_mail_beside_its_yardsticks(tmp_path):
    told = []
    against = f"{sys.executable} -c pass {{host}} {{port}} {{mails}} {{connections}} {{size}}"
    options = Options(**SMALL, database_url=f"sqlite:///{tmp_path}/own.db", against=[against])
    report = delivery(options, told.append)
    found = rows(report)
    ours = ("digest", "digest, no server", "digest, no ledger")
    assert list(found)[:4] == [*ours, "aiosmtplib + EmailMessage"]
    assert list(found)[-1].startswith("python")
    assert told == ["readers", *found]
    for name in ours:
        assert found[name].mails == 40
        assert found[name].peak > 2**20
        assert found[name].cpu > 0
    assert found["digest"].ratio == 1
    assert report.versions["database"].startswith("SQLite 3.")
    assert report.terms["server"] == "the bench's own"


def test_delivery_by_several_processes_each_reader_with_papers_of_their_own(postgres_store_url):
    options = Options(**SMALL, personal=True, processes=2, yardsticks=False)
    report = delivery(replace(options, database_url=postgres_store_url), lambda _: None)
    assert rows(report)["digest"].mails == 40
    assert "PostgreSQL" in report.versions["database"]


def test_latency_is_felt_by_whom_asks_one_command_at_a_time():
    options = Options(**SMALL | {"size": 8_000}, round_trip=20, yardsticks=False)
    found = rows(latency(options, lambda _: None))
    assert list(found) == ["PIPELINING", "BDAT, 8 in flight", "one command at a time"]
    # Forty mails over three connections, four round trips each: more than a second.
    assert found["one command at a time"].seconds > 40 / 3 * 4 * 0.02
    assert found["PIPELINING"].rate > found["one command at a time"].rate


def test_enqueue_counts_every_reader_and_throws_all_away(store, store_url):
    report = enqueue(Options(mails=300, runs=1, database_url=store_url), lambda _: None)
    assert [(one.name, one.mails) for one in report.rows] == [
        ("enqueue", 300),
        ("batches that are ready", 300),
    ]
    assert (store.roster.counts(), store.ledger.counts()) == ({}, {})
    assert store.editions.at(AT.replace(minute=0, second=0)) is None


# ── Whose database ───────────────────────────────────────────────────────────────────────────────


def test_a_database_with_readers_is_refused_and_left_as_it_is(store, store_url):
    join(store)
    with pytest.raises(StoreError, match="0 papers and 1 readers of its own"):
        delivery(Options(**SMALL, database_url=store_url), lambda _: None)
    assert store.roster.counts() == {"active": 1}


def test_what_a_killed_bench_left_is_taken_for_its_own(store, store_url):
    scratch = Scratch(store_url)
    assert scratch.fill([Preferences()] * 3, AT) == 3
    scratch.close()
    again = Scratch(store_url)
    again.clear()
    again.close()
    assert store.roster.counts() == {}


# ── Sizes and selections ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [73_000, 25_000, 12_000])
def test_a_mail_is_of_the_size_that_was_asked_for(size):
    app = application(Terms(task="", mails=1))
    found, density, real = fitted(app, size)
    made = invented.edition(AT, app.settings.sections[0].name, density)
    mail = app.writer.write(claim(made, 0, tuple(range(found))), made, AT)
    assert len(mail.data) == pytest.approx(size, rel=0.1)  # a card more or less is 3 KB
    assert len(mail.data) == pytest.approx(real, rel=0.02)  # fewer cards: other counts in the words
    assert 1 <= found < invented.CARDS


def test_a_size_that_no_mail_has_gives_the_nearest():
    assert invented.fitted(10, lambda papers, density: 1000 * papers + density)[0] == 1
    assert invented.fitted(10**9, lambda papers, density: 1000 * papers + density)[0] == 40


def test_readers_with_topics_of_their_own_get_mails_of_their_own():
    wishes = list(invented.wishes(50, 12, 7, personal=True))
    assert len({wish.categories for wish in wishes}) == 50
    assert len(set(invented.selections(50, 12, personal=True))) == 50
    assert len(set(invented.selections(50, 12, personal=False))) == 1


def test_an_invented_edition_is_the_same_every_time():
    app = application(Terms(task="", mails=1))
    terms = Terms(task="", mails=1, density=0.5)
    assert edition(app, terms) == edition(app, terms)


# ── Parts ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("bdat", [0, 4])
@pytest.mark.parametrize("pipelining", [True, False])
def test_the_sink_takes_every_mail_in_every_way(bdat, pipelining):
    data = b"Subject: x\r\n\r\n" + b"a line\r\n" * 20_000
    mails = [
        Envelope(sender="a@b.example", recipient="c@d.example", message_id=str(n), data=data)
        for n in range(20)
    ]

    async def sent(port):
        relay = Smtp(
            host="127.0.0.1", port=port, tls="none", pipelining=pipelining, bdat_window=bdat
        )
        mailer = SmtpMailer(relay, hostname="t.example")
        outcomes = await mailer.send(mails)
        await mailer.close()
        return outcomes

    with sink(0.0) as port:
        assert {one.kind for one in asyncio.run(sent(port))} == {OutcomeKind.ACCEPTED}


def test_medians_and_ratios_are_those_of_runs_in_turn():
    took = {"a": iter([1.0, 3.0, 2.0]), "b": iter([4.0, 4.0, 8.0])}

    def run(name):
        return lambda: Usage(mails=100, seconds=next(took[name]), cpu=0.5, peak=7)

    told = []
    first, second = race([Contender(name=n, run=run(n)) for n in "ab"], 3, told.append)
    assert told == ["a", "b"] * 3
    assert (first.rate, first.rates, first.ratio) == (50, [100, 33.3, 50], 1)
    assert (second.rate, second.ratio, second.cpu, second.peak) == (25, 2, 5, 7)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; sys.exit('no relay')", "ended with 1: no relay"),
        ("raise SystemExit(3)", "ended with 3: it said nothing"),
    ],
)
def test_a_yardstick_that_fails_is_said_with_its_words(code, message):
    with pytest.raises(BenchError, match=message):
        timed([sys.executable, "-c", code], 1)


def test_a_yardstick_that_is_not_there_is_said():
    with pytest.raises(BenchError, match=r"no-such-sender: No such file"):
        timed(["no-such-sender"], 1)


def test_an_unknown_name_in_a_command_is_said():
    options = Options(**SMALL, against=["sender {speed}"], yardsticks=False)
    with pytest.raises(BenchError, match="'speed'; there are host, port, size, mails, connections"):
        delivery(options, lambda _: None)


def test_a_contender_that_fails_is_said_in_a_line(tmp_path):
    terms = Terms(task="deliver", mails=1, database_url=f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(BenchError, match="deliver: 0 of 1 mails"):
        contend(terms)
    with pytest.raises(BenchError, match="KeyError"):
        contend(Terms(task="fly", mails=1))


# ── The command ──────────────────────────────────────────────────────────────────────────────────


def test_the_command_shows_a_table_and_writes_json(tmp_path):
    file = tmp_path / "report.json"
    words = ["bench", "compose", "--mails", "60", "--runs", "1", "--size", "8000"]
    shown = CliRunner().invoke(cli, [*words, "--json", str(file)], catch_exceptions=False)
    assert "one selection for all" in shown.output
    assert "cores" in shown.output
    report = json.loads(file.read_text("utf-8"))
    assert report["what"] == "compose"
    assert [row["mails"] for row in report["rows"]] == [60, 60, 50, 50, 1, 50, 50]
    assert {"processor", "cores", "python", "load"} <= report["machine"].keys()
