"""Being known to be alive while sending, and what becomes of what the dead left.

A name is alive as long as its lock is held (see ``store.lease``). PostgreSQL forgets all locks when
it is restarted: who lives takes them again within a second, so others look twice.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from digest.errors import StoreError
from digest.store import Store

HOLD = 1.0  # seconds between two looks whether the database still has the locks

_log = logging.getLogger(__name__)


class Presence:
    """The names under which this process sends.

    ``settle`` is how many seconds a name has to look dead before it is taken for that.
    """

    def __init__(self, store: Store, *, settle: float) -> None:
        self._ledger, self._fence = store.ledger, store.fence
        self._settle = settle

    @asynccontextmanager
    async def enlisted(self) -> AsyncIterator[str]:
        """A name to send under; what it leaves ``sending`` is in doubt afterwards."""
        lease = self._ledger.enlist()
        name = await asyncio.to_thread(lease.__enter__)
        try:
            yield name
        finally:
            await asyncio.to_thread(lease.__exit__, None, None, None)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Meanwhile the names stay alive, also where the database goes and comes back."""
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watch.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(HOLD)
            try:
                await asyncio.to_thread(self._ledger.hold)
                await asyncio.to_thread(self._fence.rest)
            except StoreError as error:
                _log.warning("the database is away: %s", error)

    async def abandon(self) -> int:
        """Puts in doubt what the dead were sending; returns how many."""
        dead = await asyncio.to_thread(self._ledger.dead)
        if dead and self._settle:
            await asyncio.sleep(self._settle)
        return await asyncio.to_thread(self._ledger.abandon, dead) if dead else 0
