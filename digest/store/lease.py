"""Who is alive: a worker is, as long as it holds its lock. No clock is asked.

The lock goes with the process, also with ``kill -9``: on SQLite it is a lock on a file beside the
database, on PostgreSQL a session's advisory lock. So rows that a dead worker left ``sending`` can
be told from those that a living one is just sending, at once and without a time-out.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from filelock import FileLock, Timeout
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from digest.errors import StoreError
from digest.store.database import Database

_TAKE = text("SELECT pg_advisory_lock(:key)")
_GIVE = text("SELECT pg_advisory_unlock(:key)")


class Leases:
    """The names that live in this process. On PostgreSQL one connection holds all their locks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._names: set[str] = set()
        self._connection: Connection | None = None
        self._guard = Lock()  # a connection serves one thread at a time

    @contextmanager
    def enlist(self) -> Iterator[str]:
        """A new worker's name, alive until the block ends or the process does."""
        name = secrets.token_hex(8)
        if self._database.is_sqlite:
            # Whichever thread enters or leaves the block: the process has it.
            lock = FileLock(_lock_file(self._database, name), thread_local=False)
            with lock:
                yield name
            with suppress(OSError):
                Path(lock.lock_file).unlink(missing_ok=True)
            return
        with self._guard, self._database.translated():
            self._locked(name)
        try:
            yield name
        finally:
            with self._guard:
                self._give(name)

    def hold(self) -> None:
        """Takes all locks again if their connection was lost: the same names, on a new one.

        What was claimed under a name stays its own unless somebody looked in between.
        """
        with self._guard, self._database.translated():
            if self._names:
                self._locked()

    def _locked(self, *more: str) -> None:
        """Makes sure that all names and ``more`` have their locks."""
        if self._connection is not None:
            try:
                self._connection.execute(text("SELECT 1"))
            except SQLAlchemyError:
                self._drop()
        take = set(more)
        if self._connection is None:
            take |= self._names
            fresh = self._database.engine.connect()
            self._connection = fresh.execution_options(isolation_level="AUTOCOMMIT")
        try:
            for name in sorted(take):
                self._connection.execute(_TAKE, {"key": _key(name)})
        except SQLAlchemyError:
            self._drop()
            raise
        self._names |= take

    def _give(self, name: str) -> None:
        """Lets a name go. On a connection that was lost it has gone already."""
        self._names.discard(name)
        if self._connection is None:
            return
        try:
            self._connection.execute(_GIVE, {"key": _key(name)})
            if not self._names:
                self._connection.close()
                self._connection = None
        except SQLAlchemyError:
            self._drop()

    def _drop(self) -> None:
        """Throws the connection away: what it may still hold must go with it."""
        assert self._connection is not None
        with suppress(SQLAlchemyError):
            self._connection.invalidate()
            self._connection.close()
        self._connection = None


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
