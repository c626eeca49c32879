"""Who is due: the readers of a slot, as rows of the ledger."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, func, literal, or_, select

from digest.model import DeliveryState, DueSlot, MailKind, SubscriberState
from digest.store.readers import bits
from digest.store.tables import DELIVERY, SUBSCRIBER
from digest.timetable import SHORTEST_GAP

_mail, _reader = DELIVERY.c, SUBSCRIBER.c


def waiting(slot: DueSlot) -> Any:  # noqa: ANN401 - a Select
    """Selects the readers of ``slot`` who have no mail yet."""
    return select(_reader.id).where(*_waits(slot))


def rows_of(slot: DueSlot, edition_id: str, before: int, batch: int) -> Any:  # noqa: ANN401 - a Select
    """Selects a delivery row for each of them; their suppression is checked later."""
    number = func.row_number().over(order_by=_reader.id) - 1
    return select(
        literal(MailKind.DIGEST.value).label("kind"),
        literal(edition_id).label("edition_id"),
        _reader.id.label("subscriber_id"),
        literal(slot.local_date, _mail.local_date.type).label("local_date"),
        ((number + before) // batch).label("batch"),
        literal(DeliveryState.QUEUED.value).label("state"),
        literal(0).label("attempts"),
        literal(slot.due_at, _mail.due_at.type).label("due_at"),
        literal("").label("reason"),
    ).where(*_waits(slot, _mail.edition_id == edition_id))


def _waits(slot: DueSlot, *had: ColumnElement[bool]) -> Iterator[ColumnElement[bool]]:
    """Of a reader: due in ``slot``, without a mail for that; nor one that ``had`` tells of."""
    yield _reader.state == SubscriberState.ACTIVE
    yield _reader.hour == slot.hour
    yield _reader.zone == slot.zone
    yield _reader.days == bits(slot.days)
    yield or_(_reader.paused_until.is_(None), _reader.paused_until <= slot.local_date)
    there = select(_mail.id).where(
        _mail.subscriber_id == _reader.id,
        _mail.kind == MailKind.DIGEST,
        or_(
            *had,
            _mail.local_date == slot.local_date,
            (_mail.due_at > slot.due_at - SHORTEST_GAP) & (_mail.state != DeliveryState.SKIPPED),
        ),
    )
    yield ~there.exists()
    if slot.late:
        yield _reader.confirmed_at <= slot.due_at
