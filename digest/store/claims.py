"""Taking deliveries for sending: the decision and the mark, within the ledger's transaction."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from digest.compose import Choice
from digest.model import Claim, DeliveryState, MailKind, Subscriber
from digest.store.readers import subscriber
from digest.store.tables import DELIVERY, SUBSCRIBER, SUPPRESSION

# What counts as "had": also what may have arrived.
HAD = (DeliveryState.SENT, DeliveryState.UNKNOWN, DeliveryState.SENDING)

# Asked for every delivery that is taken: (reader, kind, suppressed, local date, papers had before).
Chooser = Callable[[Subscriber, MailKind, str | None, date | None, frozenset[str]], Choice]

_mail, _reader = DELIVERY.c, SUBSCRIBER.c

_MARK = (
    update(DELIVERY)
    .where(_mail.id == bindparam("name"))
    .values(
        state=bindparam("to"),
        worker=bindparam("by"),
        papers=bindparam("what"),
        reason=bindparam("why"),
        attempts=bindparam("tries"),
        again_at=None,
    )
)


def take(
    connection: Connection,
    ids: Sequence[int],
    worker: str,
    since: datetime,
    choose: Chooser,
) -> list[Claim]:
    """Decides over the locked rows ``ids`` and marks them."""
    rows = list(connection.execute(_with_readers(ids)))
    readers = {row.subscriber_id: subscriber(row) for row in rows}
    had = _had(connection, readers, ids, since)
    claims, marks = [], []
    for row in rows:
        reader, kind = readers[row.subscriber_id], MailKind(row.kind)
        choice = choose(
            reader, kind, row.suppressed, row.local_date, had.get(reader.id, frozenset())
        )
        marks.append(_mark(row, choice, worker))
        if not choice.skip:
            claims.append(_claim(row, reader, choice))
    connection.execute(_MARK, marks)
    return claims


def _with_readers(ids: Sequence[int]) -> Any:  # noqa: ANN401 - a Select
    """The rows with their readers.

    Readers are locked, so that of two deliveries to one reader the second sees what the first took.
    """
    columns = [c for c in _mail if c.key not in ("id", "state", "papers")]
    people = [c for c in _reader if c.key != "id"]
    return (
        select(
            _mail.id.label("delivery_id"),
            *columns,
            *people,
            _reader.id,
            SUPPRESSION.c.reason.label("suppressed"),
        )
        .join(SUBSCRIBER, _reader.id == _mail.subscriber_id)
        .outerjoin(SUPPRESSION, SUPPRESSION.c.fingerprint == _reader.fingerprint)
        .where(_mail.id.in_(ids))
        .order_by(_reader.id, _mail.id)
        .with_for_update(of=SUBSCRIBER, key_share=True)  # rows may still refer to them
    )


def _had(
    connection: Connection, readers: Mapping[int, Subscriber], ids: Sequence[int], since: datetime
) -> dict[int, frozenset[str]]:
    """The papers each reader had, or may have had, since then, by other deliveries."""
    wanted = select(_mail.subscriber_id, _mail.papers).where(
        _mail.subscriber_id.in_(list(readers)),
        _mail.kind == MailKind.DIGEST,
        _mail.state.in_(HAD),
        _mail.due_at > since,
        _mail.id.not_in(ids),
    )
    had: dict[int, frozenset[str]] = {}
    for name, papers in connection.execute(wanted):
        had[name] = had.get(name, frozenset()) | frozenset(papers)
    return had


def _mark(row: Row[Any], choice: Choice, worker: str) -> dict[str, Any]:
    return {
        "name": row.delivery_id,
        "to": DeliveryState.SKIPPED if choice.skip else DeliveryState.SENDING,
        "by": None if choice.skip else worker,
        "what": list(choice.paper_ids),
        "why": choice.skip,
        "tries": row.attempts + (0 if choice.skip else 1),
    }


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
