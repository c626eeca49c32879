"""The demonstration: the whole service on this machine alone, from the sources to an inbox.

Everything is real but the outside: pages over HTTP, a subscription through the form, mail over
SMTP to a built-in inbox. Without a network the sources answer from a bundled, invented sample.
"""

import asyncio
import contextlib
import re
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import uvicorn
from fastapi import FastAPI

from digest.app import App, Clock, DayReport, clock_from
from digest.errors import DigestError
from digest.inbox import CatchAll
from digest.model import DeliveryState
from digest.scheduler import Scheduler
from digest.settings import Settings, Sources, load
from digest.web import create

if TYPE_CHECKING:
    import httpx2

READER = "reader@demo.example"
PATIENCE = 20.0  # seconds to wait for a mail that was just sent
YESTERDAY = 24  # hours ago
EARLIER = (74, 50, YESTERDAY, 4, 2)  # the looks that a service at work would have had
REACH = 2.0  # seconds to find out whether there is a network


class DemoError(DigestError):
    """Something that the demonstration waits for did not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What there is to look at: the day's report, the subject of the mail, the address."""

    report: DayReport
    subject: str
    url: str
    is_sample: bool


class Demo:
    """One demonstration.

    Args:
        folder: where the database goes; a temporary folder for None.
        save_mail: a folder that gets every mail as an .eml file.
        port: where the pages are served; another one if it is taken.
        start: the instant to begin at; now for None.
        sample: use the sample even where there is a network.
    """

    def __init__(
        self,
        *,
        folder: Path | None = None,
        save_mail: Path | None = None,
        port: int = 8000,
        start: datetime | None = None,
        sample: bool = False,
    ) -> None:
        self._folder = folder
        self._port = port
        self._clock: Clock = clock_from(start)
        self._inbox = CatchAll(self._clock, save_mail)
        self._sample = sample
        self._shown: datetime | None = None  # an instant of the sample other than now

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Seen]:
        """Shows everything once and keeps serving until the block ends.

        Raises:
            DemoError: a mail did not arrive.
        """
        async with contextlib.AsyncExitStack() as stack:
            kept = self._folder or stack.enter_context(
                tempfile.TemporaryDirectory(prefix="digest-demo-", ignore_cleanup_errors=True)
            )
            smtp_port = await stack.enter_async_context(self._inbox.listening())
            pages = stack.enter_context(_listening(self._port))
            url = f"http://127.0.0.1:{pages.getsockname()[1]}"
            settings = _settings(Path(kept), smtp_port, url)
            is_sample = self._sample or not await asyncio.to_thread(_is_reachable, settings)
            app = App(
                _at_usual_addresses(settings) if is_sample else settings,
                clock=self._clock,
                transport=self._sources_from(is_sample=is_sample),
            )
            stack.push_async_callback(app.close)
            await stack.enter_async_context(_serving(create(app, inbox=self._inbox), pages))
            if is_sample:
                await self._earlier_days(app)
            await self._join(url)
            report = await app.run()
            subject = await self._digest(report)
            scheduler = Scheduler(app)
            scheduler.start()
            stack.push_async_callback(scheduler.stop)
            yield Seen(report=report, subject=subject, url=url, is_sample=is_sample)

    def _sources_from(self, *, is_sample: bool) -> "httpx2.AsyncBaseTransport | None":
        if not is_sample:
            return None
        from digest.sources.sample import SampleTransport  # noqa: PLC0415 - needed only here

        return SampleTransport(lambda: self._shown or self._clock(), self._clock)

    async def _earlier_days(self, app: App) -> None:
        """Looks at the sample as it was, so that votes have a history, and today a yesterday."""
        now = self._clock()
        for hours in EARLIER:
            self._shown = now - timedelta(hours=hours)
            await app.daily.collect(self._shown)
            if hours == YESTERDAY:
                await asyncio.to_thread(app.daily.edition, self._shown)
        self._shown = None

    async def _join(self, url: str) -> None:
        """Subscribes through the form and confirms with the link in the mail."""
        # Midnight UTC is past at any hour, so the reader is due at once.
        form = {"email": READER, "hour": "0", "zone": "UTC", "website": ""}
        await asyncio.to_thread(_post, f"{url}/subscribe", form)
        if not await self._inbox.wait_for(1, PATIENCE):
            raise DemoError("the confirmation mail did not arrive")
        link = re.search(rf"{url}/confirm/\S+", self._inbox.received()[0].text)
        if link is None:
            raise DemoError("the confirmation mail has no link")
        await asyncio.to_thread(_post, link[0], {})
        if not await self._inbox.wait_for(2, PATIENCE):
            raise DemoError("the welcome did not arrive")

    async def _digest(self, report: DayReport) -> str:
        """Waits for the digest; returns its subject."""
        if not report.delivered.outcomes.get(DeliveryState.SENT):
            return ""  # nothing to say today: the report tells why
        if not await self._inbox.wait_for(3, PATIENCE):
            raise DemoError("the digest did not arrive")
        return self._inbox.received()[0].subject


def _settings(folder: Path, smtp_port: int, url: str) -> Settings:
    """The user's settings, but for what must stay on this machine."""
    return load(
        database_url=f"sqlite:///{folder / 'demo.db'}",
        base_url=url,
        sender={
            "address": "digest@demo.example",
            "postal_address": "Demonstration, 1 Loopback Lane, Localhost",
        },
        ranking={"learn": False},
        smtp={"host": "127.0.0.1", "port": smtp_port, "tls": "none", "username": ""},
    )


def _at_usual_addresses(settings: Settings) -> Settings:
    """With the sources where the sample answers for them, wherever the user's own are."""
    usual = dict(Sources())
    parts: dict[str, object] = {
        name: part.model_copy(update={"base_url": usual[name].base_url})
        for name, part in settings.sources
        if name != "feeds"
    }
    parts["feeds"] = {}  # nothing answers for those
    return settings.model_copy(update={"sources": settings.sources.model_copy(update=parts)})


def _is_reachable(settings: Settings) -> bool:
    """Whether any enabled source's host can be connected to."""
    parts = dict(settings.sources)
    feeds = [urlsplit(feed.url) for feed in parts.pop("feeds").values()]
    for address in [urlsplit(one.base_url) for one in parts.values() if one.enabled] + feeds:
        port = address.port or (443 if address.scheme == "https" else 80)
        with contextlib.suppress(OSError):
            socket.create_connection((address.hostname, port), timeout=REACH).close()
            return True
    return False


def _post(url: str, fields: dict[str, str]) -> None:
    """What a browser sends. Only ever our own server, on loopback."""
    request = Request(url, data=urlencode(fields).encode(), method="POST")  # noqa: S310 - our own server
    with urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - as above
        answer.read()


@contextlib.contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """A listening socket on ``port``, or on a free one where that is taken."""
    with contextlib.ExitStack() as stack:
        for choice in (port, 0):
            listener = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                listener.bind(("127.0.0.1", choice))
                break
        yield listener


@contextlib.asynccontextmanager
async def _serving(pages: FastAPI, listener: socket.socket) -> AsyncIterator[None]:
    """Serves ``pages`` beside the block; Ctrl-C ends the block, as it would without a server."""
    config = uvicorn.Config(pages, access_log=False, log_level="warning", server_header=False)
    server = _Beside(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await server.ready.wait()
    try:
        yield
    finally:
        server.should_exit = True
        await task


class _Beside(uvicorn.Server):
    """A server beside other work: it says when it listens, and leaves the signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
