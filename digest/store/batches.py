"""Which batches may have something to send: they say where to look in a ledger of millions.

    enqueue, record(deferred), resend ─▶ open ─▶ claimed to the last ─▶ closed

A batch is open before anybody can see a row of it that is queued or deferred. Who opens one and who
closes one exclude each other until they commit, so nobody closes what another is just opening.
Letters have no edition and no such row: those that are over leave their batch instead.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, union_all, update

from digest.model import Batch, DeliveryState
from digest.store.claims import OPEN, ready
from digest.store.database import Database
from digest.store.tables import BATCH, DELIVERY

LETTERS, OVER = 0, -1  # the batch of letters that wait, and of those that do not

_batch, _mail = BATCH.c, DELIVERY.c
_OF_IT = and_(_mail.edition_id == _batch.edition_id, _mail.batch == _batch.number)


def open_numbers(
    database: Database,
    connection: Connection,
    edition_id: str,
    numbers: Iterable[int],
    due_at: datetime,
) -> None:
    """Opens batches of an edition that are filled in this transaction."""
    _exclude_others(database, connection)
    rows = [{"edition_id": edition_id, "number": number, "due_at": due_at} for number in numbers]
    if rows:
        connection.execute(database.insert(BATCH).on_conflict_do_nothing(), rows)


def reopen(database: Database, connection: Connection, which: ColumnElement[bool]) -> None:
    """Opens the batches of deliveries that were queued or deferred in this transaction."""
    _exclude_others(database, connection)
    theirs = (
        select(_mail.edition_id, _mail.batch, func.min(_mail.due_at))
        .where(which, _mail.edition_id.is_not(None), _mail.state.in_(OPEN))
        .group_by(_mail.edition_id, _mail.batch)
    )
    names = ["edition_id", "number", "due_at"]
    connection.execute(database.insert(BATCH).from_select(names, theirs).on_conflict_do_nothing())
    letters = which & _mail.edition_id.is_(None) & (_mail.batch == OVER) & _mail.state.in_(OPEN)
    connection.execute(update(DELIVERY).where(letters).values(batch=LETTERS))


def close(database: Database, connection: Connection, only: Batch | None = None) -> None:
    """Closes what has nothing queued or deferred any more; of letters, what is over."""
    _exclude_others(database, connection)
    if only is None or only[0] is None:
        alive = (*OPEN, DeliveryState.SENDING.value)
        there = _mail.edition_id.is_(None) & (_mail.batch == LETTERS)
        over = update(DELIVERY).where(there, _mail.state.not_in(alive))
        connection.execute(over.values(batch=OVER))
    if only is None or only[0] is not None:
        waiting = select(_mail.id).where(_OF_IT, _mail.state.in_(OPEN)).exists()
        done = delete(BATCH).where(~waiting)
        if only is not None:
            done = done.where(_batch.edition_id == only[0], _batch.number == only[1])
        connection.execute(done)


def with_something(connection: Connection, now: datetime) -> Sequence[Batch]:
    """The batches that have something to send now, those of letters first."""
    letters = select(_mail.id).where(_mail.edition_id.is_(None), _mail.batch == LETTERS, ready(now))
    wanted = (
        select(_batch.edition_id, _batch.number)
        .where(select(_mail.id).where(_OF_IT, ready(now)).exists())
        .order_by(_batch.edition_id, _batch.number)
    )
    found = [(None, LETTERS)] if connection.execute(letters.limit(1)).first() else []
    return [*found, *((edition, number) for edition, number in connection.execute(wanted))]


def among_overdue(before: datetime) -> ColumnElement[bool]:
    """The condition that a delivery may have been due before and is open; a letter always may."""
    late = select(_mail.id).join(BATCH, _OF_IT).where(_batch.due_at < before)
    letters = select(_mail.id).where(_mail.edition_id.is_(None), _mail.batch == LETTERS)
    return _mail.id.in_(union_all(*(one.correlate(None) for one in (late, letters))))


def _exclude_others(database: Database, connection: Connection) -> None:
    database.exclude_others(connection, "batches")
