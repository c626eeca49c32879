"""The application: builds everything from the settings, and is the only place that reads the clock.

Doors ask it for what they need; nothing is built at import, and nothing twice.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from digest import __version__, compose, parts, timetable
from digest.daily import Daily, Queued
from digest.delivery import Delivered, Delivery, Progress
from digest.dispatch import Dispatcher, Inline, Left
from digest.errors import ConfigError
from digest.intake import Intake, bounce_box, dkim_signer, unsubscribe_box
from digest.links import Signer
from digest.mailer import Mailer
from digest.mailer.smtp import SmtpMailer
from digest.model import Preferences, SourceReport
from digest.opinions import Opinions
from digest.render import Renderer
from digest.settings import Settings, resource
from digest.settings.secret import kept_secret
from digest.shift import Shift
from digest.sources import Annotator, Source, build
from digest.store import Store
from digest.subscriptions import Limits, Subscriptions
from digest.writer import Letterhead, Writer

if TYPE_CHECKING:
    import httpx2

    from digest.dispatch.workers import Crew

Clock = Callable[[], datetime]

SETTLE = 3.0  # seconds: after a restart of PostgreSQL living workers have their locks again by then


def system_clock() -> datetime:
    """The present instant, aware, UTC."""
    return datetime.now(UTC)


def clock_from(start: datetime | None) -> Clock:
    """A clock that shows ``start`` now and goes on from there; the system's without ``start``."""
    if start is None:
        return system_clock
    began = time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - began)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReport:
    """What one run did, for people: sources, edition, queue, deliveries, and what took how long."""

    now: datetime
    sources: tuple[SourceReport, ...]
    queued: Queued
    delivered: Delivered
    ledger: Mapping[str, int]  # all deliveries by state, where that was asked for
    seconds: dict[str, float]

    def __str__(self) -> str:
        """For the log: ``arxiv=fresh/12 queued=3 sent=3``; empty where nothing happened."""
        looks = [f"{look.source}={look.state}/{look.new}" for look in self.sources]
        queued = [f"queued={self.queued.readers}"] if self.queued.readers else []
        return " ".join([*looks, *queued, str(self.delivered)]).strip()


class App:
    """One installation. Parts are built when they are first asked for.

    Args:
        settings: everything that can be chosen.
        clock: gives the present instant.
        transport: carries our requests instead of the network (the sample, tests).
        mailer: takes the mails instead of the relay (the bench).
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock = system_clock,
        transport: "httpx2.AsyncBaseTransport | None" = None,
        mailer: Mailer | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._transport = transport
        self._mailer = mailer
        compose.check_sections(settings.mail_sections())

    # ── Parts ────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def store(self) -> Store:
        """The database, open and of this version; a SQLite file is brought to it."""
        store = parts.store(self.settings)
        try:
            if store.is_sqlite:
                store.upgrade()
            else:
                store.check(parts.queue_scripts() if self.is_queued else ())
        except BaseException:
            store.close()  # asked for again, it is opened anew
            raise
        return store

    @cached_property
    def signer(self) -> Signer:
        """Signs links with the secret key."""
        return Signer(self._secret())

    @cached_property
    def renderer(self) -> Renderer:
        """The templates, with what the operator says of themselves."""
        return Renderer(parts.look(self.settings), resource("templates"))

    @cached_property
    def sources(self) -> tuple[Source | Annotator, ...]:
        """The enabled sources; every weight must belong to a signal that one of them emits."""
        agent = f"{__package__}/{__version__} (+{self.settings.base_url})"
        sources = build(self.settings.sources, agent=agent, transport=self._transport)
        emitted = {name for source in sources for name in source.emits}
        for name in self.settings.ranking.weights:
            if name not in emitted:
                raise ConfigError(
                    f"ranking.weights.{name}: no enabled source emits the signal {name!r}"
                    f" (emitted: {', '.join(sorted(emitted)) or 'none'})"
                )
        return sources

    @cached_property
    def opinions(self) -> Opinions:
        """What readers say of papers."""
        return Opinions(self.store, self.signer)

    @cached_property
    def subscriptions(self) -> Subscriptions:
        """The readers' own affairs."""
        limits = Limits(
            per_address=self.settings.signup.per_address_per_day,
            per_network=self.settings.signup.per_network_per_hour,
        )
        return Subscriptions(self.store, self.signer, limits, self.renderer.consent())

    @cached_property
    def daily(self) -> Daily:
        """Editions, from the sources to the queue."""
        return Daily(self.store, self.sources, parts.plan(self.settings))

    @cached_property
    def intake(self) -> Intake:
        """What comes back: bounces, complaints, mailed unsubscribes."""
        made_of = self.settings, self.store, self.signer
        return Intake(*made_of, clock=self.clock, transport=self._transport)

    def require_sender(self) -> None:
        """Raises ConfigError unless mail may go out: a sender, a postal address, a relay."""
        parts.require_sender(self.settings)

    @cached_property
    def writer(self) -> Writer:
        """Writes mails."""
        sender = self.settings.sender
        head = Letterhead(
            name=sender.name or self.settings.site.name,
            address=sender.address,
            reply_to=sender.reply_to,
            site=self.settings.site.name,
            base_url=self.settings.base_url,
            confirm_for=timedelta(days=self.settings.signup.confirm_days),
            bounces=bounce_box(self.settings.bounces),
            leaving=unsubscribe_box(self.settings.bounces),
            seal=dkim_signer(self.settings.dkim),
        )
        return Writer(self.renderer, self.signer, head, self.settings.mail_sections())

    @cached_property
    def delivery(self) -> Delivery:
        """Sends what is queued; belongs to the event loop that uses it first."""
        self.require_sender()
        host = urlsplit(self.settings.base_url).hostname or ""
        self._mailer = self._mailer or SmtpMailer(self.settings.smtp, hostname=host)
        dispatcher: Dispatcher = Inline(self.settings.smtp.connections)
        if self.is_queued:
            dispatcher = Left(self.store.queue.defer)
        return Delivery(
            store=self.store,
            mailer=self._mailer,
            writer=self.writer,
            dispatcher=dispatcher,
            terms=parts.terms(self.settings),
            clock=self.clock,
            refused=self.intake.returns.refused,
            settle=0 if self.store.ledger.is_quick else SETTLE,
        )

    @cached_property
    def crew(self) -> "Crew":
        """The workers of this process; belongs to the event loop that uses it."""
        return parts.crew(self.settings, self.store)

    @property
    def is_queued(self) -> bool:
        """Whether deliveries are left to workers."""
        return parts.is_queued(self.settings)

    @property
    def defaults(self) -> Preferences:
        """What a new reader gets until they choose."""
        readers = self.settings.readers
        return Preferences(hour=readers.hour, papers=readers.papers, days=readers.days)

    # ── The day ──────────────────────────────────────────────────────────────────────────────────

    async def run(
        self,
        *,
        collect: bool = True,
        brief: bool = False,
        counted: bool = True,
        progress: Progress = lambda _: None,
    ) -> DayReport:
        """Collects, queues for who is due, delivers: one day's work at the clock's instant."""
        now, seconds, started = self.clock(), dict[str, float](), time.perf_counter()

        def lap(name: str) -> None:
            seconds[name] = time.perf_counter() - started - sum(seconds.values())

        delivery = self.delivery  # a missing sender or relay is said before anything is done
        looks = await self.daily.collect(now, brief=brief) if collect else ()
        lap("collect")
        queued = await asyncio.to_thread(self.daily.queue, now)
        lap("edition")
        delivered = await delivery.run(progress=progress)
        lap("deliver")
        return DayReport(
            now=now,
            sources=looks,
            queued=queued,
            delivered=delivered,
            ledger=await asyncio.to_thread(self.store.ledger.counts) if counted else {},
            seconds=seconds,
        )

    async def tick(self) -> DayReport:
        """What the scheduler does every few seconds: the same, but collecting only when due."""
        wish = await asyncio.to_thread(self.daily.look_due, self.clock())
        brief = wish is timetable.Look.BRIEF
        # A ledger of years is not counted every few seconds for a report that nobody reads.
        return await self.run(collect=wish is not timetable.Look.NONE, brief=brief, counted=False)

    async def post_letters(self) -> Delivered:
        """Sends confirmations and the like at once: who signs up waits in front of their inbox.

        Workers need not be told: a letter comes with its job.
        """
        if self.is_queued:
            return Delivered(outcomes={})
        return await self.delivery.run(letters_only=True)

    async def work(self) -> None:
        """Sends what the queue hands this process, until ``stop``."""
        shift = Shift(self.delivery, self.store, clock=self.clock)
        await shift.work(self.crew)

    def learned(self) -> None:
        """The ranking's model may be another one: it is read again for the next edition."""
        self.__dict__.pop("daily", None)

    def stop(self) -> None:
        """Lets the mails under way finish and takes no more."""
        if "crew" in self.__dict__:
            self.crew.stop()
        if "delivery" in self.__dict__:
            self.delivery.stop()

    async def close(self) -> None:
        """Closes connections to the relay and the database."""
        if self._mailer is not None:
            await self._mailer.close()
        if "store" in self.__dict__:
            self.store.close()

    def _secret(self) -> str:
        """The key of the settings, or one that is kept beside a SQLite database."""
        if given := self.settings.secret_key.get_secret_value():
            return given
        path = self.store.folder and self.store.folder / "secret.key"
        if not path:
            raise ConfigError("secret_key is not set (DIGEST_SECRET_KEY, or …_FILE)")
        return kept_secret(path)
