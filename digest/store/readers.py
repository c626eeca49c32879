"""A reader as a row and back, and the rows that hang on one: consents and letters."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from digest.membership import BOUNCE
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
from digest.store.tables import CONSENT, DELIVERY, SUBSCRIBER, SUPPRESSION

_STATES = {state.value: state for state in SubscriberState}
WAITING = (DeliveryState.QUEUED.value, DeliveryState.DEFERRED.value)


# What a Subscriber is made of, in the order that ``reader`` takes.
PEOPLE = (
    *("id", "key", "email", "state", "created_at", "confirmed_at", "pending_email"),
    *("hour", "zone", "days", "papers", "categories", "paused_until", "taste"),
)


def subscriber(row: Row[Any]) -> Subscriber:
    """The value of a row that has all columns of the table."""
    return reader(*(getattr(row, name) for name in PEOPLE))


def reader(  # noqa: PLR0917 - in the order of the columns
    name: int,
    key: str,
    email: str,
    state: str,
    created_at: datetime,
    confirmed_at: datetime | None,
    pending_email: str | None,
    *chosen: Any,  # noqa: ANN401 - the columns of what was chosen
) -> Subscriber:
    """The value of the columns ``PEOPLE``; on the send path, so nothing is looked up by name."""
    *rest, categories, paused_until, taste = chosen
    return Subscriber(
        id=name,
        key=key,
        email=email,
        state=_STATES[state],
        preferences=_preferences(*rest, tuple(categories), paused_until, taste),
        created_at=created_at,
        confirmed_at=confirmed_at,
        pending_email=pending_email,
    )


def people(
    instant: Callable[[Any], Any], day: Callable[[Any], Any]
) -> Callable[[Sequence[Any]], Subscriber]:
    """The same for the driver's own rows: how they are read, given how instants and days are.

    Categories come as JSON. Nothing is done again that was done for another row.
    """

    @lru_cache(1024)
    def chosen(*columns: Any) -> Preferences:  # noqa: ANN401 - of several types
        *rest, categories, paused_until, taste = columns
        return _preferences(*rest, tuple(json.loads(categories)), day(paused_until), taste)

    def person(columns: Sequence[Any]) -> Subscriber:
        return Subscriber(
            id=columns[0],
            key=columns[1],
            email=columns[2],
            state=_STATES[columns[3]],
            preferences=chosen(*columns[7:]),
            created_at=instant(columns[4]),
            confirmed_at=instant(columns[5]),
            pending_email=columns[6],
        )

    return person


@lru_cache(1024)  # readers by the thousand chose the same
def _preferences(  # noqa: PLR0917 - as above
    hour: int,
    zone: str,
    days: int,
    papers: int,
    categories: tuple[str, ...],
    paused_until: date | None,
    taste: str,
) -> Preferences:
    return Preferences(
        hour=hour,
        zone=zone,
        days=weekdays(days),
        papers=papers,
        categories=categories,
        paused_until=paused_until,
        taste=taste,
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
        "taste": preferences.taste,
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
        "reason": "",
    }
    connection.execute(insert(DELIVERY), [row])
    defer(database, connection, [(None, 0)])


def suppress(
    database: Database, connection: Connection, fingerprint: str, reason: str, at: datetime
) -> None:
    """Nothing is written to this address any more, whoever asks.

    A complaint takes the place of a bounce, which a new double opt-in would lift.
    """
    row = {"fingerprint": fingerprint, "reason": reason, "at": at}
    graver = (
        database.insert(SUPPRESSION)
        .values(**row)
        .on_conflict_do_update(
            index_elements=["fingerprint"],
            set_={"reason": reason, "at": at},
            where=SUPPRESSION.c.reason.startswith(BOUNCE),
        )
    )
    connection.execute(graver)
