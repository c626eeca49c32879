"""How things look in a terminal: tables of reports, a bar for long work, one line for an error.

Whatever came from a feed or a form is printed as text, never as markup.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from digest.app import DayReport
from digest.delivery import Progress as Told
from digest.model import DeliveryState, FetchState, QueueView, SourceReport

if TYPE_CHECKING:
    from digest.demo import Seen

# In a pipe or a log nobody sees columns: there a row stays on its line, however long.
ENDLESS = 10_000

console = Console(highlight=False, width=None if sys.stdout.isatty() else ENDLESS)

STATES = {
    FetchState.FRESH: "green",
    FetchState.UNCHANGED: "dim",
    FetchState.QUIET: "dim",
    FetchState.STALE: "yellow",
    FetchState.MISSING: "yellow",
    FetchState.FAILED: "red",
}


def fail(error: Exception) -> None:
    """One line (or one per wrong setting) on stderr."""
    sys.stderr.write(f"digest: {error}\n")


def say(text: str) -> None:
    """A line of plain text."""
    console.print(escape(text), soft_wrap=True)


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table of texts; columns whose heads begin with ``#`` are numbers."""
    shown = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    for head in heads:
        if head.startswith("#"):
            shown.add_column(head[1:], justify="right", no_wrap=True)
        else:
            shown.add_column(head)
    for row in rows:
        shown.add_row(*(escape(str(cell)) for cell in row))
    console.print(shown)


@contextmanager
def bar(text: str, total: int | None) -> Iterator[Told]:
    """A progress bar while the block runs; told how many more are done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    hidden = not console.is_terminal
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=hidden
    ) as progress:
        task = progress.add_task(text, total=total)
        yield lambda more: progress.update(task, advance=more)


def day(report: DayReport) -> None:
    """The day's report: sources, edition, deliveries, doubts, time."""
    if report.sources:
        sources(report.sources)
    queued = report.queued
    edition = queued.edition
    rows: list[Sequence[object]] = [("now", f"{report.now:%Y-%m-%d %H:%M:%S} UTC")]
    if queued.candidates:
        rows.append(("ranked", f"{queued.candidates} candidates"))
    if edition and edition.items:
        name = f"{edition.day} · cut {edition.cut:%H:%M} UTC · {len(edition.items)} papers"
        rows.append(("edition", f"{name} · {edition.id}"))
    rows.append(("queued", f"{queued.readers} readers" if not queued.note else queued.note))
    rows += _outcomes(report)
    lasted = " · ".join(f"{name} {seconds:.1f} s" for name, seconds in report.seconds.items())
    rows.append(("time", lasted))
    table("The day", ("step", "result"), rows)


def seen(demo: "Seen") -> None:
    """Where to look after the demonstration has run."""
    if demo.is_sample:
        console.print("[yellow]The bundled sample is in use: its papers are invented.")
    if demo.subject:
        console.print(f"[green]The digest arrived:[/] {escape(demo.subject)}", soft_wrap=True)
    for name, path in (("inbox", "/inbox"), ("edition", "/editions"), ("sign-up page", "/")):
        say(f"  {name:13} {demo.url}{path}")


def sources(reports: Sequence[SourceReport]) -> None:
    """One line per source: what it listed, how much was new, how long it took, what was wrong."""
    shown = Table(title="Sources", title_justify="left", title_style="bold", header_style="dim")
    for head in ("source", "state", "listed", "new", "newest", "seconds", "note"):
        number = head in ("listed", "new", "seconds")
        shown.add_column(head, justify="right" if number else "left", no_wrap=number)
    for one in reports:
        shown.add_row(
            escape(one.source),
            f"[{STATES[one.state]}]{one.state}[/]",
            str(one.listed),
            str(one.new),
            escape(one.newest_id),
            f"{one.seconds:.2f}",
            escape(one.note),
        )
    console.print(shown)


def ledger(counts: Mapping[str, int]) -> str:
    """Deliveries by state in one line."""
    return " · ".join(f"{counts[state]} {state}" for state in DeliveryState if counts.get(state))


def queue(view: QueueView, now: datetime) -> None:
    """Jobs by edition, and the workers with their last sign of life."""

    def ago(at: datetime | None) -> str:
        return f"{max(0.0, (now - at).total_seconds()):.0f} s ago" if at else ""

    jobs = [
        (one.edition_id or "letters", one.waiting, one.doing, one.failed, ago(one.oldest))
        for one in view.jobs
    ]
    heads = ("edition", "#waiting", "#doing", "#failed today", "oldest queued")
    table("Queue", heads, jobs)
    workers = [(one.id, one.doing, ago(one.heard_at)) for one in view.workers]
    table("Workers (two lines a process)", ("#number", "#jobs", "last heard of"), workers)
    if not view.workers:
        say("No worker is alive: nothing is sent until `digest worker` runs.")


def _outcomes(report: DayReport) -> Iterator[Sequence[object]]:
    done = report.delivered.outcomes
    for state, name in (
        (DeliveryState.SENT, "delivered"),
        (DeliveryState.DEFERRED, "deferred"),
        (DeliveryState.REFUSED, "refused"),
        (DeliveryState.UNKNOWN, "unknown"),
    ):
        yield (name, str(done.get(state, 0)))
    if report.delivered.handed:
        yield ("handed", f"{report.delivered.handed} batches to the workers")
    if report.delivered.abandoned:
        count = report.delivered.abandoned
        yield ("in doubt", f"{count} left by a process that ended: see `digest deliveries`")
    if report.delivered.relay:
        yield ("relay", report.delivered.relay)
    if report.delivered.expired:
        yield ("too late", f"{report.delivered.expired} past their deadline, not sent")
    yield ("ledger", ledger(report.ledger) or "empty")
