"""Who runs the batches of an edition: one seam, so that a queue can stand behind it later.

A batch is only a pointer, (edition, number); the truth is the ledger. Twice is harmless.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

Batch = tuple[str | None, int]
SendBatch = Callable[[str | None, int], Awaitable[None]]


class Dispatcher(Protocol):
    """Sees to it that every batch is sent, here or elsewhere."""

    async def dispatch(self, batches: Sequence[Batch], send_batch: SendBatch) -> None:
        """Hands all ``batches`` out; returns when they are under way or done."""


class Inline:
    """Sends in this process, one batch after another: the default."""

    async def dispatch(self, batches: Sequence[Batch], send_batch: SendBatch) -> None:
        """Awaits ``send_batch`` for each batch in order."""
        for edition_id, number in batches:
            await send_batch(edition_id, number)
