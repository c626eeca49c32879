"""The day by hand: ``run`` does it, ``demo`` shows everything."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest import loop
from digest.app import App, DayReport
from digest.cli import show
from digest.cli.options import Config, Now, application, instant
from digest.cli.serving import until_told

if TYPE_CHECKING:
    from digest.demo import Demo


def run(config: Config = None, now: Now = "") -> None:
    """Collect, cut the edition, deliver it to who is due, and report."""
    app = application(config, now)
    show.day(loop.run(_run(app)))


async def _run(app: App) -> DayReport:
    try:
        total = sum((await asyncio.to_thread(app.store.roster.counts)).values())
        with show.bar("collecting and delivering", total or None) as progress:
            return await app.run(progress=progress)
    finally:
        await app.close()


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End after the delivery.")] = False,
    sample: Annotated[
        bool, typer.Option("--sample", help="Use the bundled sample, not the network.")
    ] = False,
    save_mail: Annotated[
        Path | None, typer.Option(help="Keep every mail as an .eml file in this folder.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where the database goes (default: a new folder).")
    ] = None,
    port: Annotated[int, typer.Option(help="Where the pages are served.")] = 8000,
    now: Now = "",
) -> None:
    """See it work: collect, subscribe, confirm, deliver to a built-in inbox, serve the pages."""
    from digest.demo import Demo  # noqa: PLC0415 - nobody else needs its servers

    shown = Demo(folder=folder, save_mail=save_mail, port=port, start=instant(now), sample=sample)
    loop.run(_demo(shown, once=once))


async def _demo(demo: "Demo", *, once: bool) -> None:
    show.say("Setting up a database, a mail server and the pages, all on this machine …")
    async with demo.running() as seen:
        show.day(seen.report)
        show.seen(seen)
        if not once:
            show.say("Serving until Ctrl-C.")
            await until_told()
