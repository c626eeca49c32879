"""Delivery, in order: take a window from the ledger, write it, send it, record what became of it.

    abandon ─▶ expire ─▶ batches ─▶ dispatch ─▶ send_batch ─┬─ lane: claim ─▶ write ─▶ send
                                                            └─ lane: …        ─▶ decide ─▶ record

``sending`` is in the ledger before the first byte of a window goes out and the outcomes right
after the last, so a kill leaves at most window × lanes deliveries in doubt, and they are counted.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from random import random

from digest import compose
from digest.compose import Choice
from digest.dispatch import Dispatcher
from digest.errors import DigestError
from digest.mailer import Mailer
from digest.model import (
    Claim,
    DeliveryState,
    Edition,
    Envelope,
    Form,
    MailKind,
    Outcome,
    OutcomeKind,
    Section,
    Subscriber,
    Verdict,
)
from digest.retry import Policy, decide
from digest.store import Chooser, Store
from digest.writer import Writer

Progress = Callable[[int], None]  # told how many more deliveries have an outcome

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

    def __str__(self) -> str:
        """For the log: ``sent=12 deferred=1``; empty where nothing happened."""
        counts = {state.value: count for state, count in self.outcomes.items()}
        counts |= {"abandoned": self.abandoned, "expired": self.expired}
        return " ".join(f"{name}={count}" for name, count in counts.items() if count)


class Delivery:
    """Sends what the ledger says is ready. ``clock`` gives the present instant."""

    def __init__(
        self,
        *,
        store: Store,
        mailer: Mailer,
        writer: Writer,
        dispatcher: Dispatcher,
        terms: Terms,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = store.ledger
        self._editions = store.editions
        self._mailer = mailer
        self._writer = writer
        self._dispatcher = dispatcher
        self._terms = terms
        self._clock = clock
        self._stopping = False

    def stop(self) -> None:
        """Lets the windows under way finish and takes no more."""
        self._stopping = True

    async def run(
        self, *, letters_only: bool = False, progress: Progress = lambda _: None
    ) -> Delivered:
        """One pass over everything that is ready; deferred mails wait for a later one."""
        abandoned = await asyncio.to_thread(self._ledger.abandon)
        late = self._clock() - self._terms.policy.deadline
        expired = await asyncio.to_thread(self._ledger.expire, late)
        batches = await asyncio.to_thread(self._ledger.batches, self._clock())
        if letters_only:
            batches = [pair for pair in batches if pair[0] is None]
        tally: Counter[DeliveryState] = Counter()
        with self._ledger.enlist() as worker:

            async def send_batch(edition_id: str | None, number: int) -> None:
                await self.send_batch(
                    edition_id, number, worker=worker, tally=tally, progress=progress
                )

            await self._dispatcher.dispatch(batches, send_batch)
        return Delivered(outcomes=tally, abandoned=abandoned, expired=expired)

    async def send_batch(
        self,
        edition_id: str | None,
        number: int,
        *,
        worker: str,
        tally: Counter[DeliveryState],
        progress: Progress = lambda _: None,
    ) -> None:
        """Sends one batch, window after window; adds what became of it to ``tally``."""
        edition = await asyncio.to_thread(self._edition, edition_id)
        claim = partial(
            self._ledger.claim,
            edition_id,
            number,
            worker=worker,
            limit=self._terms.window,
            horizon=self._terms.horizon,
            choose=self._chooser(edition if edition_id else None),
        )
        done: dict[int, Verdict] = {}
        while not self._stopping:
            # One transaction records the window that was sent and takes the next one.
            claims = await asyncio.to_thread(claim, now=self._clock(), done=done)
            self._count(done, tally, progress)
            if not claims:
                return
            done = await self._send(claims, edition)
        await asyncio.to_thread(self._ledger.record, worker, done)
        self._count(done, tally, progress)

    def _edition(self, name: str | None) -> Edition | None:
        """What digests are written from; letters may tell of the latest."""
        return self._editions.latest() if name is None else self._editions.get(name)

    @staticmethod
    def _count(
        done: Mapping[int, Verdict], tally: Counter[DeliveryState], progress: Progress
    ) -> None:
        tally.update(verdict.state for verdict in done.values())
        if done:
            progress(len(done))

    def _chooser(self, edition: Edition | None) -> Chooser:
        """What the ledger asks for every delivery it takes: may it go, and with which papers."""
        pool = compose.Pool(edition, self._terms.sections) if edition else None

        def choose(
            reader: Subscriber,
            kind: MailKind,
            suppressed: str | None,
            today: date | None,
            had: frozenset[str],
        ) -> Choice:
            def digest() -> Choice:
                assert pool is not None
                form = compose.form_of(reader.preferences, today) if today else Form.DAILY
                return pool.choice(reader, had, form)

            return compose.choose(reader, kind, suppressed=suppressed, today=today, digest=digest)

        return choose

    async def _send(self, claims: Sequence[Claim], edition: Edition | None) -> dict[int, Verdict]:
        """Writes and sends a window; a verdict for every claim, whatever happens."""
        written: list[tuple[Claim, Envelope]] = []
        outcomes: list[tuple[Claim, Outcome]] = []
        # In a thread: a window takes some 50 ms to write, in which the other lanes go on sending.
        papers = await asyncio.to_thread(lambda: [self._write(one, edition) for one in claims])
        for claim, paper in zip(claims, papers, strict=True):
            if isinstance(paper, Envelope):
                written.append((claim, paper))
            else:
                outcomes.append((claim, paper))
        said = await self._mailer.send([envelope for _, envelope in written])
        outcomes += [(claim, one) for (claim, _), one in zip(written, said, strict=True)]
        now = self._clock()
        return {
            claim.delivery_id: decide(
                outcome,
                attempts=claim.attempts,
                due_at=claim.due_at,
                now=now,
                policy=self._terms.policy,
                jitter=random(),  # noqa: S311 - spreads retries, guards nothing
            )
            for claim, outcome in outcomes
        }

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
