"""A reader as a row and back, and the rows that hang on one: consents and letters."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from digest.model import (
    Consent,
    DeliveryState,
    MailKind,
    Preferences,
    Subscriber,
    SubscriberState,
)
from digest.store.database import Database
from digest.store.queue import defer
from digest.store.tables import CONSENT, DELIVERY, SUBSCRIBER

WAITING = (DeliveryState.QUEUED.value, DeliveryState.DEFERRED.value)


def subscriber(row: Row[Any]) -> Subscriber:
    """The value of a row that has all columns of the table."""
    return Subscriber(
        id=row.id,
        key=row.key,
        email=row.email,
        state=SubscriberState(row.state),
        preferences=Preferences(
            hour=row.hour,
            zone=row.zone,
            days=weekdays(row.days),
            papers=row.papers,
            categories=tuple(row.categories),
            paused_until=row.paused_until,
        ),
        created_at=row.created_at,
        confirmed_at=row.confirmed_at,
        pending_email=row.pending_email,
    )


def bits(days: Iterable[int]) -> int:
    """A set of weekdays as the table has it."""
    return sum(1 << day for day in set(days))


def weekdays(mask: int) -> frozenset[int]:
    """The weekdays back from ``bits``."""
    return frozenset(day for day in range(7) if mask >> day & 1)


def one(connection: Connection, *where: Any) -> Subscriber | None:  # noqa: ANN401 - conditions
    """The reader that meets the conditions, locked until the transaction ends."""
    wanted = select(SUBSCRIBER).where(*where).with_for_update(key_share=True)
    row = connection.execute(wanted).first()
    return subscriber(row) if row else None


def change(connection: Connection, subscriber_id: int, values: Mapping[str, Any]) -> None:
    """Writes columns of one reader."""
    mine = SUBSCRIBER.c.id == subscriber_id
    connection.execute(update(SUBSCRIBER).where(mine).values(**values))


def chosen(preferences: Preferences) -> dict[str, Any]:
    """The columns of what a reader chose."""
    return {
        "hour": preferences.hour,
        "zone": preferences.zone,
        "days": bits(preferences.days),
        "papers": preferences.papers,
        "categories": list(preferences.categories),
        "paused_until": preferences.paused_until,
    }


def new_row(
    email: str, fingerprint: str, key: str, preferences: Preferences, now: datetime
) -> dict[str, Any]:
    """The columns of a new reader, but for the state."""
    return {
        "key": key,
        "fingerprint": fingerprint,
        "email": email,
        "created_at": now,
        **chosen(preferences),
    }


def agree(connection: Connection, subscriber_id: int, consent: Consent) -> None:
    """Records what a reader agreed to."""
    row = {
        "subscriber_id": subscriber_id,
        "action": consent.action,
        "at": consent.at,
        "source": consent.source,
        "network": consent.network,
        "agent": consent.agent,
        "text": consent.text,
    }
    connection.execute(insert(CONSENT), [row])


def write(
    database: Database, connection: Connection, subscriber_id: int, kind: MailKind, now: datetime
) -> None:
    """Queues a letter, unless one of its kind is waiting already."""
    waiting = select(DELIVERY.c.id).where(
        DELIVERY.c.subscriber_id == subscriber_id,
        DELIVERY.c.kind == kind,
        DELIVERY.c.state.in_(WAITING),
    )
    if connection.execute(waiting).first():
        return
    row: dict[str, Any] = {
        "kind": kind,
        "edition_id": None,
        "subscriber_id": subscriber_id,
        "local_date": None,
        "batch": 0,
        "state": DeliveryState.QUEUED,
        "attempts": 0,
        "due_at": now,
        "papers": [],
        "reason": "",
    }
    connection.execute(insert(DELIVERY), [row])
    defer(database, connection, [(None, 0)])
