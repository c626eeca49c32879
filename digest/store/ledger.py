"""The ledger of deliveries: the truth about what was sent. See ``model.DeliveryState``.

    enqueue ─▶ queued ─claim─▶ sending ─record─▶ sent · deferred · refused · unknown
                  ▲               │ └─ a dead worker's rows: abandon ─▶ unknown
                  └─── resend ────┴───────────────────────────────────────┘

``sending`` is committed before the bytes go out and the outcome after them, a window of messages at
a time, so what a crash leaves in doubt is at most window × connections rows.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, or_, select, update

from digest.compose import Chooser
from digest.errors import TakenForDead
from digest.model import (
    Batch,
    Claim,
    Delivery,
    DeliveryState,
    DueSlot,
    MailKind,
    Verdict,
)
from digest.store.claims import ready, take
from digest.store.database import Database
from digest.store.due import rows_of
from digest.store.fence import Fence
from digest.store.lease import Leases, is_alive
from digest.store.queue import defer_edition
from digest.store.tables import DELIVERY, SUBSCRIBER

_mail, _reader = DELIVERY.c, SUBSCRIBER.c
_DONE = (("worker", None),)
_HELD = (*_DONE, ("attempts", _mail.attempts - 1))  # a limit of our own is no try
_MINE = _mail.worker == bindparam("by")


class Ledger:
    """Deliveries, from the queue to the outcome."""

    def __init__(self, database: Database, fence: Fence) -> None:
        self._database = database
        self._fence = fence
        self._leases = Leases(database)

    @property
    def is_quick(self) -> bool:
        """Whether ``claim`` and ``record`` are best called where they are needed, not in a thread.

        With ``wait=False``, that is: they say Busy instead of keeping an event loop.
        """
        return self._database.is_quick

    def enlist(self) -> AbstractContextManager[str]:
        """A worker's name; its rows are in doubt once the block or the process ends."""
        return self._leases.enlist()

    def hold(self) -> None:
        """Keeps the workers of this process alive where the database went and came back."""
        self._leases.hold()

    def enqueue(self, edition_id: str, slots: Sequence[DueSlot], batch: int) -> int:
        """One delivery for every reader who is due and has none for that local date.

        With workers their jobs are written in the same transaction.

        Args:
            edition_id: what they get.
            slots: who is due.
            batch: readers per batch.

        Returns:
            How many were queued.

        Raises:
            Fenced: nothing may be.
        """
        with self._fence.begin() as connection:
            # One at a time, so that each sees what is there, and no row has to be tried for that.
            self._database.exclude_others(connection, "enqueue")
            slots = self._fence.open_slots(connection, slots)
            mine = _mail.edition_id == edition_id
            there = select(func.count()).select_from(DELIVERY).where(mine)
            before, queued = connection.execute(there).scalar_one(), 0
            for slot in slots:
                # Batches are filled over slots: full ones keep all lanes busy.
                due = rows_of(slot, edition_id, before + queued, batch)
                rows = insert(DELIVERY).from_select(list(due.selected_columns.keys()), due)
                # Without the option PostgreSQL's driver is not asked how many there were.
                counted = rows.execution_options(preserve_rowcount=True)
                queued += connection.execute(counted).rowcount
            if queued:
                defer_edition(self._database, connection, edition_id)
        return queued

    def batches(self, now: datetime) -> Sequence[tuple[str | None, int]]:
        """The (edition, batch) pairs that have something to send now; letters have no edition."""
        wanted = select(_mail.edition_id, _mail.batch).where(ready(now)).distinct()
        with self._database.read() as connection:
            found = [(edition, batch) for edition, batch in connection.execute(wanted)]
        return sorted(found, key=lambda pair: (pair[0] or "", pair[1]))

    def claim(
        self,
        edition_id: str | None,
        batch: int,
        *,
        worker: str,
        now: datetime,
        limit: int,
        horizon: timedelta,
        choose: Chooser,
        done: Mapping[int, Verdict] = MappingProxyType({}),
        wait: bool = True,
    ) -> Sequence[Claim]:
        """Takes up to ``limit`` deliveries of a batch: committed as ``sending`` when this returns.

        ``choose`` sees each reader as stored in this very transaction, with the papers they had
        within ``horizon``; who may not be written to becomes ``skipped`` with the reason. What
        became of the window before, ``done``, is recorded in the same transaction.

        Returns:
            The claims to send; empty when nothing is left in the batch.

        Raises:
            TakenForDead: the worker lost its lock, and what it had claimed was put in doubt.
            Busy: somebody else is writing, and ``wait`` says not to wait for that. Nothing was
                done, nor recorded.
        """
        some = partial(take, self._database, limit=limit, worker=worker, now=now, choose=choose)
        while True:
            with self._database.begin(wait=wait) as connection:
                if self._record(connection, worker, done) < len(done):
                    raise TakenForDead(f"{self._database}: worker {worker} was taken for dead")
                claims, rows = some(connection, edition_id, batch, since=now - horizon)
                # Everybody may have been skipped: on until something is taken or nothing is left.
                while self._database.is_quick and rows and not claims:
                    claims, rows = some(connection, edition_id, batch, since=now - horizon)
            # Elsewhere each has its own transaction: readers are locked in order, so none may wait
            # for a reader of an earlier window while it holds those of a later one.
            if claims or not rows:
                return claims
            done = {}

    def record(self, worker: str, verdicts: Mapping[int, Verdict], *, wait: bool = True) -> None:
        """Writes what became of claimed deliveries, by delivery id.

        Raises:
            Busy: as ``claim`` does.
        """
        with self._database.begin(wait=wait) as connection:
            self._record(connection, worker, verdicts)

    def _record(self, connection: Connection, worker: str, verdicts: Mapping[int, Verdict]) -> int:
        """Writes the verdicts; returns how many found their row still ``worker``'s."""
        tried, held = list[dict[str, Any]](), list[dict[str, Any]]()
        for name, v in verdicts.items():
            row = {"id": name, "state": v.state, "again_at": v.again_at, "reason": v.reason}
            (tried if v.counted else held).append(row)
        write = partial(self._database.update_each, connection, DELIVERY, where=_MINE, by=worker)
        return write(tried, _DONE) + write(held, _HELD)

    def dead(self) -> frozenset[str]:
        """The workers that left rows ``sending`` and hold their locks no more."""
        with self._database.begin() as connection:  # a lock is asked for by trying to take it
            return frozenset(self._dead(connection))

    def abandon(self, names: Collection[str] | None = None) -> int:
        """Puts in doubt what dead workers left ``sending``; returns how many.

        With ``names`` only of those, should they still be dead: who was asked just when the
        database came back may only have been about to take the lock again.
        """
        with self._database.begin() as connection:
            dead = [name for name in self._dead(connection) if names is None or name in names]
            doubt = (
                update(DELIVERY)
                .where(_mail.state == DeliveryState.SENDING, _mail.worker.in_(dead))
                .values(
                    state=DeliveryState.UNKNOWN,
                    worker=None,
                    reason="the process ended before the outcome was recorded",
                )
            )
            return int(connection.execute(doubt).rowcount) if dead else 0

    def _dead(self, connection: Connection) -> list[str]:
        sending = _mail.state == DeliveryState.SENDING
        workers = connection.execute(select(_mail.worker).where(sending).distinct()).scalars()
        return [name for name in list(workers) if not is_alive(self._database, connection, name)]

    def expire(self, due_before: datetime, only: Batch | None = None) -> int:
        """Gives up what was due before that instant and never went out; returns how many.

        With ``only`` in that batch alone.

        What the operator wants resent (queued, with an instant to send it again) has no deadline.
        """
        waiting = or_(
            _mail.state == DeliveryState.DEFERRED,
            (_mail.state == DeliveryState.QUEUED) & _mail.again_at.is_(None),
        )
        late = (
            update(DELIVERY)
            .where(waiting, _mail.due_at < due_before, *(_of(*only) if only else ()))
            .values(state=DeliveryState.SKIPPED, reason="too late: past its deadline")
        )
        with self._database.begin() as connection:
            return int(connection.execute(late).rowcount)

    def close_day(self, slots: Sequence[DueSlot], edition_id: str, reason: str) -> int:
        """Records for everybody due that nothing is sent today, and why."""
        queued = self.enqueue(edition_id, slots, batch=1_000_000)
        skip = (
            update(DELIVERY)
            .where(_mail.edition_id == edition_id, _mail.state == DeliveryState.QUEUED)
            .values(state=DeliveryState.SKIPPED, reason=reason)
        )
        with self._database.begin() as connection:
            connection.execute(skip)
        return queued

    def resend(self, ids: Sequence[int] | None, now: datetime) -> int:
        """Queues deliveries in doubt again (all of them for None), on the operator's word."""
        doubt = _mail.state == DeliveryState.UNKNOWN
        which = doubt if ids is None else doubt & _mail.id.in_(ids)
        again = update(DELIVERY).where(which)
        values = {"state": DeliveryState.QUEUED, "again_at": now, "reason": "resent on command"}
        with self._fence.begin() as connection:
            return int(connection.execute(again.values(**values)).rowcount)

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
            select(_mail.papers)
            .join(SUBSCRIBER, _reader.id == _mail.subscriber_id)
            .where(_mail.edition_id == edition_id, _reader.key == subscriber_key)
        )
        with self._database.read() as connection:
            return tuple(connection.execute(wanted).scalar_one_or_none() or ())


def _of(edition_id: str | None, batch: int) -> tuple[Any, Any]:
    mine = _mail.edition_id.is_(None) if edition_id is None else _mail.edition_id == edition_id
    return mine, _mail.batch == batch


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
