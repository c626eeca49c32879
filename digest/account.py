"""A batch in the ledger, as its flow sees it: asked again while the database is away."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from digest.errors import StoreError, TakenForDead
from digest.flow import Settled
from digest.model import Claim, Verdict

T = TypeVar("T")

# How long outcomes wait, in seconds, for a database that went away and comes back.
PATIENCE = (0.2, 0.5, 1, 2, 4, 8, 8, 8)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A batch in the ledger, as its flow sees it.

    Attributes:
        claims: ``Ledger.claim``, for this batch.
        records: ``Ledger.record``, for this worker.
        is_quick: whether the ledger is asked here, where that keeps nobody waiting, and not in a
            thread: two busy threads cost more than the question.
        beat: mails are about to go out.
        told: what was settled is in the ledger.
    """

    claims: Callable[..., Sequence[Claim]]
    records: Callable[..., None]
    is_quick: bool
    clock: Callable[[], datetime]
    beat: Callable[[], Awaitable[None]]
    told: Callable[[Settled], Awaitable[None]]

    async def claim(self, limit: int, settled: Settled) -> Sequence[Claim]:
        """Records and claims; what it returns may go out."""
        call = partial(self.claims, now=self.clock(), limit=limit, done=settled.verdicts)
        claims = await self._ask(call, settled.verdicts)
        await self.told(settled)
        if claims:
            await self.beat()
        return claims

    async def record(self, settled: Settled) -> None:
        """Records only."""
        await self._ask(partial(self.records, settled.verdicts), settled.verdicts)
        await self.told(settled)

    async def _ask(self, call: Callable[..., T], done: Mapping[int, Verdict]) -> T:
        if self.is_quick:
            try:
                return call(wait=False)
            except TakenForDead:
                raise
            except StoreError:  # somebody else is writing, or it is away: a thread waits for that
                return await _patiently(call, done)
        return await _patiently(call, done)


async def _patiently(call: Callable[..., T], done: Mapping[int, Verdict]) -> T:
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
