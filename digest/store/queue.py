"""The queue's tables on PostgreSQL: jobs are written in the transaction of what they point to.

The tables and functions are procrastinate's; ``dispatch.queue`` hands their definition over and
runs the jobs. A batch has at most one waiting job: whoever writes one holds a lock until the
commit, looks first, and so never meets the unique index that would undo the whole transaction.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection, select, text

from digest.errors import StoreError
from digest.model import (
    DIGESTS,
    PROMPT,
    SEND,
    Batch,
    JobCount,
    QueueView,
    WorkerSign,
)
from digest.store.database import Database
from digest.store.tables import BATCH


class Script(NamedTuple):
    """A step of the queue's own schema: its name, by which steps are ordered, and its SQL."""

    name: str
    sql: str


_LOCK = text("SELECT pg_advisory_xact_lock(7463002)")
_DEFER = text(
    """
    SELECT cardinality(procrastinate_defer_jobs_v1(array_agg(
        ROW(queue, :task, :priority, NULL, lock, args, NULL)::procrastinate_job_to_defer_v1
        ORDER BY place)))
    FROM (
        SELECT place, jsonb_build_object('edition', edition, 'batch', batch) AS args,
               CASE WHEN edition IS NULL THEN :prompt ELSE :digests END AS queue,
               concat('batch ', edition, ' ', batch) AS lock
        FROM unnest(CAST(:editions AS text[]), CAST(:batches AS int[]))
             WITH ORDINALITY AS one (edition, batch, place)
    ) AS wanted
    WHERE NOT EXISTS (
        SELECT FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = wanted.lock)
    """
)
_COUNTS = text(
    """
    SELECT args ->> 'edition' AS edition_id,
           count(*) FILTER (WHERE status = 'todo') AS waiting,
           count(*) FILTER (WHERE status = 'doing') AS doing,
           count(*) FILTER (WHERE status IN ('failed', 'aborted')) AS failed,
           min(queued_at) FILTER (WHERE status = 'todo') AS oldest
    FROM procrastinate_jobs AS job
    LEFT JOIN LATERAL (
        SELECT min(at) AS queued_at FROM procrastinate_events WHERE job_id = job.id
    ) AS event ON true
    WHERE task_name = :task GROUP BY 1 ORDER BY min(job.id)
    """
)
_WORKERS = text(
    """
    SELECT worker.id, last_heartbeat AS heard_at, count(job.id) AS doing
    FROM procrastinate_workers AS worker
    LEFT JOIN procrastinate_jobs AS job ON job.worker_id = worker.id AND status = 'doing'
    GROUP BY worker.id ORDER BY worker.id
    """
)
_UPGRADES = text("SELECT pg_advisory_xact_lock(7463003)")
_MARK = text("SELECT format('COMMENT ON TABLE procrastinate_jobs IS %L', CAST(:name AS text))")
_VERSION = text("SELECT obj_description(to_regclass('procrastinate_jobs'), 'pg_class')")


def defer(
    database: Database, connection: Connection, batches: Sequence[Batch], *, urgent: bool = False
) -> int:
    """Writes a job for each batch that has none waiting; returns how many.

    Does nothing where deliveries are sent inline.
    """
    if not database.is_queued or not batches:
        return 0
    connection.execute(_LOCK)
    editions, numbers = zip(*batches, strict=True)
    given = {"editions": list(editions), "batches": list(numbers)}
    names = {"task": SEND, "prompt": PROMPT, "digests": DIGESTS, "priority": int(urgent)}
    return connection.execute(_DEFER, given | names).scalar_one() or 0


def defer_edition(database: Database, connection: Connection, edition_id: str) -> None:
    """Writes the jobs of an edition that is being queued, once its batches are open."""
    if database.is_queued:
        open_ones = select(BATCH.c.number).where(BATCH.c.edition_id == edition_id)
        numbers = open_ones.order_by(BATCH.c.number)
        there = connection.execute(numbers).scalars()
        defer(database, connection, [(edition_id, number) for number in there])


class Queue:
    """The jobs, seen from the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def defer(self, batches: Sequence[Batch], *, urgent: bool = False) -> int:
        """Writes a job for each batch that has none waiting; returns how many.

        Those that are ``urgent`` come before the others.
        """
        with self._database.begin() as connection:
            return defer(self._database, connection, batches, urgent=urgent)

    def view(self) -> QueueView:
        """Jobs by edition, the oldest first, and workers by their number."""
        with self._database.read() as connection:
            jobs = connection.execute(_COUNTS, {"task": SEND}).mappings()
            workers = connection.execute(_WORKERS).mappings()
            return QueueView(
                jobs=[JobCount(**row) for row in jobs],
                workers=[WorkerSign(**row) for row in workers],
            )

    def upgrade(self, scripts: Sequence[Script]) -> None:
        """Makes the queue's tables, or brings them to the version of the library.

        Args:
            scripts: the whole schema first, under the name of the last step that it contains;
                then the steps, each of which is run once, in a transaction of its own.
        """
        whole, *steps = scripts
        self._run(whole, after=lambda found: found is None)
        for step in steps:
            self._run(step, after=partial(_is_before, step))

    def check(self, scripts: Sequence[Script]) -> None:
        """Raises StoreError unless the queue's tables are of the library's version."""
        with self._database.read() as connection:
            found, wanted = self._version(connection), scripts[0].name
        if found != wanted:
            state = f"is at {found}" if found else "is not there"
            raise StoreError(
                f"{self._database}: the queue {state}, this program needs {wanted}:"
                " run `digest db upgrade`"
            )

    def _run(self, script: Script, after: Callable[[str | None], bool]) -> None:
        """Runs a step if it comes after the one that was run last."""
        with self._database.begin() as connection:
            connection.execute(_UPGRADES)
            if not after(self._version(connection)):
                return
            # Several statements in one text: only a query without parameters may be that.
            connection.exec_driver_sql(script.sql, execution_options={"no_parameters": True})
            # The version goes wherever the tables go, a dump included.
            marked = connection.execute(_MARK, {"name": script.name}).scalar_one()
            connection.exec_driver_sql(marked)

    def _version(self, connection: Connection) -> str | None:
        """The name of the step that was run last; None where there are no tables."""
        found: str | None = connection.execute(_VERSION).scalar_one()
        return found


def _is_before(step: Script, found: str | None) -> bool:
    return found is not None and found < step.name
