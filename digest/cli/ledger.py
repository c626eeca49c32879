"""``digest deliveries``: what the ledger says, and the operator's word about mails in doubt."""

from typing import Annotated

import typer

from digest.cli import show
from digest.cli.options import Config, Now, application
from digest.errors import Fenced
from digest.model import DeliveryState

commands = typer.Typer(
    help="What was sent, deferred, refused, skipped, or is in doubt.", invoke_without_command=True
)


@commands.callback()
def deliveries(
    context: typer.Context,
    config: Config = None,
    state: Annotated[
        DeliveryState | None, typer.Option(help="Only these; `unknown` are the ones in doubt.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
) -> None:
    """Show the newest deliveries."""
    if context.invoked_subcommand:
        return
    app = application(config)
    ledger = app.store.ledger
    rows = [
        (
            one.id,
            one.kind,
            one.email,
            one.local_date or "",
            one.state,
            one.attempts,
            f"{one.again_at:%m-%d %H:%M}" if one.again_at else "",
            one.reason,
        )
        for one in ledger.entries(state, limit)
    ]
    heads = ("#id", "mail", "reader", "date", "state", "#tries", "again", "reason")
    show.table("Deliveries", heads, rows)
    show.say(show.ledger(ledger.counts()) or "The ledger is empty.")
    if app.is_queued:
        show.queue(app.store.queue.view(), app.clock())
    try:
        app.store.fence.check()
    except Fenced as held:
        show.say(f"{held}.")


@commands.command()
def resend(
    ids: Annotated[list[int] | None, typer.Argument(help="Deliveries in doubt.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that are in doubt.")] = False,
    config: Config = None,
    now: Now = "",
) -> None:
    """Queue deliveries in doubt again. They may have arrived: readers may get them twice."""
    if not ids and not every:
        raise typer.BadParameter("name the deliveries to resend, or say --all")
    app = application(config, now)
    count = app.store.ledger.resend(None if every else ids, app.clock())
    show.say(f"{count} queued again; `digest run` or the scheduler sends them.")


@commands.command()
def release(
    skip_open: Annotated[
        bool, typer.Option("--skip-open", help="Give up what is open or was due until now.")
    ] = False,
    send: Annotated[
        bool, typer.Option("--send", help="Send it: some readers may get a mail twice.")
    ] = False,
    config: Config = None,
    now: Now = "",
) -> None:
    """Let mails go out again from a database that was restored or moved."""
    if skip_open == send:
        raise typer.BadParameter("say --skip-open or --send")
    app = application(config, now)
    try:
        app.store.fence.check()
    except Fenced:
        count = app.store.fence.release(app.clock(), skip=skip_open)
        done = f"{count} deliveries given up" if skip_open else "what is open will be sent"
        show.say(f"Released: {done}.")
    else:
        show.say("Nothing is held back: there is nothing to release.")
