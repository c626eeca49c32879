"""The ledger of deliveries: the truth about what was sent. See ``model.DeliveryState``.

    enqueue ─▶ queued ─claim─▶ sending ─record─▶ sent · deferred · refused · unknown
                  ▲               │ └─ a dead worker's rows: abandon ─▶ unknown
                  └─── resend ────┴───────────────────────────────────────┘

``sending`` is committed before the bytes go out and the outcome after them, a window of messages at
a time, so what a crash leaves in doubt is at most window × connections rows.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from threading import Lock
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from digest.compose import Chooser
from digest.errors import StoreError, TakenForDead
from digest.model import (
    Batch,
    Claim,
    DeliveryState,
    DueSlot,
    Verdict,
)
from digest.store import batches
from digest.store.claims import Claims, Taken, Window
from digest.store.database import Database
from digest.store.due import rows_of, waiting
from digest.store.fence import Fence
from digest.store.lease import Leases, is_alive
from digest.store.queue import defer_edition
from digest.store.shown import Shown
from digest.store.tables import DELIVERY, LEASE
from digest.store.verdicts import Verdicts

_mail = DELIVERY.c


class Ledger(Shown):
    """Deliveries, from the queue to the outcome."""

    def __init__(self, database: Database, fence: Fence) -> None:
        super().__init__(database)
        self._fence = fence
        self._leases = Leases(database)
        self._claims = Claims(database)
        self._verdicts = Verdicts(database)
        self._after: dict[Batch, int] = {}  # the last delivery that was taken of a batch
        self._sending: Counter[str] = Counter()  # a worker's deliveries without an outcome
        self._guard = Lock()  # of the counter: counting takes two steps

    @property
    def is_quick(self) -> bool:
        """Whether ``claim`` and ``record`` are best called where they are needed, not in a thread.

        With ``wait=False``, that is: they say Busy instead of keeping an event loop.
        """
        return self._database.is_quick

    @contextmanager
    def enlist(self) -> Iterator[str]:
        """A worker's name; its rows are in doubt once the block or the process ends."""
        with self._leases.enlist() as worker:
            yield worker
            # Whoever has nothing left to be in doubt need not be looked after.
            if self._sending.pop(worker, None) == 0:
                with suppress(StoreError), self._database.begin() as connection:
                    connection.execute(delete(LEASE).where(LEASE.c.worker == worker))

    def hold(self) -> None:
        """Keeps the workers of this process alive where the database went and came back."""
        self._leases.hold()

    def awaited(self, slots: Sequence[DueSlot]) -> bool:
        """Whether anybody who is due has no mail yet: there is something to ``enqueue``."""
        with self._database.read() as connection:
            slots = self._fence.open_slots(connection, slots)
            return any(connection.execute(waiting(one).limit(1)).first() for one in slots)

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
            before, queued = int(connection.execute(there).scalar_one()), 0
            for slot in slots:
                # Batches are filled over slots: full ones keep all lanes busy.
                due = rows_of(slot, edition_id, before + queued, batch)
                rows = insert(DELIVERY).from_select(list(due.selected_columns.keys()), due)
                # Without the option PostgreSQL's driver is not asked how many there were.
                counted = rows.execution_options(preserve_rowcount=True)
                queued += connection.execute(counted).rowcount
            if queued:
                numbers = range(before // batch, (before + queued - 1) // batch + 1)
                earliest = min(slot.due_at for slot in slots)
                batches.open_numbers(self._database, connection, edition_id, numbers, earliest)
                defer_edition(self._database, connection, edition_id)
        return queued

    def batches(self, now: datetime) -> Sequence[tuple[str | None, int]]:
        """The (edition, batch) pairs that have something to send now; letters have no edition."""
        with self._database.read() as connection:
            return batches.with_something(connection, now)

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
        pair, since = (edition_id, batch), now - horizon
        while True:
            window = Window(edition_id, batch, self._after.get(pair, 0), limit, now, since)
            with self._database.begin(wait=wait) as connection:
                self._go_on(connection, worker, done)
                taken = self._claims.take(connection, window, worker, choose)
                # Everybody may have been skipped: on until something is taken or nothing is left.
                while self._database.is_quick and taken.rows and not taken.claims:
                    window = window._replace(after=taken.last)
                    taken = self._claims.take(connection, window, worker, choose)
                if not taken.rows:
                    batches.close(self._database, connection, pair)
                # Before the commit: of one that fails nobody knows whether it came about.
                self._count(worker, len(taken.claims))
            self._count(worker, -len(done))
            self._took(pair, taken)
            # Elsewhere each has its own transaction: readers are locked in order, so none may wait
            # for a reader of an earlier window while it holds those of a later one.
            if taken.claims or not taken.rows:
                return taken.claims
            done = {}

    def _go_on(self, connection: Connection, worker: str, done: Mapping[int, Verdict]) -> None:
        """Records what was sent, and makes sure that the worker's rows will be looked after.

        Raises:
            TakenForDead: they were.
        """
        # Locked until the commit: who abandons deletes it first, so what is claimed here is either
        # seen there, or this worker knows.
        mine = select(LEASE.c.worker).where(LEASE.c.worker == worker).with_for_update()
        lost = done and connection.execute(mine).first() is None
        if lost or (done and self._verdicts.record(connection, worker, done) < len(done)):
            raise TakenForDead(f"{self._database}: worker {worker} was taken for dead")
        if not done:
            lease = self._database.insert(LEASE).on_conflict_do_update(
                index_elements=["worker"], set_={"worker": worker}
            )
            connection.execute(lease, {"worker": worker})

    def _took(self, pair: Batch, taken: Taken) -> None:
        """What to remember of a claim, once it is committed."""
        self._claims.selections.remember(taken.written)
        if taken.rows:
            self._after[pair] = taken.last
        else:
            self._after.pop(pair, None)

    def _count(self, worker: str, more: int) -> None:
        """Counts a worker's deliveries without an outcome; there may be fewer, but never more."""
        with self._guard:
            self._sending[worker] += more

    def record(self, worker: str, verdicts: Mapping[int, Verdict], *, wait: bool = True) -> None:
        """Writes what became of claimed deliveries, by delivery id.

        Raises:
            Busy: as ``claim`` does.
        """
        with self._database.begin(wait=wait) as connection:
            found = self._verdicts.record(connection, worker, verdicts)
        self._count(worker, -found)

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
            if not dead:
                return 0
            connection.execute(delete(LEASE).where(LEASE.c.worker.in_(dead)))
            return int(connection.execute(doubt).rowcount)

    def _dead(self, connection: Connection) -> list[str]:
        workers = connection.execute(select(LEASE.c.worker)).scalars()
        return [name for name in list(workers) if not is_alive(self._database, connection, name)]

    def expire(self, due_before: datetime, only: Batch | None = None) -> int:
        """Gives up what was due before that instant and never went out; returns how many.

        With ``only`` in that batch alone.

        What the operator wants resent (queued, with an instant to send it again) has no deadline.
        """
        where = _of(*only) if only else (batches.among_overdue(due_before),)
        waiting = or_(
            _mail.state == DeliveryState.DEFERRED,
            (_mail.state == DeliveryState.QUEUED) & _mail.again_at.is_(None),
        )
        late = (
            update(DELIVERY)
            .where(waiting, _mail.due_at < due_before, *where)
            .values(state=DeliveryState.SKIPPED, reason="too late: past its deadline")
        )
        with self._database.begin() as connection:
            count = int(connection.execute(late).rowcount)
            batches.close(self._database, connection, only)
            return count

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
            count = int(connection.execute(again.values(**values)).rowcount)
            if count:
                resent = (_mail.state == DeliveryState.QUEUED) & _mail.again_at.is_not(None)
                batches.reopen(self._database, connection, resent)
            return count


def _of(edition_id: str | None, batch: int) -> tuple[Any, Any]:
    mine = _mail.edition_id.is_(None) if edition_id is None else _mail.edition_id == edition_id
    return mine, _mail.batch == batch
