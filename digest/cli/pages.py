"""The pages, served; with the clock beside them, or alone. Nobody else loads a web server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from digest.app import App
from digest.cli.serving import log
from digest.scheduler import Scheduler
from digest.web import create


def with_clock(app: App, host: str, port: int, config: Path | None) -> None:
    """Pages, scheduler and delivery in one process."""

    @asynccontextmanager
    async def ticking(_: FastAPI) -> AsyncIterator[None]:
        scheduler = Scheduler(app, config)
        async with app.intake.listening_if_wanted():
            scheduler.start()
            yield
            await scheduler.stop()
        await app.close()

    listen(app, create(app, lifespan=ticking), host, port)


def alone(app: App, host: str, port: int) -> None:
    """Only the pages."""

    @asynccontextmanager
    async def closing(_: FastAPI) -> AsyncIterator[None]:
        yield
        app.stop()
        await app.close()

    listen(app, create(app, lifespan=closing), host, port)


def listen(app: App, pages: FastAPI, host: str, port: int) -> None:
    """Serves until SIGTERM or Ctrl-C. Tokens are in addresses: no access log is written."""
    _ = app.store  # a database that cannot be used is said before anything is served
    log()
    # Of X-Forwarded-For only what these machines wrote is believed, so limits cannot be evaded.
    proxies = list(app.settings.trusted_proxies)
    uvicorn.run(
        pages,
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        timeout_graceful_shutdown=30,
        server_header=False,
    )
