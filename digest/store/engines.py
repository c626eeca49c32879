"""The two engines: how a connection to each is made and set up, and how its transactions begin.

SQLite is set up so that nothing is lost: WAL, foreign keys, and ``BEGIN IMMEDIATE`` for whatever
writes. (With the default deferred BEGIN, 252 of 400 concurrent updates were silently lost.)
"""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from digest.errors import Busy, ConfigError, StoreError

BUSY_SECONDS = 30
POOL = 16  # connections that are kept: lanes come back for theirs every few milliseconds
READ_ONLY, AT_ONCE = "digest_read_only", "digest_at_once"
# A server that vanished without a word is given up within half a minute, not within two hours.
KEEPALIVES = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # milliseconds
}


def parse(text: str) -> URL:
    """The address of a database. Raises ConfigError, which shows no part of it."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # shown by neither: they may quote a part of a password
        raise ConfigError("database_url is no database address, like sqlite:///file.db") from None
    kind = url.get_backend_name()
    if kind == "sqlite":
        if url.database in {None, "", ":memory:"} or url.query:
            raise ConfigError("database_url: SQLite needs a file, like sqlite:///var/digest.db")
        return url.set(drivername="sqlite")
    if kind not in {"postgresql", "postgres"}:
        raise ConfigError(f"database_url: {kind} is neither sqlite nor postgresql")
    return url.set(drivername="postgresql+psycopg")


def sqlite(url: URL) -> Engine:
    """An engine for a file, whose folder is made. Raises StoreError."""
    assert url.database
    folder = Path(url.database).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder of {url}: {error.strerror}") from error
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def postgresql(url: URL) -> Engine:
    """An engine for a server. Connects when first used."""
    engine = create_engine(
        url,
        pool_pre_ping=True,
        pool_size=POOL,
        connect_args={"connect_timeout": BUSY_SECONDS, **KEEPALIVES},
    )
    event.listen(engine, "connect", _set_up_postgresql)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own
    connection.isolation_level = None  # the driver shall begin nothing by itself
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _set_up_postgresql(connection: Any, _record: object) -> None:  # noqa: ANN401 - as above
    """What every session needs, whatever the server's own settings are.

    Instants come back in UTC: in another zone those at the end of the calendar cannot be read.
    (One paper "of" 9999-12-31T23:00Z would stop every edition on a server in Asia.)
    """
    connection.autocommit = True
    connection.execute("SET TIME ZONE 'UTC'")
    # A server that forgets commits when it crashes would have mails sent twice.
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false)"
        " WHERE current_setting('synchronous_commit') = 'off'"
    )
    # So that the server, too, soon lets go the locks of a machine that vanished.
    for name, seconds in (("idle", 10), ("interval", 5), ("count", 3)):
        connection.execute(f"SET tcp_keepalives_{name} TO {seconds}")
    connection.autocommit = False


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    driver: Any = connection.connection.driver_connection
    if options.get(AT_ONCE):
        _begin_at_once(driver)
    else:
        driver.execute("BEGIN" if options.get(READ_ONLY) else "BEGIN IMMEDIATE")


def _begin_at_once(connection: Any) -> None:  # noqa: ANN401 - the driver's own
    """Begins a writing transaction, or raises Busy. Only the beginning can find others writing."""
    connection.execute("PRAGMA busy_timeout=0")
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:  # the low byte: there are kinds
            raise Busy("somebody else is writing to the database") from error
        raise
    finally:
        connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000:.0f}")
