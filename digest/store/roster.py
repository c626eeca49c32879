"""All readers together, as the operator and the clock see them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from digest.model import Consent, MailKind, Preferences, Subscriber, SubscriberState
from digest.store.database import Database
from digest.store.readers import agree, new_row, subscriber, suppress, weekdays, write
from digest.store.tables import CONSENT, DELIVERY, RATING, SELECTION, SUBSCRIBER


class Roster:
    """Who reads us."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, *, key: str = "", fingerprint: str = "") -> Subscriber | None:
        """The reader of that key, or of that address's keyed hash."""
        where = SUBSCRIBER.c.key == key if key else SUBSCRIBER.c.fingerprint == fingerprint
        with self._database.read() as connection:
            row = connection.execute(select(SUBSCRIBER).where(where)).first()
            return subscriber(row) if row else None

    def data(self, key: str) -> Mapping[str, Any] | None:
        """Everything stored about a reader, for their own eyes (dates as ISO texts)."""
        reader = select(SUBSCRIBER).where(SUBSCRIBER.c.key == key)
        with self._database.read() as connection:
            row = connection.execute(reader).first()
            if row is None:
                return None
            consents = select(CONSENT).where(CONSENT.c.subscriber_id == row.id)
            mails = (
                select(DELIVERY, SELECTION.c.papers)
                .outerjoin(SELECTION, SELECTION.c.id == DELIVERY.c.selection_id)
                .where(DELIVERY.c.subscriber_id == row.id)
            )
            ratings = select(RATING).where(RATING.c.subscriber_id == row.id)
            return {
                "subscriber": _plain(row),
                "consents": [_plain(one) for one in connection.execute(consents)],
                "mails": [_plain(one) for one in connection.execute(mails)],
                "ratings": [_plain(one) for one in connection.execute(ratings)],
            }

    def groups(self) -> Sequence[tuple[int, str, frozenset[int]]]:
        """The distinct (hour, zone, days) that active readers chose."""
        table = SUBSCRIBER.c
        wanted = select(table.hour, table.zone, table.days).distinct()
        active = wanted.where(table.state == SubscriberState.ACTIVE)
        with self._database.read() as connection:
            return [(hour, zone, weekdays(days)) for hour, zone, days in connection.execute(active)]

    def add(
        self,
        readers: Collection[tuple[str, str, str, Preferences]],
        consent: Consent,
        state: SubscriberState,
    ) -> int:
        """Adds (email, fingerprint, key, preferences) in one transaction; known addresses stay.

        Pending ones get a confirmation letter.

        Returns:
            How many were new.
        """
        rows = [new_row(*reader, consent.at) | {"state": state} for reader in readers]
        if state is SubscriberState.ACTIVE:
            rows = [row | {"confirmed_at": consent.at} for row in rows]
        with self._database.begin() as connection:
            for row in rows:
                insert = self._database.insert(SUBSCRIBER).values(**row)
                new = insert.on_conflict_do_nothing().returning(SUBSCRIBER.c.id)
                name = connection.execute(new).scalar_one_or_none()
                row["id"] = name
                if name is not None:
                    agree(connection, name, consent)
                    if state is SubscriberState.PENDING:
                        write(self._database, connection, name, MailKind.CONFIRM, consent.at)
        return sum(row["id"] is not None for row in rows)

    def everybody(
        self, state: SubscriberState | None = None, limit: int | None = None
    ) -> Iterator[Subscriber]:
        """All readers, or the first ones, streamed in the order they came."""
        wanted = select(SUBSCRIBER).order_by(SUBSCRIBER.c.id).limit(limit)
        if state:
            wanted = wanted.where(SUBSCRIBER.c.state == state)
        with (
            self._database.read() as connection,
            # Closed here, and not by the collector: who lists a hundred stops in the middle.
            connection.execution_options(yield_per=1000).execute(wanted) as rows,
        ):
            yield from map(subscriber, rows)

    def counts(self) -> Mapping[str, int]:
        """Readers by state."""
        wanted = select(SUBSCRIBER.c.state, func.count()).group_by(SUBSCRIBER.c.state)
        with self._database.read() as connection:
            return {state: count for state, count in connection.execute(wanted)}  # noqa: C416

    def suppress(self, fingerprint: str, reason: str, at: datetime) -> None:
        """Nothing is written to this address any more: see ``readers.suppress``."""
        with self._database.begin() as connection:
            suppress(self._database, connection, fingerprint, reason, at)


def _plain(row: Row[Any]) -> dict[str, Any]:
    hidden = {"id", "subscriber_id", "fingerprint", "worker", "batch"}
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in row._mapping.items()  # noqa: SLF001 - its own API
        if name not in hidden
    }
