"""How much may be under way at a time, shared fairly."""

import asyncio
from collections import deque


class Credit:
    """So much of something at a time; who waits for some is served in turn."""

    def __init__(self, total: int) -> None:
        self.total = self._free = total
        self._waiting: deque[tuple[int, asyncio.Future[int]]] = deque()

    @property
    def wanted(self) -> bool:
        """Whether somebody waits."""
        return any(not turn.done() for _, turn in self._waiting)

    def spare(self) -> int:
        """Takes what is free, which may be nothing; nothing where somebody waits."""
        return 0 if self.wanted else self._spend(self.total)

    async def take(self) -> int:
        """Takes what is free, as soon as that is anything."""
        if self._free and not self.wanted:
            return self._spend(self.total)
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((self.total, turn))
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(turn.result())
            raise

    def give(self, count: int) -> None:
        """Gives so many back."""
        self._free += count
        while self._free and self._waiting:
            most, turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(self._spend(most))

    def _spend(self, most: int) -> int:
        count = min(most, self._free)
        self._free -= count
        return count
