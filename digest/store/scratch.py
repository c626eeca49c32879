"""The store's room: a database that serves to measure, filled and emptied in bulk.

Nobody's own: one that holds papers, or readers who are not invented, is refused before anything
in it is touched.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice

from sqlalchemy import Table, func, insert, inspect, select, text

from digest.errors import StoreError
from digest.model import Preferences, SubscriberState
from digest.store.database import Database
from digest.store.readers import new_row
from digest.store.tables import BATCH, DELIVERY, EDITION, LEASE, PAPER, SELECTION, SUBSCRIBER

DOMAIN = "readers.invalid"  # of every invented reader: RFC 2606 gives .invalid to nobody
_CHUNK = 10_000  # rows that are inserted together


class Scratch:
    """A database to measure with.

    Raises:
        StoreError: it is somebody's own.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        try:
            self._refuse_others()
            self._database.upgrade()
        except BaseException:
            self._database.close()
            raise

    @property
    def engine(self) -> str:
        """The engine and its version, like ``SQLite 3.45.1``."""
        if self._database.is_sqlite:
            name, ask = "SQLite", select(func.sqlite_version())
        else:
            name, ask = "PostgreSQL", select(func.current_setting("server_version"))
        with self._database.read() as connection:
            return f"{name} {connection.execute(ask).scalar_one()}"

    def fill(self, wishes: Iterable[Preferences], at: datetime) -> int:
        """Adds an active reader for each of the wishes, confirmed at ``at``; returns how many."""
        count, rows = 0, _rows(wishes, at)
        while some := list(islice(rows, _CHUNK)):
            with self._database.begin() as connection:
                connection.execute(insert(SUBSCRIBER), some)
            count += len(some)
        with self._database.begin() as connection:
            connection.execute(text("ANALYZE subscriber"))
        return count

    def forget_deliveries(self) -> None:
        """Empties the ledger, so that the same readers are due again."""
        self._empty(DELIVERY, BATCH, SELECTION, LEASE)

    def clear(self) -> None:
        """Empties everything that was put here."""
        self._empty(DELIVERY, BATCH, SELECTION, LEASE, SUBSCRIBER, EDITION)

    def close(self) -> None:
        """Closes all connections."""
        self._database.close()

    def _empty(self, *tables: Table) -> None:
        names = ", ".join(table.name for table in tables)
        with self._database.begin() as connection:
            if self._database.is_sqlite:
                for table in tables:
                    connection.execute(table.delete())
            else:  # rows that are deleted one by one would be in the way of the next run
                connection.execute(text(f"TRUNCATE {names} CASCADE"))

    def _refuse_others(self) -> None:
        with self._database.read() as connection:
            if not inspect(connection).has_table(SUBSCRIBER.name):
                return
            papers = connection.execute(select(func.count()).select_from(PAPER)).scalar_one()
            strangers = SUBSCRIBER.c.email.not_like(f"%@{DOMAIN}")
            wanted = select(func.count()).select_from(SUBSCRIBER).where(strangers)
            readers = connection.execute(wanted).scalar_one()
        if papers or readers:
            raise StoreError(
                f"{self._database} holds {papers} papers and {readers} readers of its own:"
                " measure with an empty database"
            )


def _rows(wishes: Iterable[Preferences], at: datetime) -> Iterator[dict[str, object]]:
    for number, wish in enumerate(wishes):
        row = new_row(f"reader{number}@{DOMAIN}", f"{number:064x}", f"{number:016x}", wish, at)
        yield row | {"state": SubscriberState.ACTIVE, "confirmed_at": at}
