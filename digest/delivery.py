"""Delivery, in order: what is ready goes to the relay, and what became of it into the ledger.

    abandon ─▶ expire ─▶ batches ─▶ dispatch ─▶ send_batch ─▶ flow: claim ─▶ write ─▶ send
                                                                └◀─ record ◀─ decide ◀─┘

``dispatch`` sends here, or leaves the batches to workers: those await the same ``send_batch``.
``sending`` is in the ledger before the first byte of a mail goes out, its outcome soon after the
last. At most window × lanes deliveries of a process are ``sending``: so many a kill leaves in
doubt, and they are counted.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import random
from threading import Lock

from digest import compose
from digest.account import Account
from digest.credit import Credit
from digest.dispatch import Dispatcher
from digest.errors import DigestError
from digest.flow import Flow, Settled, Trade
from digest.mailer import Mailer
from digest.model import (
    Batch,
    Claim,
    DeliveryState,
    Edition,
    Envelope,
    Outcome,
    OutcomeKind,
    Section,
    Verdict,
)
from digest.presence import Presence
from digest.retry import Policy, decide
from digest.store import Store
from digest.writer import Writer

POOLS = 2  # editions kept open: today's, and one whose retries still go out
Refused = Callable[[Sequence[tuple[Claim, Outcome]], datetime], object]  # told what went wrong
Progress = Callable[[int], None]  # told how many more deliveries have an outcome

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the operator decided about sending."""

    window: int  # deliveries that may be ``sending`` for each lane
    lanes: int  # connections to the relay
    policy: Policy
    horizon: timedelta  # how far back a paper counts as had
    sections: Sequence[Section]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What one pass did: outcomes by state, and what the pass before it left in doubt."""

    outcomes: Mapping[DeliveryState, int]
    abandoned: int = 0
    expired: int = 0
    relay: str = ""  # where it is out of reach, or has us slowed down
    handed: int = 0  # batches that were left to workers

    def __str__(self) -> str:
        """For the log: ``sent=12 deferred=1``; empty where nothing happened."""
        counts = {state.value: count for state, count in self.outcomes.items()}
        counts |= {"abandoned": self.abandoned, "expired": self.expired, "handed": self.handed}
        told = [f"{name}={count}" for name, count in counts.items() if count]
        return " ".join([*told, *([f"relay {self.relay}"] if self.relay else ())])


class Delivery:
    """Sends what the ledger says is ready. ``clock`` gives the present instant.

    ``refused`` is told, in a thread, which mails were given up and what the server said; ``settle``
    is how many seconds a worker has to look dead before it is taken for that.
    """

    def __init__(
        self,
        *,
        store: Store,
        mailer: Mailer,
        writer: Writer,
        dispatcher: Dispatcher,
        terms: Terms,
        clock: Callable[[], datetime],
        refused: Refused = lambda _, __: None,
        settle: float = 0,
    ) -> None:
        self._ledger = store.ledger
        self._fence = store.fence
        self.presence = Presence(store, settle=settle)
        self._editions = store.editions
        self._mailer = mailer
        self._writer = writer
        self._dispatcher = dispatcher
        self._terms = terms
        self._clock = clock
        self._refused = refused
        self._stopping = False
        self._lost = set[str]()  # names under which something may have been left ``sending``
        self._credit = Credit(terms.window * terms.lanes)
        self._turn = Credit(1)  # one batch of digests claims at a time, and all lanes empty it
        self._opening = Lock()
        self._pools: dict[str, compose.Pool] = {}

    def stop(self) -> None:
        """Lets the mails under way finish and takes no more."""
        self._stopping = True

    async def run(
        self, *, letters_only: bool = False, progress: Progress = lambda _: None
    ) -> Delivered:
        """One pass over everything that is ready; deferred mails wait for a later one.

        Raises:
            Fenced: nothing may go out.
        """
        await asyncio.to_thread(self._fence.check)
        abandoned = await self.presence.abandon()
        expired = await self.expire()
        batches = await asyncio.to_thread(self._ledger.batches, self._clock())
        if letters_only:
            batches = [pair for pair in batches if pair[0] is None]
        tally: Counter[DeliveryState] = Counter()
        async with self.presence.watching(), self.presence.enlisted() as worker:

            async def send_batch(edition_id: str | None, number: int) -> bool:
                return await self.send_batch(
                    edition_id, number, worker=worker, tally=tally, progress=progress
                )

            handed = await self._dispatcher.dispatch(batches, send_batch)
        await asyncio.to_thread(self._fence.rest)
        return Delivered(
            outcomes=tally,
            abandoned=abandoned,
            expired=expired,
            handed=handed,
            relay=self._relay() if tally else "",
        )

    async def expire(self, only: Batch | None = None) -> int:
        """Gives up what is past its deadline, of one batch or of all; returns how many."""
        late = self._clock() - self._terms.policy.deadline
        return await asyncio.to_thread(self._ledger.expire, late, only)

    async def send_batch(
        self,
        edition_id: str | None,
        number: int,
        *,
        worker: str,
        tally: Counter[DeliveryState],
        progress: Progress = lambda _: None,
    ) -> bool:
        """Sends one batch; adds what became of it to ``tally``.

        Returns:
            Whether there is a way to the relay. Without one, what was not tried stays queued.
        """
        # In a thread: setting up takes a while, in which the other batches go on.
        pool = await asyncio.to_thread(self._pool, edition_id) if edition_id else None
        # Letters may tell of the latest edition.
        edition = pool.edition if pool else await asyncio.to_thread(self._editions.latest)
        account = Account(
            claims=partial(
                self._ledger.claim,
                edition_id,
                number,
                worker=worker,
                horizon=self._terms.horizon,
                choose=compose.chooser(pool),
            ),
            records=partial(self._ledger.record, worker),
            is_quick=self._ledger.is_quick,
            clock=self._clock,
            beat=self._beat,
            told=partial(self._told, tally, progress),
        )
        trade = Trade(
            write=lambda claim: self._write(claim, edition),
            send=self._mailer.send,
            decide=self._decide,
            stopping=lambda: self._stopping or worker in self._lost,
            failed=lambda: self._lost.add(worker),
            down=lambda: self._mailer.down,
            lanes=self._terms.lanes,
        )
        await Flow(account, trade, self._credit).run(self._turn if pool else None)
        return not self._mailer.down

    async def _beat(self) -> None:
        """Mails are about to go out: the fence hears of it once a second."""
        if self._fence.touch():
            await asyncio.to_thread(self._fence.beat)

    async def _told(
        self, tally: Counter[DeliveryState], progress: Progress, settled: Settled
    ) -> None:
        """What follows from outcomes once they are in the ledger."""
        states = Counter(verdict.state for verdict in settled.verdicts.values())
        del states[DeliveryState.QUEUED]  # given back: nothing became of it
        tally.update(states)
        if states:
            progress(states.total())
        if settled.refused:
            await asyncio.to_thread(self._refused, settled.refused, self._clock())

    def _relay(self) -> str:
        """What there is to say about the relay: that it is out of reach, or has us slowed down."""
        down = self._mailer.down
        return f"out of reach: {down.text}" if down else str(self._mailer.pace)

    def _pool(self, edition_id: str) -> compose.Pool:
        """An edition to choose from, read and set up once for all its batches."""
        with self._opening:
            if edition_id not in self._pools:
                edition = self._editions.get(edition_id)
                assert edition is not None, edition_id  # editions are never deleted
                self._writer.prepare(edition)
                while len(self._pools) >= POOLS:
                    del self._pools[next(iter(self._pools))]
                self._pools[edition_id] = compose.Pool(edition, self._terms.sections)
            return self._pools[edition_id]

    def _decide(self, claim: Claim, outcome: Outcome) -> Verdict:
        """What follows from an outcome, at this instant."""
        return decide(
            outcome,
            attempts=claim.attempts,
            due_at=claim.due_at,
            now=self._clock(),
            policy=self._terms.policy,
            jitter=random(),  # noqa: S311 - spreads retries, guards nothing
        )

    def _write(self, claim: Claim, edition: Edition | None) -> Envelope | Outcome:
        """The mail of a claim, or why there is none: one reader's mail must not stop the others."""
        try:
            return self._writer.write(claim, edition, self._clock())
        except DigestError as error:
            return Outcome(kind=OutcomeKind.REFUSED, text=str(error))
        except Exception as error:  # noqa: BLE001 - see below
            # A mistake of ours: said in the log with its traceback, tried again until the deadline.
            _log.exception("delivery=%s could not be written", claim.delivery_id)
            reason = f"could not be written: {type(error).__name__}"
            return Outcome(kind=OutcomeKind.UNSENT, text=reason)
