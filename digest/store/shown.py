"""The ledger as it is shown: to operators, and a reader's mail to its reader."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, func, select

from digest.model import Delivery, DeliveryState, MailKind
from digest.store.database import Database
from digest.store.tables import DELIVERY, SELECTION, SUBSCRIBER

_mail, _reader = DELIVERY.c, SUBSCRIBER.c


class Shown:
    """What there is in the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self, edition_id: str | None = None) -> Mapping[str, int]:
        """Deliveries by state, of one edition or of all."""
        wanted = select(_mail.state, func.count()).group_by(_mail.state)
        if edition_id:
            wanted = wanted.where(_mail.edition_id == edition_id)
        with self._database.read() as connection:
            return {state: count for state, count in connection.execute(wanted)}  # noqa: C416

    def entries(self, state: DeliveryState | None = None, limit: int = 100) -> Sequence[Delivery]:
        """The newest deliveries, of one state or of all."""
        wanted = select(DELIVERY, _reader.email).join(SUBSCRIBER, _reader.id == _mail.subscriber_id)
        if state:
            wanted = wanted.where(_mail.state == state)
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(_mail.id.desc()).limit(limit))
            return [_delivery(row) for row in rows]

    def papers_of(self, edition_id: str, subscriber_key: str) -> tuple[str, ...]:
        """The papers of one reader's mail, in its order; empty where there was none."""
        wanted = (
            select(SELECTION.c.papers)
            .join(DELIVERY, _mail.selection_id == SELECTION.c.id)
            .join(SUBSCRIBER, _reader.id == _mail.subscriber_id)
            .where(_mail.edition_id == edition_id, _reader.key == subscriber_key)
        )
        with self._database.read() as connection:
            return tuple(connection.execute(wanted).scalar_one_or_none() or ())


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        kind=MailKind(row.kind),
        edition_id=row.edition_id,
        email=row.email,
        local_date=row.local_date,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        due_at=row.due_at,
        again_at=row.again_at,
        reason=row.reason,
    )
