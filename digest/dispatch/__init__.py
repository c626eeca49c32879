"""Who runs the batches: this process (``inline``), or workers on any number of machines.

    Inline    dispatch ─▶ lanes ─▶ send_batch
    Left      dispatch ─▶ a job for each batch that has none waiting ─▶ workers.Crew ─▶ send_batch

A batch is only a pointer, (edition, number); the truth is the ledger. Twice is harmless.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from digest.dispatch.inline import Inline
from digest.dispatch.left import Left
from digest.model import Batch

__all__ = ["Dispatcher", "Inline", "Left", "SendBatch"]

SendBatch = Callable[[str | None, int], Awaitable[bool]]  # whether to go on with others


class Dispatcher(Protocol):
    """Sees to it that every batch is sent, here or elsewhere."""

    async def dispatch(self, batches: Sequence[Batch], send_batch: SendBatch) -> int:
        """Hands all ``batches`` out; returns how many it left to others, the rest being done."""
