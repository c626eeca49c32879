"""The long-running processes: everything in one (``serve``), or each door by itself."""

import asyncio
import logging
import signal
from pathlib import Path
from typing import Annotated

import typer

from digest import loop
from digest.app import App
from digest.cli.options import Config, application

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.")]


def serve(config: Config = None, host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Web pages, scheduler and delivery in one process: all that a small installation needs.

    With `delivery.dispatch = "queue"` it delivers nothing itself: `digest worker` does.
    """
    from digest.cli import pages  # noqa: PLC0415 - a worker needs no web server

    app = application(config)
    _ = app.daily, app.delivery  # what is missing is said before anything starts
    pages.with_clock(app, host, port, config)


def web(config: Config = None, host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Only the web pages; letters are posted from here, digests by `digest scheduler`."""
    from digest.cli import pages  # noqa: PLC0415 - as above

    pages.alone(application(config), host, port)


def scheduler(config: Config = None) -> None:
    """Only the scheduler: collects, cuts editions, and delivers or leaves that to workers."""
    app = application(config)
    _ = app.daily, app.delivery  # what is missing is said before anything starts
    log()
    loop.run(_tick_until_told(app, config))


def worker(
    config: Config = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="Batches at a time (default: smtp.connections)."),
    ] = None,
) -> None:
    """Send what the queue holds; run as many as you like, on any machines."""
    app = application(config, lanes=concurrency)
    _ = app.crew, app.delivery  # what is missing is said before anything starts
    log()
    loop.run(_work_until_told(app))


async def _work_until_told(app: App) -> None:
    """SIGTERM or Ctrl-C finishes the windows under way; a second one ends at once."""
    work = asyncio.create_task(app.work())
    told = asyncio.create_task(until_told())
    await asyncio.wait([work, told], return_when=asyncio.FIRST_COMPLETED)
    app.stop()
    told.cancel()
    try:
        await work
    finally:
        await app.close()


LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


async def _tick_until_told(app: App, config: Path | None) -> None:
    from digest.scheduler import Scheduler  # noqa: PLC0415 - a worker needs no clock

    ticking = Scheduler(app, config)
    ticking.start()
    await until_told()
    await ticking.stop()
    await app.close()


def log() -> None:
    """What happened goes to stderr, a line each; every tick of the clock would be too much."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    for chatty in ("apscheduler", "procrastinate"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


async def until_told() -> None:
    """Waits for SIGTERM or Ctrl-C. The next one ends the process at once."""
    told, here = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        here.add_signal_handler(name, told.set)
    await told.wait()
    for name in (signal.SIGTERM, signal.SIGINT):
        here.remove_signal_handler(name)
        signal.signal(name, signal.SIG_DFL)
