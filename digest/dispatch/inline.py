"""The inline dispatcher: batches are sent by the process that finds them."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from digest.model import Batch


class Inline:
    """Sends in this process, ``lanes`` batches at a time: the default."""

    def __init__(self, lanes: int) -> None:
        self._lanes = lanes

    async def dispatch(
        self, batches: Sequence[Batch], send_batch: Callable[[str | None, int], Awaitable[bool]]
    ) -> int:
        """Awaits ``send_batch`` for each batch.

        Where one says that there is no way to the relay, the rest waits for the next pass.
        """
        waiting = deque(batches)

        async def lane() -> None:
            while waiting:
                if not await send_batch(*waiting.popleft()):
                    waiting.clear()

        try:
            async with asyncio.TaskGroup() as lanes:
                for _ in range(min(self._lanes, len(waiting))):
                    lanes.create_task(lane())
        except ExceptionGroup as several:  # one says it all, and callers know it by its own name
            raise several.exceptions[0] from several
        return 0
