"""``digest doctor`` and ``digest db``: is everything in place and of this version."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Annotated

import typer

from digest import loop, parts
from digest.app import App
from digest.backtest import learning
from digest.cli import domain, show
from digest.cli.options import Config, application
from digest.cli.records import asker
from digest.errors import ConfigError, DigestError, SourceError
from digest.intake import dkim_signer
from digest.mailer.smtp import SmtpMailer
from digest.model import FetchState
from digest.nightly import Nightly
from digest.settings import load, resource
from digest.settings.formula import origin
from digest.sources import Source, look

database = typer.Typer(help="The database.", no_args_is_help=True)


@database.command()
def upgrade(config: Config = None) -> None:
    """Create the tables or bring them to this version; safe to repeat."""
    with closing(parts.store(load(config))) as store:
        # The queue's tables come along: switching it on is a setting then, and nothing else.
        store.upgrade(() if store.is_sqlite else parts.queue_scripts())
    show.say(f"{store} is at this version.")


def doctor(
    config: Config = None,
    dns: Annotated[
        str,
        typer.Option(help="Ask this DNS server (9.9.9.9, 127.0.0.1@5353), or none; default: ours."),
    ] = "",
) -> None:
    """Check settings, database, relay, sources and DNS, and say what to do about what is wrong."""
    app, ask = application(config), asker(dns)
    rows = [(name, *_try(check)) for name, check in _checks(app)]
    rows += domain.advice(app, ask)
    show.table("Doctor", ("what", "", "result"), rows)
    if any(mark == "✗" for _, mark, _ in rows):
        raise typer.Exit(1)


def _checks(app: App) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "database", lambda: _database(app)
    yield "links", lambda: _links(app)
    yield "sender", lambda: _sender(app)
    yield "relay", lambda: _relay(app)
    if app.settings.dkim.key_file:
        yield "dkim", lambda: _dkim(app)
    yield "ranking", lambda: origin(app.settings.ranking, resource("config"))
    if app.settings.ranking.learn:
        yield "learning", lambda: _learning(app)
    try:
        sources = app.sources
    except ConfigError:
        yield "sources", lambda: str(app.sources)  # says it again, in its line of the table
        return
    for source in sources:
        yield source.name, lambda source=source: _source(app, source)  # type: ignore[misc]


def _try(check: Callable[[], str]) -> tuple[str, str]:
    try:
        return "✓", check()
    except DigestError as error:
        return "✗", str(error)


def _database(app: App) -> str:
    counts = app.store.papers.counts()
    app.store.fence.check()
    return f"{app.store}: {counts['papers']} papers, {counts['signals']} signals"


def _links(app: App) -> str:
    app.signer.token("doctor")
    base = app.settings.base_url
    if not base.startswith("https://"):
        raise ConfigError(
            f"base_url is {base}: one-click unsubscribe needs https (DIGEST_BASE_URL)"
        )
    return base


def _sender(app: App) -> str:
    app.require_sender()
    domain.require_domain(app)
    return f"{app.settings.sender.address}, {app.settings.sender.postal_address}"


def _dkim(app: App) -> str:
    signer = dkim_signer(app.settings.dkim)
    names = [name for name, _ in signer.records()] if signer else []
    return f"signs; `digest dkim` prints what to publish as {', '.join(names)}"


def _learning(app: App) -> str:
    learning.library()
    found = Nightly(app.settings).status()
    return f"last night, {found}" if found else "no night has passed yet"


def _relay(app: App) -> str:
    smtp = app.settings.smtp
    loop.run(SmtpMailer(smtp).probe())
    return f"{smtp.host}:{smtp.port} ({smtp.tls}) lets us in"


def _source(app: App, source: Source) -> str:
    harvest = loop.run(look(source, app.clock(), {}))
    if harvest.state is FetchState.FAILED:
        raise SourceError(source.name, harvest.note)
    return f"{harvest.state}: {harvest.listed} listed in {harvest.seconds:.1f} s {harvest.note}"
