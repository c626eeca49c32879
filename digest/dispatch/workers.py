"""The workers of the queue: procrastinate over PostgreSQL.

    the store writes jobs with the deliveries  ─▶  Crew: fetch ─▶ send_batch ─▶ job deleted
    every two seconds, on one machine: care    ─▶  jobs of dead workers are given up, and what
                                                   they pointed to is handed out again

A job that fails is not retried: what it left to do is found in the ledger, and gets a new one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.job_context import JobContext
from procrastinate.jobs import Status
from procrastinate.schema import SchemaManager
from procrastinate.worker import Worker

from digest.model import DIGESTS, PROMPT, SEND

HEARTBEAT = 2.0  # seconds between a worker's signs of life
STALLED = 6.0  # seconds without one after which its jobs are given to others
CARE = "* * * * * */2"  # every two seconds: they come last
TIDY = "17 * * * *"  # once an hour
KEPT_HOURS = 24  # what failed is shown so long
POLL = 5.0  # seconds: jobs are found in this time where LISTEN is lost (a pooler, a firewall)
PROMPT_LANES = 2  # one for letters, so that care never waits
PAUSES = (1.0, 2.0, 5.0, 10.0)  # seconds before the database is tried again

SendBatch = Callable[[str | None, int], Awaitable[bool]]
Care = Callable[[int], Awaitable[None]]  # told how many jobs a dead worker left

_log = logging.getLogger(__name__)


class Crew:
    """One process of workers.

    Args:
        url: the database, as libpq reads it.
        lanes: batches of editions that are sent at the same time.
        grace: seconds that the windows under way have to finish in.
    """

    def __init__(self, url: str, *, lanes: int, grace: float) -> None:
        self._url, self._lanes, self._grace = url, lanes, grace
        self._told = asyncio.Event()
        self._jobs: set[asyncio.Task[Any]] = set()

    def stop(self) -> None:
        """Takes no more jobs; ``work`` returns when those under way have ended."""
        self._told.set()

    async def work(self, send_batch: SendBatch, care: Care) -> None:
        """Runs jobs until it is stopped, whatever the database does meanwhile."""
        tries = 0
        while not self._told.is_set():
            app = self._app(send_batch, care)
            try:
                if await self._opened(app):
                    tries = 0
                    await self._run(app)
            except Exception as error:  # noqa: BLE001 - said, and tried again
                _log.warning("the queue cannot be reached: %s", error)
            finally:
                with suppress(Exception):
                    await app.close_async()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1

    async def _opened(self, app: App) -> bool:
        """Connects; gives up, with False, when it is told to stop meanwhile."""
        told = asyncio.create_task(self._told.wait())
        opening: asyncio.Future[Any] = asyncio.ensure_future(app.connector.open_async())
        try:
            await asyncio.wait([told, opening], return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                await opening
            return opening.done()
        finally:
            told.cancel()
            opening.cancel()

    async def _run(self, app: App) -> None:
        """Two workers, so that letters never wait behind editions; ends when one of them does."""
        each = {DIGESTS: self._lanes, PROMPT: PROMPT_LANES}
        workers = [_worker(app, name, lanes) for name, lanes in each.items()]
        running = [asyncio.create_task(one.run()) for one in workers]  # type: ignore[no-untyped-call]
        told: asyncio.Future[Any] = asyncio.create_task(self._told.wait())
        await asyncio.sleep(0)  # with its first step a worker forgets that it was stopped
        await asyncio.wait([told, *running], return_when=asyncio.FIRST_COMPLETED)
        for worker in workers:  # stopped, not cancelled: as it registers, its driver may lose that
            worker.stop()  # type: ignore[no-untyped-call]
        ended = asyncio.gather(*running, return_exceptions=True)
        await asyncio.wait([told, ended], return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        await asyncio.wait([ended], timeout=self._grace)
        if not ended.done():
            _log.warning("%s jobs broken off: not done within %s s", len(self._jobs), self._grace)
            for task in (*self._jobs, *running):
                task.cancel()
        for error in await ended:
            if isinstance(error, Exception):
                raise error

    def _app(self, send_batch: SendBatch, care: Care) -> App:
        """The queue with its tasks; nothing is connected yet."""
        app = App(
            connector=_Connector(conninfo=self._url, min_size=1, max_size=4, kwargs=_CONNECTION)
        )

        @app.task(name=SEND)
        async def send(edition: str | None, batch: int) -> None:
            await self._noted(send_batch(edition, batch))

        @app.periodic(cron=CARE)
        @app.task(name="care", queue=PROMPT, queueing_lock="care", priority=2, pass_context=True)
        async def rescue(context: JobContext, timestamp: int) -> None:
            del timestamp
            await self._noted(care(await _give_up_stalled(context)))

        @app.periodic(cron=TIDY)
        @app.task(name="tidy", queue=PROMPT, queueing_lock="tidy", pass_context=True)
        async def tidy(context: JobContext, timestamp: int) -> None:
            del timestamp
            await context.app.job_manager.delete_old_jobs(
                nb_hours=KEPT_HOURS, include_failed=True, include_aborted=True
            )

        return app

    async def _noted(self, work: Awaitable[object]) -> None:
        """Awaits the work of a job, whose task can be broken off meanwhile."""
        job = asyncio.current_task()
        assert job is not None
        self._jobs.add(job)
        try:
            await work
        finally:
            self._jobs.discard(job)


# What a connection of the queue is opened with: see KEEPALIVES in the store.
_CONNECTION = {"connect_timeout": 10, "keepalives_idle": 10, "tcp_user_timeout": 25_000}


class _Connector(PsycopgConnector):
    """Outlives the loss of its listening connection: jobs are found by looking meanwhile."""

    async def listen_notify(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as inherited
        task = asyncio.current_task()
        # The driver may answer a cancellation with an error of its own: it must not be lost here.
        while task is not None and not task.cancelling():
            with suppress(ConnectorException):
                await super().listen_notify(*args, **kwargs)
            await asyncio.sleep(POLL)


def _worker(app: App, queue: str, lanes: int) -> Worker:
    return Worker(
        app,
        queues=[queue],
        concurrency=lanes,
        name=queue,
        delete_jobs="successful",
        install_signal_handlers=False,
        fetch_job_polling_interval=POLL,
        update_heartbeat_interval=HEARTBEAT,
        stalled_worker_timeout=10 * STALLED,
    )


async def _give_up_stalled(context: JobContext) -> int:
    """Ends the jobs of workers that are not heard of any more; returns how many there were."""
    manager = context.app.job_manager
    stalled = list(await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED))
    for job in stalled:
        with suppress(ConnectorException):  # it ended after all
            await manager.finish_job(job, Status.FAILED, delete_job=False)
    await manager.prune_stalled_workers(10 * STALLED)
    return len(stalled)


def scripts() -> list[tuple[str, str]]:
    """The queue's schema: the whole of it, then its steps in their order; (name, SQL) each.

    The whole one has the name of the last step.
    """
    folder = Path(SchemaManager.get_migrations_path())
    steps = [(file.stem, file.read_text("utf-8")) for file in sorted(folder.glob("*.sql"))]
    return [(steps[-1][0], SchemaManager.get_schema()), *steps]
