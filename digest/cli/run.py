"""The day by hand: ``run`` does it, ``preview`` shows the mail, ``demo`` shows everything."""

import asyncio
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from digest import compose
from digest.app import App, DayReport
from digest.cli import show
from digest.cli.options import Config, Now, application, instant
from digest.cli.serving import until_told
from digest.demo import Demo
from digest.errors import InputError
from digest.model import Edition, Subscriber, SubscriberState


def run(config: Config = None, now: Now = "") -> None:
    """Collect, cut the edition, deliver it to who is due, and report."""
    app = application(config, now)
    show.day(asyncio.run(_run(app)))


async def _run(app: App) -> DayReport:
    try:
        total = sum((await asyncio.to_thread(app.store.roster.counts)).values())
        with show.bar("collecting and delivering", total or None) as progress:
            return await app.run(progress=progress)
    finally:
        await app.close()


def preview(
    config: Config = None,
    now: Now = "",
    day: Annotated[str, typer.Option(help="The edition of this date (default: as of now).")] = "",
    out: Annotated[Path, typer.Option(help="The HTML file; .txt beside it.")] = Path("digest.html"),
) -> None:
    """Write the mail as HTML and text, without sending anything."""
    app = application(config, now)
    edition = _edition(app, day)
    items = compose.select(edition, app.defaults, (), app.settings.mail_sections())
    if not items:
        raise InputError("day", f"nothing to show: {edition.note or 'no papers'}")
    reader = Subscriber(
        id=0,
        key="preview",
        email="reader@example.org",
        state=SubscriberState.ACTIVE,
        preferences=app.defaults,
        created_at=app.clock(),
        confirmed_at=app.clock(),
    )
    links = app.writer.links(reader, edition)
    mail = app.renderer.digest(edition, items, app.settings.mail_sections(), links, reader)
    text = out.with_suffix(".txt")
    if text == out:
        raise InputError("out", f"--out {out}: the HTML goes there, and the text beside it as .txt")
    try:
        out.write_text(mail.html, "utf-8")
        text.write_text(mail.text, "utf-8")
    except OSError as error:
        raise InputError("out", f"cannot write {error.filename}: {error.strerror}") from error
    show.say(f"Subject: {mail.subject}")
    show.say(f"{len(items)} papers, {len(mail.html.encode()) / 1024:.0f} KB: {out} and {text}")


def _edition(app: App, day: str) -> Edition:
    if not day:
        return app.daily.draft(app.clock())[0]
    try:
        found = app.store.editions.of_day(date.fromisoformat(day))
    except ValueError as error:
        raise InputError("day", f"--day {day!r} is not like 2026-01-15") from error
    if found is None:
        raise InputError("day", f"there is no edition of {day}")
    return found


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
    shown = Demo(folder=folder, save_mail=save_mail, port=port, start=instant(now), sample=sample)
    asyncio.run(_demo(shown, once=once))


async def _demo(demo: Demo, *, once: bool) -> None:
    show.say("Setting up a database, a mail server and the pages, all on this machine …")
    async with demo.running() as seen:
        show.day(seen.report)
        show.seen(seen)
        if not once:
            show.say("Serving until Ctrl-C.")
            await until_told()
