"""The store's engines: migrations, transactions, and what is said when the database cannot."""

import inspect
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC

import postgres
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from make import (
    DAY,
    NOON,
    consent,
    edition,
    feedback,
    harvest,
    paper,
    preferences,
    slot,
    together,
)
from sqlalchemy import inspect as look_into
from sqlmodel import SQLModel

from digest.compose import Choice
from digest.errors import Busy, ConfigError, StoreError
from digest.model import Action, DeliveryState, Ruling, SubscriberState, Verdict
from digest.store import Store, database, engines, schema
from digest.store.database import Database

PASSWORD = "hunter-7"
UNREACHABLE = f"postgresql://digest:{PASSWORD}@127.0.0.1:1/digest"


@pytest.fixture
def empty(database_url):
    """A store whose database has no tables yet."""
    opened = Store(database_url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(sqlite_template, tmp_path):
    """A store of one file."""
    file = tmp_path / "one.db"
    file.write_bytes(sqlite_template.read_bytes())
    opened = Store(f"sqlite:///{file}")
    yield opened
    opened.close()


@pytest.fixture
def postgres_store(postgres_url, postgres_template):
    """A store on a server."""
    with postgres.database(postgres_url, postgres_template) as url:
        opened = Store(url)
        yield opened
        opened.close()


# ── Versions ─────────────────────────────────────────────────────────────────────────────────────


def test_the_migrated_schema_is_the_one_that_the_tables_declare(store):
    with store._database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_the_schema_can_be_taken_back_and_made_again(empty):
    empty.upgrade()
    with empty._database.begin() as connection:
        command.downgrade(schema.config(connection), "base")
        assert look_into(connection).get_table_names() == ["alembic_version"]
    with pytest.raises(StoreError, match="has no tables yet"):
        empty.check()
    empty.upgrade()
    empty.check()


def test_the_version_of_the_program_is_that_of_its_last_migration():
    scripts = ScriptDirectory.from_config(schema.config())
    assert database.newest() == scripts.get_current_head()


BEFORE_0006 = """
    INSERT INTO subscriber (id, key, fingerprint, email, state, hour, zone, days, papers,
                            categories, created_at)
    SELECT n, 'key-' || n, 'print-' || n, 'reader' || n || '@example.org', 'active', 7, 'UTC', 127,
           12, '[]', '2026-01-01 00:00:00.000000'
    FROM (SELECT 1 AS n UNION SELECT 2 UNION SELECT 3) AS one;
    INSERT INTO delivery (kind, edition_id, subscriber_id, local_date, batch, state, attempts,
                          due_at, worker, papers, reason) VALUES
    ('digest', 'e', 1, '2026-01-15', 0, 'sent', 1, '2026-01-15 07:00:00.000000', NULL,
     '["2601.2", "2601.1"]', '250 OK'),
    ('digest', 'e', 2, '2026-01-15', 0, 'sending', 1, '2026-01-15 07:00:00.000000', '00000000000a',
     '["2601.2", "2601.1"]', ''),
    ('digest', 'e', 3, '2026-01-15', 1, 'queued', 0, '2026-01-15 07:00:00.000000', NULL, '[]', ''),
    ('confirm', NULL, 1, NULL, 0, 'sent', 1, '2026-01-15 07:00:00.000000', NULL, '[]', '250 OK'),
    ('known', NULL, 2, NULL, 0, 'queued', 0, '2026-01-15 07:00:00.000000', NULL, '[]', '')
"""


def at_0005(store, statements):
    """A database of the version before the ledger's rows became narrow."""
    with store._database.begin() as connection:
        command.upgrade(schema.config(connection), "0005")
        for statement in statements.split(";"):
            connection.exec_driver_sql(statement)


def test_a_ledger_from_before_goes_on_where_it_was(empty):
    at_0005(empty, BEFORE_0006)
    empty.upgrade()
    ledger = empty.ledger
    assert ledger.counts() == {"sent": 2, "sending": 1, "queued": 2}
    assert ledger.batches(NOON) == [(None, 0), ("e", 1)]
    assert ledger.papers_of("e", "key-1") == ledger.papers_of("e", "key-2") == ("2601.2", "2601.1")
    assert ledger.abandon() == 1
    shown = {"choose": lambda *_: Choice(paper_ids=("2601.3",))}
    (letter,) = ledger.claim(None, 0, **{**TAKE, **shown, "limit": 9})
    (mail,) = ledger.claim("e", 1, **{**TAKE, **shown})
    assert (letter.subscriber.key, mail.subscriber.key) == ("key-2", "key-3")
    assert ledger.resend(None, NOON) == 1
    assert ledger.batches(NOON) == [("e", 0)]


def test_a_narrow_ledger_can_be_taken_back(empty):
    at_0005(empty, BEFORE_0006)
    empty.upgrade()
    with empty._database.begin() as connection:
        command.downgrade(schema.config(connection), "0005")
        read = "SELECT papers FROM delivery ORDER BY id"
        papers = [row[0] for row in connection.exec_driver_sql(read)]
        had = json.loads(papers[0]) if isinstance(papers[0], str) else papers[0]
    assert (had, len(papers)) == (["2601.2", "2601.1"], 5)
    empty.upgrade()
    assert empty.ledger.papers_of("e", "key-1") == ("2601.2", "2601.1")


def test_a_second_upgrade_changes_nothing(empty):
    empty.upgrade()
    empty.papers.keep(harvest(paper()), NOON)
    empty.upgrade()
    empty.check()
    assert empty.papers.counts()["papers"] == 1


def test_several_processes_may_upgrade_at_once(database_url):
    stores = [Store(database_url) for _ in range(4)]
    together(*(one.upgrade for one in stores))
    for one in stores:
        one.check()
        one.close()


def test_a_database_without_tables_says_what_to_do(empty):
    with pytest.raises(StoreError, match=r"has no tables yet, .* run `digest db upgrade`$"):
        empty.check()


def test_a_database_of_a_newer_program_is_left_alone(store):
    with store._database.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="is at version 9999, newer than this program"):
        store.check()
    with pytest.raises(StoreError, match=r"cannot be brought to this version: .*9999"):
        store.upgrade()


# ── Transactions ─────────────────────────────────────────────────────────────────────────────────


def test_what_is_raised_in_a_transaction_takes_it_back(store):
    def fail_halfway():
        with store._database.begin() as connection:
            row = "INSERT INTO suppression VALUES ('a', 'b', CURRENT_TIMESTAMP)"
            connection.exec_driver_sql(row)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    with store._database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM suppression").scalar() == 0


def test_400_updates_at_once_lose_nothing_on_sqlite(tmp_path):
    shared = Database(f"sqlite:///{tmp_path}/count.db")
    with shared.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE tally (n INTEGER)")
        connection.exec_driver_sql("INSERT INTO tally VALUES (0)")

    def count():
        for _ in range(100):
            with shared.begin() as connection:  # read, then write what was read
                n = connection.exec_driver_sql("SELECT n FROM tally").scalar_one()
                connection.exec_driver_sql("UPDATE tally SET n = ?", (n + 1,))

    together(*[count] * 4)
    with shared.read() as connection:
        assert connection.exec_driver_sql("SELECT n FROM tally").scalar_one() == 400
    shared.close()


def test_who_will_not_wait_is_told_at_once_that_another_thread_writes(sqlite_store):
    with sqlite_store._database.begin(), pytest.raises(Busy, match="somebody else is writing"):
        sqlite_store.ledger.record("w", VERDICTS, wait=False)
    sqlite_store.ledger.record("w", VERDICTS, wait=False)


def test_who_will_not_wait_is_told_at_once_that_another_process_writes(sqlite_store):
    file = sqlite_store._database.url.database
    sqlite_store.ledger.record("w", VERDICTS)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy, match="somebody else is writing"):
            sqlite_store.ledger.record("w", VERDICTS, wait=False)
        with ThreadPoolExecutor(1) as threads:  # the connection's patience is back: this one waits
            waiting = threads.submit(sqlite_store.ledger.record, "w", VERDICTS)
            with pytest.raises(TimeoutError):
                waiting.result(0.05)
            other.rollback()
            waiting.result(10)


def test_writers_do_not_wait_for_one_another_on_postgresql(postgres_store):
    with postgres_store._database.begin():
        postgres_store.ledger.record("w", VERDICTS, wait=False)
    assert not postgres_store.ledger.is_quick


def test_a_reader_sees_one_state_and_holds_up_no_writer(store):
    count = "SELECT count(*) FROM paper"
    with store._database.read() as connection:
        assert connection.exec_driver_sql(count).scalar() == 0
        store.papers.keep(harvest(paper()), NOON)
    assert store.papers.counts()["papers"] == 1


# ── Addresses of databases ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (PASSWORD, "no database address"),
        ("", "no database address"),
        (f"postgresql://digest:{PASSWORD}@db:port/digest", "no database address"),
        (f"postgresql://db:{PASSWORD}/digest", "no database address"),  # the user was forgotten
        (f"mysql://digest:{PASSWORD}@db/digest", "mysql is neither sqlite nor postgresql"),
        (f"oracle+{PASSWORD}://db", "no database address"),  # not the name of a driver
        ("sqlite://", "SQLite needs a file"),  # memory: every thread would have its own
        ("sqlite:///:memory:", "SQLite needs a file"),
        ("sqlite:///file::memory:?uri=true", "SQLite needs a file"),
    ],
)
def test_what_is_no_address_of_a_database_is_refused_without_showing_it(url, said):
    with pytest.raises(ConfigError, match=said) as caught:
        Store(url)
    assert PASSWORD not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (UNREACHABLE, "postgresql+psycopg://digest:***@127.0.0.1:1/digest"),
        (f"postgres://u@db/d?password={PASSWORD}", "postgresql+psycopg://u@db/d"),
        (f"postgresql+asyncpg://u:{PASSWORD}@db/d", "postgresql+psycopg://u:***@db/d"),
    ],
)
def test_a_store_shows_its_address_without_the_password(url, shown):
    assert str(Store(url)) == shown


def test_a_sqlite_store_knows_its_folder_and_makes_it(tmp_path):
    opened = Store(f"sqlite:///{tmp_path}/a/b/digest.db")
    opened.upgrade()
    assert opened.is_sqlite
    assert opened.folder == tmp_path / "a/b"
    assert (tmp_path / "a/b/digest.db").is_file()
    opened.close()


def test_a_postgresql_store_has_no_folder():
    opened = Store(UNREACHABLE)
    assert not opened.is_sqlite
    assert opened.folder is None


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot make the folder of sqlite:.*"):
        Store(f"sqlite:///{tmp_path}/file/digest.db")


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "digest.db").write_bytes(b"This is a letter to my grandmother. " * 100)
    with pytest.raises(StoreError, match=r"digest\.db: file is not a database"):
        Store(f"sqlite:///{tmp_path}/digest.db").upgrade()


def test_a_worker_cannot_enlist_where_no_file_can_be_made(tmp_path):
    opened = Store(f"sqlite:///{tmp_path}/digest.db")
    (tmp_path / "digest.db.workers").touch()
    with pytest.raises(StoreError, match=r"cannot make .*workers"), opened.ledger.enlist():
        pass


# ── Every method, while the database cannot ──────────────────────────────────────────────────────


def enlist_once(store):
    with store.ledger.enlist():
        pass


def begin_once(store):
    with store.fence.begin():
        pass


def rest_once(store):
    store.fence.touch()
    store.fence.rest()


VERDICTS = {1: Verdict(state=DeliveryState.SENT)}
TAKE = {"worker": "w", "now": NOON, "limit": 1, "horizon": DAY, "choose": lambda *_: Choice()}
SIGN_UP = {
    "email": "a@example.org",
    "fingerprint": "p",
    "key": "k",
    "preferences": preferences(),
    "consent": consent(),
    "network": "n",
    "per_address": 1,
    "per_network": 1,
}
READS = {
    "papers.window": lambda s: s.papers.window(NOON - DAY, NOON),
    "papers.visits": lambda s: s.papers.visits(),
    "papers.last_looks": lambda s: s.papers.last_looks(),
    "papers.looks": lambda s: s.papers.looks(NOON - DAY, NOON),
    "papers.counts": lambda s: s.papers.counts(),
    "editions.at": lambda s: s.editions.at(NOON),
    "editions.get": lambda s: s.editions.get("x"),
    "editions.of_day": lambda s: s.editions.of_day(NOON.date()),
    "editions.before": lambda s: s.editions.before(NOON.date()),
    "editions.gaps": lambda s: s.editions.gaps(NOON.date(), NOON.date()),
    "editions.lasts": lambda s: s.editions.lasts(NOON.date(), NOON.date()),
    "editions.latest": lambda s: s.editions.latest(),
    "editions.days": lambda s: s.editions.days(),
    "roster.find": lambda s: s.roster.find(key="k"),
    "roster.data": lambda s: s.roster.data("k"),
    "roster.groups": lambda s: s.roster.groups(),
    "roster.everybody": lambda s: list(s.roster.everybody()),
    "roster.counts": lambda s: s.roster.counts(),
    "signals.latest": lambda s: s.signals.latest(["x"], "votes"),
    "signals.history": lambda s: s.signals.history(["x"], "votes"),
    "papers.earlier": lambda s: s.papers.earlier(NOON, NOON),
    "ledger.batches": lambda s: s.ledger.batches(NOON),
    "ledger.awaited": lambda s: s.ledger.awaited([slot()]),
    "ledger.counts": lambda s: s.ledger.counts(),
    "ledger.entries": lambda s: s.ledger.entries(),
    "bounces.delivery_of": lambda s: s.bounces.delivery_of("x.1", "p"),
    "bounces.recent": lambda s: s.bounces.recent(),
    "bounces.paused_domains": lambda s: s.bounces.paused_domains(NOON),
    "bounces.alerts": lambda s: s.bounces.alerts(NOON),
    "ratings.mailed": lambda s: s.ratings.mailed(1),
    "ratings.delivery": lambda s: s.ratings.delivery("x", "k"),
    "ratings.of": lambda s: s.ratings.of("k"),
    "ledger.papers_of": lambda s: s.ledger.papers_of("x", "k"),
    "fence.check": lambda s: s.fence.check(),
}
WRITES = {
    "papers.keep": lambda s: s.papers.keep(harvest(paper()), NOON),
    "papers.forget": lambda s: s.papers.forget(NOON),
    "editions.publish": lambda s: s.editions.publish(edition()),
    "roster.add": lambda s: s.roster.add([], consent(), SubscriberState.ACTIVE),
    "roster.suppress": lambda s: s.roster.suppress("p", "bounce", NOON),
    "subscribers.sign_up": lambda s: s.subscribers.sign_up(**SIGN_UP),
    "subscribers.confirm": lambda s: s.subscribers.confirm("k", consent()),
    "subscribers.undo": lambda s: s.subscribers.undo("k", consent()),
    "subscribers.leave": lambda s: s.subscribers.leave("k", consent()),
    "subscribers.prefer": lambda s: s.subscribers.prefer("k", preferences(), consent()),
    "subscribers.ask_change": lambda s: s.subscribers.ask_change("k", "e", "p", consent(), 1),
    "subscribers.change": lambda s: s.subscribers.change("k", "e", "p", consent()),
    "subscribers.erase": lambda s: s.subscribers.erase("k"),
    "subscribers.forget_attempts": lambda s: s.subscribers.forget_attempts(NOON),
    "subscribers.forget_unconfirmed": lambda s: s.subscribers.forget_unconfirmed(NOON),
    "ratings.rate": lambda s: s.ratings.rate("k", "p", None, NOON, lambda _: ""),
    "ratings.forget": lambda s: s.ratings.forget("k"),
    "bounces.record": lambda s: s.bounces.record(feedback(), "", DAY, lambda *_: COUNTED),
    "bounces.remember": lambda s: s.bounces.remember(feedback()),
    "bounces.forget": lambda s: s.bounces.forget(NOON),
    "bounces.resume": lambda s: s.bounces.resume("example.org"),
    "bounces.first_time": lambda s: s.bounces.first_time("t", NOON),
    "bounces.give_back": lambda s: s.bounces.give_back("t"),
    "ledger.enqueue": lambda s: s.ledger.enqueue("x", [slot()], 10),
    "ledger.claim": lambda s: s.ledger.claim("x", 0, **TAKE),
    "ledger.record": lambda s: s.ledger.record("w", VERDICTS),
    "ledger.dead": lambda s: s.ledger.dead(),
    "ledger.abandon": lambda s: s.ledger.abandon(),
    "ledger.expire": lambda s: s.ledger.expire(NOON),
    "ledger.close_day": lambda s: s.ledger.close_day([slot()], "x", "quiet"),
    "ledger.resend": lambda s: s.ledger.resend(None, NOON),
    "fence.begin": begin_once,
    "fence.beat": lambda s: s.fence.beat(),
    "fence.rest": rest_once,
    "fence.release": lambda s: s.fence.release(NOON, skip=True),
    "queue.defer": lambda s: s.queue.defer([("x", 0)]),
}
COUNTED = Ruling(action=Action.COUNT)
CALLS = {
    "upgrade": Store.upgrade,
    "check": Store.check,
    "ledger.enlist": enlist_once,
    # These are PostgreSQL's alone.
    "queue.view": lambda s: s.queue.view(),
    "queue.upgrade": lambda s: s.queue.upgrade([("1", "")]),
    "queue.check": lambda s: s.queue.check([("1", "")]),
}
# These ask nothing of a database that is not in use already.
WITHIN = {"fence.touch", "fence.open_slots", "ledger.hold"}


def test_these_are_all_methods_of_the_store():
    store = Store(UNREACHABLE)
    rooms = {name: part for name, part in vars(store).items() if not name.startswith("_")}
    methods = {
        f"{room}.{name}"
        for room, part in rooms.items()
        for name, _ in inspect.getmembers(part, inspect.ismethod)
        if not name.startswith("_")
    }
    assert methods | {"upgrade", "check"} == {*READS, *WRITES, *CALLS, *WITHIN}


@pytest.mark.parametrize("name", [*READS, *WRITES, *CALLS])
def test_an_unreachable_database_is_said_without_its_password(name):
    store = Store(UNREACHABLE)
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1/digest: .*refused") as caught:
        {**READS, **WRITES, **CALLS}[name](store)
    assert PASSWORD not in str(caught.value)


@pytest.fixture
def locked(monkeypatch, sqlite_template, tmp_path):
    """A store of one file that somebody else is writing to."""
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.01)
    file = tmp_path / "locked.db"
    file.write_bytes(sqlite_template.read_bytes())
    store = Store(f"sqlite:///{file}")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("BEGIN IMMEDIATE")
        yield store
        other.rollback()
    store.close()


@pytest.mark.parametrize("name", WRITES)
def test_a_locked_file_is_an_error_for_who_writes(locked, name):
    with pytest.raises(StoreError, match=r"locked\.db: database is locked"):
        WRITES[name](locked)


def test_a_locked_file_is_none_for_who_reads(locked):
    locked.check()
    enlist_once(locked)
    for call in READS.values():
        call(locked)


def test_the_zone_of_the_server_does_not_matter(store):
    # The tests' server lives in Kathmandu, where this instant is in the year 10000.
    last = NOON.replace(year=9999, month=12, day=31, hour=23)
    store.papers.keep(harvest(paper(published_at=last)), NOON)
    (found,) = store.papers.window(NOON - DAY, NOON)
    assert found.paper.published_at == last
    assert found.seen_at.tzinfo is UTC
