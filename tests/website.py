"""A whole installation on a SQLite file, for tests of the web door: clock, readers, pages."""

import asyncio
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import uvicorn
from make import NOON, edition
from starlette.testclient import TestClient

from digest import links
from digest.app import App
from digest.inbox import CatchAll
from digest.model import Preferences, Subscriber, SubscriberState
from digest.settings import load
from digest.web import create

BASE = "https://digest.example.org"
KEY = "an invented key that signs nothing outside of the tests"
HERE = ("192.0.2.7", 4711)  # where the client comes from
SENDER = {
    "address": "digest@digest.example.org",
    "name": "Institute of Careful Reading",
    "reply_to": "hello@digest.example.org",
    "postal_address": "12 Linden Road, 10115 Berlin, Germany",
}
SCOPES = (
    links.CONFIRM,
    links.CHANGE,
    links.UNDO,
    links.PREFERENCES,
    links.UNSUBSCRIBE,
    links.EDITION,
)


@dataclass
class Clock:
    """A clock that is set."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class Website:
    """An installation: ``client`` is a browser in front of it, ``file`` its database."""

    app: App
    clock: Clock
    client: TestClient
    file: Path

    def reader(self, email: str, state: str = "active", **chosen) -> Subscriber:
        """A reader in that state; ``suppressed`` is an active one we must not write to."""
        wish = Preferences(**chosen)
        confirmed = state != SubscriberState.PENDING
        self.app.subscriptions.add([(email, wish)], self.clock(), confirmed=confirmed)
        if state == SubscriberState.LEFT:
            self.app.subscriptions.remove([email], self.clock())
        if state == "suppressed":
            mark = self.app.subscriptions.fingerprint(email)
            self.app.store.roster.suppress(mark, "complaint", self.clock())
        return self.find(email)

    def find(self, email: str) -> Subscriber | None:
        """The reader of that address."""
        return self.app.store.roster.find(fingerprint=self.app.subscriptions.fingerprint(email))

    def token(self, scope: str, reader: Subscriber, new: str = "", days: float = 0) -> str:
        """A good token of that scope, good for ``days`` (0: for ever); ``new`` is an address."""
        expires = self.clock() + timedelta(days=days) if days else None
        subject = {
            links.EDITION: (edition().id, reader.key),
            links.CHANGE: (reader.key, self.app.subscriptions.fingerprint(new)),
        }
        return self.app.signer.token(scope, *subject.get(scope, (reader.key,)), expires=expires)

    def preferences_of(self, reader: Subscriber) -> str:
        """The address of a reader's preferences."""
        return f"/preferences/{self.token(links.PREFERENCES, reader)}"

    def letters(self) -> list[tuple[str, str]]:
        """What was ever queued: (kind, address), oldest first."""
        entries = self.app.store.ledger.entries()
        return [(entry.kind.value, entry.email) for entry in reversed(entries)]

    def dump(self) -> str:
        """All tables with all their rows, as SQL."""
        connection = sqlite3.connect(self.file)
        try:
            return "\n".join(connection.iterdump())
        finally:
            connection.close()

    def do(self, work):
        """Runs a coroutine function of the application in the event loop of its pages."""
        return self.client.portal.call(work)


def fresh_app(url: str, clock: Clock, transport=None, **over) -> App:
    """An application as configured by the bundled file, but for ``over``."""
    usual = {"base_url": BASE, "secret_key": KEY, "sender": SENDER}
    settings = load(environ={}, database_url=url, **usual | over)
    return App(settings, clock=clock, transport=transport)


@contextmanager
def website(folder: Path, *, inbox=None, transport=None, **over) -> Iterator[Website]:
    """Starts an installation whose files are in ``folder``; ``over`` are settings."""
    clock = Clock()
    app = fresh_app(f"sqlite:///{folder}/digest.db", clock, transport, **over)
    _ = app.store  # there are tables before there is a request

    @asynccontextmanager
    async def closing(_):
        yield
        await app.close()

    pages = create(app, inbox=inbox, lifespan=closing)
    with TestClient(pages, base_url=BASE, client=HERE, follow_redirects=False) as client:
        yield Website(app=app, clock=clock, client=client, file=folder / "digest.db")


def received(*mails):
    """An inbox that has taken those mails."""

    async def take():
        inbox = CatchAll(lambda: NOON)
        for data in mails:
            envelope = EnvelopeOf(data)
            assert (await inbox.handle_DATA(None, None, envelope)).startswith("250")
        return inbox

    return asyncio.run(take())


class EnvelopeOf:
    """What aiosmtpd hands over."""

    def __init__(self, content):
        self.content, self.rcpt_tos = content, ["a@example.org"]


def mail(html="<html><head></head><body>Hello</body></html>", subject="Hello"):
    made = EmailMessage()
    made["Subject"], made["From"] = subject, "Digest <digest@example.org>"
    made.set_content("plain words")
    made.add_alternative(html, subtype="html")
    made.set_boundary("b7")
    return made.as_bytes()


@contextmanager
def served(pages):
    """Serves the pages on loopback, in a thread; the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(pages, access_log=False, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
