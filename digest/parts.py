"""What app builds the installation from: settings become values and objects.

Nothing here reads the clock, and nothing is connected yet.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

from digest.daily import Plan
from digest.delivery import Terms
from digest.errors import ConfigError
from digest.render import Look
from digest.retry import Policy
from digest.settings import Settings, resource
from digest.settings.formula import formula
from digest.store import Script, Store

if TYPE_CHECKING:
    from digest.dispatch.workers import Crew


def is_queued(settings: Settings) -> bool:
    """Whether deliveries are left to workers."""
    return settings.delivery.dispatch == "queue"


def store(settings: Settings) -> Store:
    """The store, whatever its version.

    Raises:
        ConfigError: no database, or one that workers cannot share.
    """
    made = Store(
        settings.database_url.get_secret_value(),
        is_queued=is_queued(settings),
        state_dir=settings.state_dir,
    )
    if is_queued(settings) and made.is_sqlite:
        raise ConfigError(
            'delivery.dispatch is "queue", which needs PostgreSQL, and database_url is SQLite:'
            " set DIGEST_DATABASE_URL=postgresql://…, or DIGEST_DELIVERY__DISPATCH=inline"
        )
    return made


def queue_scripts() -> list[Script]:
    """The schema of the queue's tables, for the store."""
    from digest.dispatch import workers  # noqa: PLC0415 - only the queue needs its library

    return [Script(*one) for one in workers.scripts()]


def crew(settings: Settings, store: Store) -> "Crew":
    """The workers of one process.

    Raises:
        ConfigError: nothing is left to workers.
    """
    from digest.dispatch.workers import Crew  # noqa: PLC0415 - as above

    if not is_queued(settings):
        raise ConfigError(
            'delivery.dispatch is "inline": nothing is left to workers'
            " (DIGEST_DELIVERY__DISPATCH=queue, on every machine)"
        )
    lanes, grace = settings.smtp.connections, settings.delivery.grace_seconds
    return Crew(store.libpq_url, lanes=lanes, grace=grace)


def plan(settings: Settings) -> Plan:
    """What the operator decided about editions."""
    ranking, schedule = settings.ranking, settings.schedule
    return Plan(
        formula=formula(ranking, resource("config")),
        sections=settings.mail_sections(),
        window=timedelta(days=ranking.window_days),
        pool=ranking.pool,
        zone=schedule.zone,
        cut_hours=schedule.cut_hours,
        catch_up=timedelta(hours=schedule.catch_up_hours),
        quiet_days=schedule.quiet_days,
        batch=settings.delivery.batch,
        every=timedelta(minutes=schedule.collect_minutes),
        lead=timedelta(minutes=schedule.fresh_minutes),
        history=timedelta(days=ranking.history_days),
        # The link works so long; its letter may be on its way for a day.
        unconfirmed_kept=timedelta(days=settings.signup.confirm_days + 2),
    )


def terms(settings: Settings) -> Terms:
    """What the operator decided about sending."""
    options = settings.delivery
    return Terms(
        window=options.window,
        lanes=settings.smtp.connections,
        policy=Policy(
            first=timedelta(seconds=options.first_retry_seconds),
            deadline=timedelta(hours=options.deadline_hours),
        ),
        # Twice the window of candidates: a paper cannot come back after that.
        horizon=2 * timedelta(days=settings.ranking.window_days),
        sections=settings.mail_sections(),
    )


def require_sender(settings: Settings) -> None:
    """Raises ConfigError unless mail may go out: a sender, a postal address, a relay."""
    sender = settings.sender
    for name, value in (("address", sender.address), ("postal_address", sender.postal_address)):
        if not value:
            raise ConfigError(
                f"sender.{name} is not set: no mail may go out without it"
                f" (DIGEST_SENDER__{name.upper()})"
            )
    if not settings.smtp.host:
        raise ConfigError("smtp.host is not set (DIGEST_SMTP__HOST)")


def look(settings: Settings) -> Look:
    """What the operator says of themselves, and how it looks."""
    site, sender, brand = settings.site, settings.sender, settings.brand
    return Look(
        site_name=site.name,
        tagline=site.tagline,
        base_url=settings.base_url,
        postal_address=sender.postal_address,
        sender_name=sender.name or site.name,
        logo=brand.logo,
        light=brand.light,
        dark=brand.dark,
        text_font=brand.text_font,
        title_font=brand.title_font,
    )
