"""A worker's shift: it sends what the queue hands it, stays known to be alive, and cleans up.

check the fence ─▶ crew.work ─┬─ a job: enlist ─▶ delivery.send_batch ─▶ what is left: hand out
                              ├─ every 2 s: abandon ─▶ hand out what the dead had
                              └─ every second: the locks are held
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from digest.delivery import Delivered, Delivery
from digest.dispatch import SendBatch
from digest.errors import Fenced, StoreError
from digest.model import DeliveryState
from digest.store import Store

_log = logging.getLogger(__name__)


class Crew(Protocol):
    """Awaits a coroutine for every batch that the queue hands this process."""

    async def work(self, send_batch: SendBatch, care: Callable[[int], Awaitable[None]]) -> None:
        """Returns when it was told to stop; ``care`` hears how many jobs dead workers left."""


class Shift:
    """The hours of one worker process."""

    def __init__(self, delivery: Delivery, store: Store, clock: Callable[[], datetime]) -> None:
        self._delivery, self._presence = delivery, delivery.presence
        self._queue = store.queue
        self._ledger, self._fence = store.ledger, store.fence
        self._clock = clock

    async def work(self, crew: Crew) -> None:
        """Works until the crew is told to stop.

        Raises:
            Fenced: nothing may go out. (If that comes later it fails the jobs.)
        """
        await asyncio.to_thread(self._fence.check)
        async with self._presence.watching():
            await crew.work(self._send, self._care)
        try:
            await asyncio.to_thread(self._fence.rest)
            await asyncio.to_thread(self._hand_out)  # what is left of the last batches
        except StoreError as error:
            _log.warning("left to the next tick: %s", error)

    async def _send(self, edition_id: str | None, number: int) -> bool:
        """One batch over one lane, under a name of its own: what fails leaves nothing claimed."""
        await asyncio.to_thread(self._fence.check)
        await self._delivery.expire((edition_id, number))  # it may have waited for a worker
        tally, send = Counter[DeliveryState](), self._delivery.send_batch
        try:
            async with self._presence.enlisted() as worker:
                return await send(edition_id, number, worker=worker, tally=tally)
        finally:
            if said := str(Delivered(outcomes=tally)):
                _log.info("edition=%s batch=%s %s", edition_id or "letters", number, said)

    async def _care(self, stalled: int) -> None:
        """Takes over from the dead: their last windows are in doubt, the rest is handed out."""
        with suppress(Fenced):  # said by the jobs that send; this one comes every two seconds
            await asyncio.to_thread(self._fence.check)
            await self._take_over(stalled)

    async def _take_over(self, stalled: int) -> None:
        abandoned = await self._presence.abandon()
        if stalled or abandoned:
            handed = await asyncio.to_thread(self._hand_out)
            said = "taken over from a worker that died: jobs=%s abandoned=%s handed=%s"
            _log.warning(said, stalled, abandoned, handed)

    def _hand_out(self) -> int:
        """Writes a job for every batch that is ready and has none waiting; returns how many.

        They were begun before: they come before those that were not.
        """
        return self._queue.defer(self._ledger.batches(self._clock()), urgent=True)
