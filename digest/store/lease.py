"""Who is alive: a worker is, as long as it holds its lock. No clock is asked.

The lock goes with the process, also with ``kill -9``: on SQLite it is a lock on a file beside the
database, on PostgreSQL a session's advisory lock. So rows that a dead worker left ``sending`` can
be told from those that a living one is just sending, at once and without a time-out.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Connection, text

from digest.errors import StoreError
from digest.store.database import Database


@contextmanager
def enlist(database: Database) -> Iterator[str]:
    """A new worker's name, alive until the block ends or the process does."""
    name = secrets.token_hex(8)
    if database.is_sqlite:
        lock = FileLock(_lock_file(database, name))
        with lock:
            yield name
        with suppress(OSError):
            Path(lock.lock_file).unlink(missing_ok=True)
        return
    with database.translated(), database.engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")  # noqa: PLW2901
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _key(name)})
        try:
            yield name
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _key(name)})


def is_alive(database: Database, connection: Connection, name: str) -> bool:
    """Whether the worker of that name still holds its lock."""
    if not database.is_sqlite:
        took = text("SELECT pg_try_advisory_xact_lock(:key)")
        return not connection.execute(took, {"key": _key(name)}).scalar_one()
    path = Path(_lock_file(database, name))
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            pass
    except Timeout:
        return True
    path.unlink(missing_ok=True)
    return False


def _lock_file(database: Database, name: str) -> str:
    folder = Path(f"{database.url.database}.workers")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise StoreError(f"{database}: cannot make {folder}: {error.strerror}") from error
    return str(folder / f"{name}.lock")


def _key(name: str) -> int:
    """PostgreSQL's locks are named by signed 64-bit numbers."""
    return int(name, 16) - 2**63
