"""What came back: events, appended once each; domains that wait; and what both do to readers.

record ─▶ insert (known already? nothing) ─▶ history ─▶ the rule ─▶ suppression, pause
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    delete,
    func,
    literal,
    or_,
    select,
    true,
    update,
)

from digest.model import (
    Action,
    Alert,
    DeliveryState,
    Feedback,
    FeedbackKind,
    History,
    Ruling,
)
from digest.store.database import Database
from digest.store.readers import suppress
from digest.store.tables import DELIVERY, FEEDBACK, NONCE, PAUSE, SUBSCRIBER

MOST_UNVERIFIED = 1000  # a day are kept: anybody can send them
NONCES_KEPT = timedelta(days=1)
OFFERED = (DeliveryState.SENT, DeliveryState.REFUSED, DeliveryState.UNKNOWN)

_event, _mail, _reader = FEEDBACK.c, DELIVERY.c, SUBSCRIBER.c

Judge = Callable[[Feedback, History], Ruling]


class Bounces:
    """Feedback on what was sent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, event: Feedback, same: str, window: timedelta, judge: Judge) -> Ruling | None:
        """Appends an event and does what follows from it, in one transaction.

        Args:
            event: verified; its ``key`` makes it one, however often it comes.
            same: what equal refusals have in common.
            window: how far back events at the same domain count.
            judge: the rule; it sees what is stored at this moment.

        Returns:
            What followed; None where the event was known.
        """
        with self._database.begin() as connection:
            reader = connection.execute(_locked(event.fingerprint)).first()
            domain = reader.email.rpartition("@")[2].lower() if reader else ""
            name = self._append(connection, event, domain, same)
            if name is None:
                return None
            history = _history(
                connection, event, reader=reader, domain=domain, same=same, window=window
            )
            ruling = judge(event, history)
            if ruling.action is Action.SUPPRESS:
                suppress(self._database, connection, event.fingerprint, ruling.reason, event.at)
            if ruling.pause:
                self._pause(connection, ruling.pause)
            done = update(FEEDBACK).where(_event.id == name).values(action=ruling.action)
            connection.execute(done)
            return ruling

    def remember(self, event: Feedback) -> bool:
        """Appends an event that nothing follows from; False where it was known, or one too many."""
        since = event.at - timedelta(days=1)
        there = select(func.count()).where(
            _event.kind == FeedbackKind.UNVERIFIED, _event.at > since
        )
        with self._database.begin() as connection:
            if connection.execute(there).scalar_one() >= MOST_UNVERIFIED:
                return False
            return self._append(connection, event, "", "") is not None

    def delivery_of(self, mail: str, fingerprint: str) -> int | None:
        """The ledger's number of a mail, by what its Message-ID calls it (see ``writer``)."""
        reader = select(_reader.id).where(_reader.fingerprint == fingerprint).scalar_subquery()
        _, _, number = mail.rpartition(".")
        which = _mail.edition_id == mail
        if number.isdecimal() and len(number) < 18:  # noqa: PLR2004 - what a column holds
            which = or_(which, _mail.id == int(number))
        wanted = select(_mail.id).where(which, _mail.subscriber_id == reader)
        with self._database.read() as connection:
            return connection.execute(wanted.limit(1)).scalar_one_or_none()

    def recent(self, limit: int = 100) -> Sequence[tuple[Feedback, Action, str]]:
        """The newest events with what followed and the domain."""
        wanted = select(FEEDBACK).order_by(_event.id.desc()).limit(limit)
        with self._database.read() as connection:
            rows = connection.execute(wanted)
            return [(_feedback(row), Action(row.action), row.domain) for row in rows]

    def forget(self, before: datetime) -> int:
        """Deletes events from before that instant; returns how many."""
        with self._database.begin() as connection:
            return int(connection.execute(delete(FEEDBACK).where(_event.at < before)).rowcount)

    # ── Domains that wait ────────────────────────────────────────────────────────────────────────

    def paused_domains(self, now: datetime) -> frozenset[str]:
        """The domains to which nothing is sent now."""
        with self._database.read() as connection:
            waiting = select(PAUSE.c.domain).where(PAUSE.c.until > now)
            return frozenset(connection.execute(waiting).scalars())

    def alerts(self, now: datetime) -> Sequence[Alert]:
        """What the operator should look at: the domains that wait, and why."""
        waiting = select(PAUSE).where(PAUSE.c.until > now).order_by(PAUSE.c.domain)
        with self._database.read() as connection:
            return [
                Alert(domain=row.domain, reason=row.reason, since=row.at, until=row.until)
                for row in connection.execute(waiting)
            ]

    def resume(self, domain: str) -> bool:
        """Lets mail to a domain go on, on the operator's word; False where it was not waiting."""
        with self._database.begin() as connection:
            gone = connection.execute(delete(PAUSE).where(PAUSE.c.domain == domain.lower()))
            return bool(gone.rowcount)

    # ── Messages that are good once ──────────────────────────────────────────────────────────────

    def first_time(self, token: str, now: datetime) -> bool:
        """Takes a token; False where it was taken within a day."""
        with self._database.begin() as connection:
            connection.execute(delete(NONCE).where(NONCE.c.at < now - NONCES_KEPT))
            insert = self._database.insert(NONCE).values(token=token, at=now)
            new = insert.on_conflict_do_nothing().returning(NONCE.c.token)
            return connection.execute(new).scalar_one_or_none() is not None

    def give_back(self, token: str) -> None:
        """The message could not be taken after all: it may come again."""
        with self._database.begin() as connection:
            connection.execute(delete(NONCE).where(NONCE.c.token == token))

    def _append(
        self, connection: Connection, event: Feedback, domain: str, same: str
    ) -> int | None:
        row = {name: getattr(event, name) for name in Feedback.__slots__}
        row |= {"domain": domain, "same": same, "action": Action.IGNORE}
        insert = self._database.insert(FEEDBACK).values(**row)
        new = insert.on_conflict_do_nothing().returning(_event.id)
        name: int | None = connection.execute(new).scalar_one_or_none()
        return name

    def _pause(self, connection: Connection, alert: Alert) -> None:
        values = {"reason": alert.reason, "at": alert.since, "until": alert.until}
        insert = self._database.insert(PAUSE).values(domain=alert.domain, **values)
        longer = insert.on_conflict_do_update(
            index_elements=["domain"], set_=values, where=PAUSE.c.until < alert.until
        )
        connection.execute(longer)


def not_at(domains: Collection[str]) -> ColumnElement[bool]:
    """An SQL condition on a row of the ledger: its reader is at none of these domains."""
    if not domains:
        return true()
    there = or_(*(_reader.email.endswith(f"@{one}", autoescape=True) for one in sorted(domains)))
    return ~select(_reader.id).where(_reader.id == _mail.subscriber_id, there).exists()


def not_paused(now: Any) -> ColumnElement[bool]:  # noqa: ANN401 - an instant, or a parameter
    """The same for a statement that is made once: its reader's domain does not wait at ``now``."""
    reader = SUBSCRIBER.alias()
    end = literal("@").concat(PAUSE.c.domain)
    waiting = select(PAUSE.c.domain).where(
        reader.c.id == _mail.subscriber_id, PAUSE.c.until > now, reader.c.email.endswith(end)
    )
    # As a rule no domain waits, which is asked once for all rows.
    nobody = ~select(PAUSE.c.domain).where(PAUSE.c.until > now).exists()
    return or_(nobody, ~waiting.correlate(DELIVERY).exists())


def _locked(fingerprint: str) -> Any:  # noqa: ANN401 - a Select
    """The reader of an address; locked, so that of two events the second sees the first."""
    columns = (_reader.id, _reader.email, _reader.confirmed_at)
    mine = select(*columns).where(_reader.fingerprint == fingerprint)
    return mine.with_for_update(key_share=True)


def _history(
    connection: Connection,
    event: Feedback,
    *,
    reader: Row[Any] | None,
    domain: str,
    same: str,
    window: timedelta,
) -> History:
    mine = select(FEEDBACK).where(
        _event.fingerprint == event.fingerprint, _event.key != event.key, _event.at <= event.at
    )
    dates = select(_mail.local_date).where(
        _mail.state == DeliveryState.SENT, _mail.local_date.is_not(None)
    )
    if reader is not None:
        dates = dates.where(_mail.subscriber_id == reader.id)
        if reader.confirmed_at:  # a new double opt-in begins anew
            mine = mine.where(_event.at >= reader.confirmed_at)
    since = event.at - window
    there = select(func.count(func.distinct(_event.fingerprint))).where(
        _event.domain == domain, _event.at > since
    )
    equal = there.where(_event.same == same)
    complaints = there.where(_event.kind == FeedbackKind.COMPLAINT)
    rows = connection.execute(mine.order_by(_event.at, _event.id))
    return History(
        events=[_feedback(row) for row in rows],
        delivered=list(connection.execute(dates).scalars()) if reader else (),
        domain=domain,
        equal=connection.execute(equal).scalar_one() if domain else 0,
        complaints=connection.execute(complaints).scalar_one() if domain else 0,
        offered=lambda: _offered(connection, domain, since),
    )


def _offered(connection: Connection, domain: str, since: datetime) -> int:
    """Mails that went to a domain. All readers are looked at: only alarms ask."""
    there = _reader.email.endswith(f"@{domain}", autoescape=True)
    wanted = select(func.count()).select_from(DELIVERY)
    wanted = wanted.join(SUBSCRIBER, _reader.id == _mail.subscriber_id)
    wanted = wanted.where(there, _mail.state.in_(OFFERED), _mail.due_at > since)
    return int(connection.execute(wanted).scalar_one())


def _feedback(row: Row[Any]) -> Feedback:
    return Feedback(
        key=row.key,
        kind=FeedbackKind(row.kind),
        at=row.at,
        fingerprint=row.fingerprint,
        delivery_id=row.delivery_id,
        status=row.status,
        text=row.text,
        source=row.source,
    )
