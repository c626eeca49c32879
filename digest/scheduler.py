"""The clock door: one small job that asks the database what is due, and one that posts letters.

A third one, where it is wanted, lets the ranking learn at night.

It keeps nothing in memory: what is due is computed from the ledger at every tick, so a restart
forgets nothing, a machine that slept catches up once, and two schedulers change nothing (the
database's keys see to that; a job store would be no lock).
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from digest.app import App, system_clock
from digest.errors import DigestError
from digest.nightly import Nightly

LEARN_SECONDS = 600  # between two looks whether it is night
LETTERS_SECONDS = 10  # who signs up waits for the letter

Work = Callable[[], Coroutine[Any, Any, object]]

_log = logging.getLogger(__name__)


class Scheduler:
    """Ticks within the running event loop until it is stopped."""

    def __init__(self, app: App, config: Path | None = None) -> None:
        """``config`` is the settings file, if one was named: the night's process reads it, too."""
        self._app = app
        self._nightly = Nightly(app.settings, config)
        self._under_way: set[asyncio.Task[None]] = set()
        # The default grace of one second drops a late tick silently. Ours may be late by anything:
        # it runs, and once is enough, since it asks the database what is due.
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._scheduler = AsyncIOScheduler(timezone="UTC", job_defaults=defaults)

    def start(self) -> None:
        """Begins to tick, at once.

        Raises:
            ConfigError, StoreError: what every tick would say.
        """
        _ = self._app.daily, self._app.delivery  # from here on stop() finds what to stop
        every = self._app.settings.schedule.tick_seconds
        letters = min(every, LETTERS_SECONDS)
        now = system_clock()  # APScheduler's own; the app's may show another day
        jobs = [(self._app.tick, every), (self._app.post_letters, letters)]
        if self._nightly.wanted:
            jobs.append((self.learn, LEARN_SECONDS))
        for work, seconds in jobs:
            self._scheduler.add_job(
                self._do, "interval", (work,), seconds=seconds, next_run_time=now
            )
        self._scheduler.start()

    async def stop(self) -> None:
        """Ends the clock and lets the mails under way finish."""
        self._app.stop()
        self._nightly.stop()
        self._scheduler.pause()
        while self._under_way:
            await asyncio.wait(self._under_way)
            await asyncio.sleep(0)  # lets APScheduler hear of it, or it would report it cancelled
        self._scheduler.shutdown()

    async def learn(self) -> str:
        """Learns if it is time for that; from then on editions are ranked by what came of it."""
        said = await self._nightly.learn(self._app.clock())
        if said:
            self._app.learned()
        return said

    async def _do(self, work: Work) -> None:
        """Runs one job as a task of its own: APScheduler cancels what runs when it shuts down."""
        task = asyncio.create_task(self._said(work))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        await asyncio.shield(task)

    async def _said(self, work: Work) -> None:
        """A failure is said and left to the next tick; the clock goes on."""
        try:
            report = await work()
        except DigestError as error:
            _log.error("job=%s failed: %s", work.__name__, error)
        except Exception:  # noqa: BLE001 - a mistake of ours must not stop the clock
            _log.exception("job=%s failed", work.__name__)
        else:
            if said := str(report):
                _log.info("job=%s %s", work.__name__, said)
