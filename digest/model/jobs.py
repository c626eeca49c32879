"""Jobs: what waits in the queue of batches, as the store writes it and the workers read it.

A job is only a pointer, (edition, batch); the truth is the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

Batch = tuple[str | None, int]  # (edition, number); letters have no edition

SEND = "send"  # the task; its arguments are the edition and the batch
DIGESTS = "digests"  # the queue of editions' batches
PROMPT = "prompt"  # the queue of what must not wait behind an edition: letters, care


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCount:
    """The jobs of one edition (None: letters), by how they stand.

    Attributes:
        edition_id: whose batches.
        waiting: nobody has taken them yet.
        doing: a worker has taken them.
        failed: given up within the last day; what they left is handed out again.
        oldest: when the oldest waiting one was queued.
    """

    edition_id: str | None
    waiting: int
    doing: int
    failed: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSign:
    """A worker's queue: its number, when it was last heard of, how many jobs it has."""

    id: int
    heard_at: datetime
    doing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """What the operator sees of the queue."""

    jobs: Sequence[JobCount]
    workers: Sequence[WorkerSign]
