"""Delivery, in order: take a window from the ledger, write it, send it, record what became of it.

    abandon ─▶ expire ─▶ batches ─▶ dispatch ─▶ send_batch ─┬─ lane: claim ─▶ write ─▶ send
                                                            └─ lane: …        ─▶ decide ─▶ record

``dispatch`` sends here, or leaves the batches to workers: those await the same ``send_batch``.
``sending`` is in the ledger before the first byte of a window goes out and the outcomes right
after the last, so a kill leaves at most window × lanes deliveries in doubt, and they are counted.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import random
from threading import Lock
from typing import NamedTuple, TypeVar

from digest import compose
from digest.dispatch import Dispatcher
from digest.errors import DigestError, StoreError, TakenForDead
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
from digest.retry import Policy, decide
from digest.store import Store
from digest.writer import Writer

POOLS = 2  # editions kept open: today's, and one whose retries still go out
Refused = Callable[[Sequence[tuple[Claim, Outcome]], datetime], object]  # told what went wrong
Progress = Callable[[int], None]  # told how many more deliveries have an outcome
T = TypeVar("T")

# How long outcomes wait, in seconds, for a database that went away and comes back.
PATIENCE = (0.2, 0.5, 1, 2, 4, 8, 8, 8)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the operator decided about sending."""

    window: int
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


class _Sent(NamedTuple):
    """A window that was sent: a verdict for each delivery, and what was refused for good."""

    verdicts: dict[int, Verdict]
    refused: list[tuple[Claim, Outcome]]


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
        self._settle = settle
        self._editions = store.editions
        self._mailer = mailer
        self._writer = writer
        self._dispatcher = dispatcher
        self._terms = terms
        self._clock = clock
        self._refused = refused
        self._stopping = False
        self._opening = Lock()
        self._pools: dict[str, compose.Pool] = {}

    def stop(self) -> None:
        """Lets the windows under way finish and takes no more."""
        self._stopping = True

    async def run(
        self, *, letters_only: bool = False, progress: Progress = lambda _: None
    ) -> Delivered:
        """One pass over everything that is ready; deferred mails wait for a later one.

        Raises:
            Fenced: nothing may go out.
        """
        await asyncio.to_thread(self._fence.check)
        abandoned = await self.abandon()
        expired = await self.expire()
        batches = await asyncio.to_thread(self._ledger.batches, self._clock())
        if letters_only:
            batches = [pair for pair in batches if pair[0] is None]
        tally: Counter[DeliveryState] = Counter()
        with self._ledger.enlist() as worker:

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

    async def abandon(self) -> int:
        """Puts in doubt what dead workers were sending; returns how many.

        After a restart of the database nobody holds a lock until everybody has taken it again.
        """
        dead = await asyncio.to_thread(self._ledger.dead)
        if dead and self._settle:
            await asyncio.sleep(self._settle)
        return await asyncio.to_thread(self._ledger.abandon, dead) if dead else 0

    async def send_batch(
        self,
        edition_id: str | None,
        number: int,
        *,
        worker: str,
        tally: Counter[DeliveryState],
        progress: Progress = lambda _: None,
    ) -> bool:
        """Sends one batch, window after window; adds what became of it to ``tally``.

        Returns:
            Whether there is a way to the relay. Without one, all but one window stays queued.
        """
        # In a thread: setting up takes a while, in which the other lanes go on sending.
        pool = await asyncio.to_thread(self._pool, edition_id) if edition_id else None
        claim = partial(
            self._ledger.claim,
            edition_id,
            number,
            worker=worker,
            limit=self._terms.window,
            horizon=self._terms.horizon,
            choose=compose.chooser(pool),
        )
        sent = _Sent({}, [])
        while not self._stopping and not (sent.verdicts and self._mailer.down):
            # One transaction records the window that was sent and takes the next one.
            record = sent.verdicts
            claims = await _patiently(partial(claim, now=self._clock(), done=record), record)
            await self._told(sent, tally, progress)
            if not claims:
                return True
            if self._fence.touch():
                await asyncio.to_thread(self._fence.beat)
            sent = await self._send(claims, pool.edition if pool else None)
        record = sent.verdicts
        await _patiently(partial(self._ledger.record, worker, record), record)
        await self._told(sent, tally, progress)
        return not self._mailer.down

    async def _told(self, sent: "_Sent", tally: Counter[DeliveryState], progress: Progress) -> None:
        """What follows from a window once it is in the ledger."""
        tally.update(verdict.state for verdict in sent.verdicts.values())
        if sent.verdicts:
            progress(len(sent.verdicts))
        if sent.refused:
            await asyncio.to_thread(self._refused, sent.refused, self._clock())

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

    async def _send(self, claims: Sequence[Claim], edition: Edition | None) -> "_Sent":
        """Sends a window, each mail written when its turn comes; a verdict for every claim."""
        offered: list[Claim] = []
        outcomes: list[tuple[Claim, Outcome]] = []

        def mails() -> Iterator[Envelope]:
            for claim in claims:
                mail = self._write(claim, edition)
                if isinstance(mail, Envelope):
                    offered.append(claim)
                    yield mail
                else:
                    outcomes.append((claim, mail))

        said = await self._mailer.send(mails())
        outcomes += zip(offered, said, strict=True)
        now, sent = self._clock(), _Sent({}, [])
        for claim, outcome in outcomes:
            verdict = decide(
                outcome,
                attempts=claim.attempts,
                due_at=claim.due_at,
                now=now,
                policy=self._terms.policy,
                jitter=random(),  # noqa: S311 - spreads retries, guards nothing
            )
            sent.verdicts[claim.delivery_id] = verdict
            if verdict.state is DeliveryState.REFUSED:
                sent.refused.append((claim, outcome))
        return sent

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


async def _patiently(call: Callable[[], T], done: Mapping[int, Verdict]) -> T:
    """What the ledger answers; with outcomes to record it is asked again while it is away."""
    for pause in PATIENCE if done else ():
        try:
            return await asyncio.to_thread(call)
        except TakenForDead:
            raise
        except StoreError as error:
            _log.warning("%s outcomes wait: %s", len(done), error)
            await asyncio.sleep(pause)
    return await asyncio.to_thread(call)
