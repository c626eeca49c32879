"""Taking deliveries for sending: the decision and the mark, within the ledger's transaction.

    lock the window with its readers ─▶ what each had ─▶ choose ─▶ mark

Four statements a window, whatever its size: this is the ledger's part of the send path.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    func,
    or_,
    select,
)

from digest.compose import Chooser
from digest.model import Claim, DeliveryState, MailKind
from digest.store.bounces import not_paused
from digest.store.database import Database
from digest.store.readers import PEOPLE, reader
from digest.store.tables import DELIVERY, SUBSCRIBER, SUPPRESSION

# What counts as "had": also what may have arrived.
HAD = (DeliveryState.SENT, DeliveryState.UNKNOWN, DeliveryState.SENDING)

_KINDS = {kind.value: kind for kind in MailKind}
_NOTHING: frozenset[str] = frozenset()
_mail, _reader = DELIVERY.c, SUBSCRIBER.c
_SENDING = (
    ("state", DeliveryState.SENDING),
    ("worker", bindparam("by", type_=_mail.worker.type)),
    ("attempts", _mail.attempts + 1),
    ("again_at", None),
)
_SKIPPED = (("state", DeliveryState.SKIPPED), ("worker", None), ("again_at", None))
_TAKEN = ("kind", "edition_id", "subscriber_id", "local_date", "attempts", "due_at")


def take(
    database: Database,
    connection: Connection,
    edition_id: str | None,
    batch: int,
    *,
    limit: int,
    worker: str,
    now: datetime,
    since: datetime,
    choose: Chooser,
) -> tuple[list[Claim], int]:
    """Takes up to ``limit`` rows of a batch that are ready.

    Returns:
        The claims to send, and how many rows were looked at.
    """
    terms = {"edition": edition_id, "batch": batch, "now": now, "most": limit}
    rows = connection.execute(_LETTERS if edition_id is None else _DIGESTS, terms).all()
    if not rows:
        return [], 0
    had = _had(database, connection, rows, since)
    claims, marks, skips = [], [], []
    for name, kind, _, _, local_date, attempts, due_at, suppressed, *person in rows:
        who, what = reader(*person), _KINDS[kind]
        choice = choose(who, what, suppressed, local_date, had.get(who.id, _NOTHING))
        if choice.skip:
            skips.append({"id": name, "reason": choice.skip})
            continue
        marks.append({"id": name, "papers": choice.paper_ids})
        claims.append(
            Claim(
                delivery_id=name,
                kind=what,
                edition_id=edition_id,
                subscriber=who,
                address=(what is MailKind.CHANGE and who.pending_email) or who.email,
                paper_ids=choice.paper_ids,
                attempts=attempts + 1,
                due_at=due_at,
            )
        )
    database.update_each(connection, DELIVERY, marks, _SENDING, by=worker)
    database.update_each(connection, DELIVERY, skips, _SKIPPED)
    return claims, len(rows)


def ready(now: Any) -> ColumnElement[bool]:  # noqa: ANN401 - an instant, or a parameter
    """What waits to be sent, has waited long enough, and goes to no domain that is paused."""
    waiting = _mail.state.in_((DeliveryState.QUEUED, DeliveryState.DEFERRED))
    waited = or_(_mail.state == DeliveryState.QUEUED, _mail.again_at <= now)
    return and_(waiting, waited, not_paused(now))


def _window(mine: ColumnElement[bool]) -> Select[Any]:
    """The next rows with their readers, all locked; rows that others hold are passed over.

    What is used of a row comes from the locked version of it: its own, not the statement's view.
    Readers are locked, so that of two deliveries to one reader the second sees what the first took.
    """
    columns = [_mail.id.label("delivery_id"), *(_mail[name] for name in _TAKEN)]
    where = mine & (_mail.batch == bindparam("batch")) & ready(bindparam("now"))
    some = select(*columns).where(where).order_by(_mail.id).limit(bindparam("most"))
    taken = some.with_for_update(skip_locked=True).cte("taken")
    return (
        select(taken, SUPPRESSION.c.reason, *(_reader[name] for name in PEOPLE))
        .select_from(taken)
        .join(SUBSCRIBER, _reader.id == taken.c.subscriber_id)
        .outerjoin(SUPPRESSION, SUPPRESSION.c.fingerprint == _reader.fingerprint)
        .order_by(_reader.id)
        .with_for_update(of=SUBSCRIBER, key_share=True)  # rows may still refer to them
    )


_DIGESTS = _window(_mail.edition_id == bindparam("edition"))
_LETTERS = _window(_mail.edition_id.is_(None))


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
    # The state filters what is read, and not which index reads it: most rows of the table are sent.
    lists = func.aggregate_strings(cast(_mail.papers, Text), ",").filter(_mail.state.in_(HAD))
    wanted = (
        select(_mail.subscriber_id, lists)
        .where(
            database.among(_mail.subscriber_id, readers),
            _mail.kind == MailKind.DIGEST,
            _mail.due_at > since,
        )
        .group_by(_mail.subscriber_id)
    )
    return {name: _papers(text) for name, text in connection.execute(wanted) if text}


@lru_cache(1024)
def _papers(lists: str) -> frozenset[str]:
    return frozenset(paper for papers in json.loads(f"[{lists}]") for paper in papers)
