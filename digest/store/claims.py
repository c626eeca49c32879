"""Taking deliveries for sending: the decision and the mark, within the ledger's transaction.

    lock the window with its readers ─▶ what each had ─▶ choose ─▶ mark

Four statements a window, whatever its size: this is the ledger's part of the send path.
"""

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, Text, cast, func, select

from digest.compose import Choice
from digest.model import Claim, DeliveryState, MailKind, Subscriber
from digest.store.database import Database
from digest.store.readers import subscriber
from digest.store.tables import DELIVERY, SUBSCRIBER, SUPPRESSION

# What counts as "had": also what may have arrived.
HAD = (DeliveryState.SENT, DeliveryState.UNKNOWN, DeliveryState.SENDING)

# Asked for every delivery that is taken: (reader, kind, suppressed, local date, papers had before).
Chooser = Callable[[Subscriber, MailKind, str | None, date | None, frozenset[str]], Choice]

_NOTHING: frozenset[str] = frozenset()
_mail, _reader = DELIVERY.c, SUBSCRIBER.c
_TAKEN = ("kind", "edition_id", "subscriber_id", "local_date", "attempts", "due_at")


def take(
    database: Database,
    connection: Connection,
    ready: Any,  # noqa: ANN401 - an SQL condition
    limit: int,
    *,
    worker: str,
    since: datetime,
    choose: Chooser,
) -> tuple[list[Claim], int]:
    """Takes up to ``limit`` of the rows that are ``ready``.

    Returns:
        The claims to send, and how many rows were looked at.
    """
    rows = connection.execute(_window(ready, limit)).all()
    if not rows:
        return [], 0
    had = _had(database, connection, rows, since)
    claims, marks, skips = [], [], []
    for row in rows:
        reader, kind = subscriber(row), MailKind(row.kind)
        before = had.get(reader.id, _NOTHING)
        choice = choose(reader, kind, row.suppressed, row.local_date, before)
        if choice.skip:
            skips.append({"id": row.delivery_id, "reason": choice.skip})
        else:
            marks.append({"id": row.delivery_id, "papers": choice.paper_ids})
            claims.append(_claim(row, reader, choice))
    sending = {"state": DeliveryState.SENDING, "worker": worker, "attempts": _mail.attempts + 1}
    skipped = {"state": DeliveryState.SKIPPED, "worker": None}
    database.update_each(connection, DELIVERY, marks, sending | {"again_at": None})
    database.update_each(connection, DELIVERY, skips, skipped | {"again_at": None})
    return claims, len(rows)


def _window(ready: Any, limit: int) -> Any:  # noqa: ANN401 - conditions and a Select
    """The next rows with their readers, all locked; rows that others hold are passed over.

    What is used of a row comes from the locked version of it: its own, not the statement's view.
    Readers are locked, so that of two deliveries to one reader the second sees what the first took.
    """
    columns = [_mail.id.label("delivery_id"), *(_mail[name] for name in _TAKEN)]
    mine = select(*columns).where(ready).order_by(_mail.id).limit(limit)
    taken = mine.with_for_update(skip_locked=True).cte("taken")
    return (
        select(taken, *_reader, SUPPRESSION.c.reason.label("suppressed"))
        .select_from(taken)
        .join(SUBSCRIBER, _reader.id == taken.c.subscriber_id)
        .outerjoin(SUPPRESSION, SUPPRESSION.c.fingerprint == _reader.fingerprint)
        .order_by(_reader.id)
        .with_for_update(of=SUBSCRIBER, key_share=True)  # rows may still refer to them
    )


def _had(
    database: Database, connection: Connection, rows: Sequence[Row[Any]], since: datetime
) -> dict[int, frozenset[str]]:
    """The papers each reader had, or may have had, since then.

    A reader's lists come as one text: most readers had the same mails, and a text is quickly
    compared with one that was read before.
    """
    readers = [row.subscriber_id for row in rows if row.kind == MailKind.DIGEST]
    if not readers:
        return {}
    wanted = (
        select(_mail.subscriber_id, func.aggregate_strings(cast(_mail.papers, Text), ","))
        .where(
            database.among(_mail.subscriber_id, readers),
            _mail.kind == MailKind.DIGEST,
            _mail.state.in_(HAD),
            _mail.due_at > since,
        )
        .group_by(_mail.subscriber_id)
    )
    return {name: _papers(text) for name, text in connection.execute(wanted)}


@lru_cache(1024)
def _papers(lists: str) -> frozenset[str]:
    return frozenset(paper for papers in json.loads(f"[{lists}]") for paper in papers)


def _claim(row: Row[Any], reader: Subscriber, choice: Choice) -> Claim:
    moved = row.kind == MailKind.CHANGE and reader.pending_email
    return Claim(
        delivery_id=row.delivery_id,
        kind=MailKind(row.kind),
        edition_id=row.edition_id,
        subscriber=reader,
        address=reader.pending_email if moved and reader.pending_email else reader.email,
        paper_ids=choice.paper_ids,
        attempts=row.attempts + 1,
        due_at=row.due_at,
    )
