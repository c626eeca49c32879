"""``digest bounces`` and ``digest dkim``: what came back, the ways in, what to publish in DNS."""

import logging
import sys
from typing import Annotated

import typer

from digest import loop
from digest.app import App
from digest.cli import show
from digest.cli.options import Config, Now, application
from digest.cli.serving import log, until_told
from digest.errors import ConfigError
from digest.intake import dkim_signer
from digest.settings import load

TEMPORARY = 75  # EX_TEMPFAIL of sysexits.h: the mail server keeps the mail and tries again

bounces = typer.Typer(help="Bounces, complaints and mailed unsubscribes.", no_args_is_help=True)

_log = logging.getLogger(__name__)


@bounces.command("list")
def recent(
    config: Config = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    now: Now = "",
) -> None:
    """Show the domains that wait, and what came back."""
    app = application(config, now)
    alerts = app.store.bounces.alerts(app.clock())
    if alerts:
        waiting = [(one.domain, f"{one.until:%Y-%m-%d %H:%M}", one.reason) for one in alerts]
        show.table("Mail to these domains waits", ("domain", "until (UTC)", "why"), waiting)
    rows = [
        (
            f"{one.at:%m-%d %H:%M}",
            one.source,
            one.kind,
            action,
            one.delivery_id or "",
            domain,
            *said,
        )
        for one, action, domain in app.store.bounces.recent(limit)
        for said in [(one.status, one.text)]
    ]
    heads = ("at", "by", "what", "reader", "#delivery", "domain", "status", "words")
    show.table("Bounces and complaints", heads, rows)


@bounces.command()
def resume(domain: str, config: Config = None) -> None:
    """Let mail to a paused domain go on."""
    there = application(config).store.bounces.resume(domain)
    show.say(f"{domain}: " + ("goes on." if there else "was not waiting."))


@bounces.command()
def listen(
    config: Config = None,
    host: Annotated[str, typer.Option(help="Default: bounces.listen_host.")] = "",
    port: Annotated[int | None, typer.Option(help="Default: bounces.listen_port.")] = None,
) -> None:
    """Take mail from your mail server over LMTP (or SMTP: bounces.protocol), until told to stop."""
    app = application(config)
    _ = app.intake  # a database that cannot be used is said before anything starts
    log()
    loop.run(_listen(app, host, port))


async def _listen(app: App, host: str, port: int | None) -> None:
    try:
        async with app.intake.listening(host, port) as taken:
            _log.info("listening for bounces on port %s", taken)
            await until_told()
    finally:
        await app.close()


@bounces.command()
def pipe(
    config: Config = None,
    recipient: Annotated[
        str, typer.Option(help="Whom the mail came to; else its headers are asked.")
    ] = "",
    now: Now = "",
) -> None:
    """Take one mail on standard input. Ends with 0, or with 75 where it has to come again."""
    try:
        app = application(config, now)
        # One byte more than is taken: a mail that is too large is one that is not understood.
        data = sys.stdin.buffer.read(app.intake.most_bytes + 1)
        too_large = len(data) > app.intake.most_bytes
        taken = app.intake.mail(b"" if too_large else data, (recipient,) if recipient else ())
    except Exception as error:  # whatever it is, the mail must not be bounced
        show.fail(error)
        raise typer.Exit(TEMPORARY) from error
    show.say(str(taken))


def dkim(config: Config = None) -> None:
    """Print the DNS records to publish for the keys in [dkim]."""
    from digest.dkim import zone_line  # noqa: PLC0415 - only who signs needs its library

    settings = load(config)
    signer = dkim_signer(settings.dkim)
    if signer is None:
        raise ConfigError("dkim.key_file is not set (DIGEST_DKIM__KEY_FILE)")
    for name, text in signer.records():
        show.say(zone_line(name, text))
