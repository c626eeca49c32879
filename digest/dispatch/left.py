"""The dispatcher of the queue: batches are left to workers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from digest.model import Batch


class Left:
    """Leaves every batch to the workers. ``defer`` writes a job for each that has none waiting."""

    def __init__(self, defer: Callable[[Sequence[Batch]], int]) -> None:
        self._defer = defer

    async def dispatch(
        self, batches: Sequence[Batch], send_batch: Callable[[str | None, int], Awaitable[bool]]
    ) -> int:
        """Returns how many jobs were written; somebody's crew awaits its own ``send_batch``."""
        del send_batch
        return await asyncio.to_thread(self._defer, batches)
