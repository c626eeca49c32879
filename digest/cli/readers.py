"""``digest subscribers``: add, list, import, export, remove readers."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from digest import addresses, preferences
from digest.app import App
from digest.cli import show
from digest.cli.options import Config, Now, application
from digest.errors import InputError
from digest.model import Preferences, Subscriber, SubscriberState

commands = typer.Typer(help="Readers: add, list, import, export, remove.", no_args_is_help=True)

FIELDS = ("email", "hour", "zone", "days", "papers", "categories", "paused_until")
STATE = "state"
LISTS = ("days", "categories")  # several values in one cell, separated by spaces

Pending = Annotated[
    bool, typer.Option("--pending", help="Ask them to confirm first (default: they have agreed).")
]


@commands.command()
def add(
    emails: Annotated[list[str], typer.Argument(help="Addresses.")],
    *,
    hour: Annotated[int | None, typer.Option(help="Their local hour.")] = None,
    zone: Annotated[str | None, typer.Option(help="Their time zone.")] = None,
    pending: Pending = False,
    config: Config = None,
    now: Now = "",
) -> None:
    """Add readers who have agreed to get the digest."""
    app = application(config, now)
    given = {"hour": hour, "zone": zone}
    wish = _wish(app, {name: str(value) for name, value in given.items() if value is not None})
    _add(app, [(email, wish) for email in emails], pending=pending)


@commands.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help=f"CSV with a head line: {', '.join(FIELDS)}.")],
    pending: Pending = False,
    config: Config = None,
    now: Now = "",
) -> None:
    """Add readers from a CSV file: all of them, or none and every bad line named."""
    app = application(config, now)
    readers, wrong, left_out = list[tuple[str, Preferences]](), list[str](), 0
    for number, row in _rows(file):
        try:
            if reader := _reader(app, row):
                readers.append(reader)
            else:
                left_out += 1
        except InputError as error:
            wrong.append(f"{file}:{number}: {error.field}: {error}")
    if wrong:
        shown = "\n".join(wrong[:20]) + (f"\n… and {len(wrong) - 20} more" if wrong[20:] else "")
        raise InputError("file", f"nothing was imported, {len(wrong)} bad lines:\n{shown}")
    _add(app, readers, pending=pending)
    if left_out:
        show.say(f"{left_out} left out: they were not active where this file comes from.")


@commands.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="CSV file (default: stdout).")] = None,
    state: Annotated[SubscriberState | None, typer.Option(help="Only these.")] = None,
    config: Config = None,
) -> None:
    """Write readers as CSV, in the form that `import` reads."""
    readers = application(config).store.roster.everybody(state)
    if file is None:
        _write(sys.stdout, readers)
        return
    try:
        with file.open("w", encoding="utf-8", newline="") as handle:
            _write(handle, readers)
    except OSError as error:
        raise InputError("file", f"cannot write {file}: {error.strerror}") from error


@commands.command(name="list")
def list_(
    state: Annotated[SubscriberState | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    config: Config = None,
) -> None:
    """Show readers and what they chose."""
    store = application(config).store
    rows = []
    for one in store.roster.everybody(state, limit):
        wish = one.preferences
        topics = " ".join(wish.categories) or "all"
        when, since = f"{wish.hour:02}:00 {wish.zone}", f"{one.created_at:%Y-%m-%d}"
        rows.append((one.email, one.state, when, wish.papers, topics, since))
    show.table("Readers", ("address", "state", "hour", "#papers", "topics", "since"), rows)
    counts = store.roster.counts()
    show.say(" · ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "Nobody.")


@commands.command()
def remove(
    emails: Annotated[list[str], typer.Argument(help="Addresses.")],
    config: Config = None,
    now: Now = "",
) -> None:
    """Unsubscribe readers, effective at once."""
    app = application(config, now)
    gone = app.subscriptions.remove(emails, app.clock())
    show.say(f"{gone} of {len(emails)} unsubscribed.")


def _add(app: App, readers: list[tuple[str, Preferences]], *, pending: bool) -> None:
    added = app.subscriptions.add(readers, app.clock(), confirmed=not pending)
    show.say(f"{added.new} added, {added.known} known already and left as they are.")


def _reader(app: App, row: dict[str | None, Any]) -> tuple[str, Preferences] | None:
    """The reader of a row; None for one who was not active where the file comes from.

    Who left agrees no more, and who is pending not yet.

    Raises:
        InputError: naming the cell.
    """
    if None in row:
        raise InputError("line", "more cells than the head line has")
    cells = {str(name): (text or "").strip() for name, text in row.items()}
    state = cells.pop(STATE, "") or SubscriberState.ACTIVE
    if state not in list(SubscriberState):
        raise InputError(STATE, f"{state!r} is none of {', '.join(SubscriberState)}")
    if state != SubscriberState.ACTIVE:
        return None
    return addresses.parse(cells.pop("email")), _wish(app, cells)


def _wish(app: App, row: dict[str, str]) -> Preferences:
    """The preferences of a row; empty cells keep the defaults."""
    values = {name: text.split() if name in LISTS else text for name, text in row.items() if text}
    today = app.clock().date()
    offered = app.settings.sources.arxiv.categories
    return preferences.parse(values, app.defaults, offered=offered, today=today)


def _rows(file: Path) -> Iterator[tuple[int, dict[str | None, Any]]]:
    """The rows of a CSV file by line number, as ``csv.DictReader`` gives them.

    Raises:
        InputError: the file cannot be read, or its head line has unknown or no names.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle, strict=True)
            heads = reader.fieldnames or ()
            if unknown := set(heads) - {*FIELDS, STATE}:
                raise InputError("file", f"{file}: no such column: {', '.join(sorted(unknown))}")
            if "email" not in heads:
                raise InputError("file", f"{file}: the head line needs a column `email`")
            for row in reader:
                yield reader.line_num, row
    except OSError as error:
        raise InputError("file", f"cannot read {file}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError("file", f"{file} is not CSV in UTF-8: {error}") from error


def _write(handle: TextIO, readers: Iterator[Subscriber]) -> None:
    writer = csv.writer(handle)
    writer.writerow((*FIELDS, STATE))
    for one in readers:
        wish = one.preferences
        writer.writerow(
            (
                one.email,
                wish.hour,
                wish.zone,
                " ".join(str(day) for day in sorted(wish.days)),
                wish.papers,
                " ".join(wish.categories),
                wish.paused_until or "",
                one.state,
            )
        )
