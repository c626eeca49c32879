"""``digest bench``: how fast this service is on this machine, beside yardsticks."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from digest import bench
from digest.bench import Options, Report
from digest.cli import show
from digest.cli.options import Config
from digest.errors import InputError

commands = typer.Typer(
    help="Measure composing, delivery, the queue, and far servers, beside yardsticks.",
    no_args_is_help=True,
)

Mails = Annotated[int, typer.Option(min=1, help="Mails of a run.")]
Size = Annotated[int, typer.Option(min=1, help="Bytes of a mail, about.")]
Runs = Annotated[int, typer.Option(min=1, help="Runs, everybody in turn; medians are shown.")]
Json = Annotated[
    str, typer.Option("--json", metavar="FILE", help="Write the report there; - for stdout.")
]
Connections = Annotated[int, typer.Option(min=1, max=100, help="To the server.")]
PerConnection = Annotated[int, typer.Option(min=1, help="Mails on a connection, then another.")]
Window = Annotated[int, typer.Option(min=1, help="Mails per connection and transaction.")]
Bdat = Annotated[int, typer.Option(min=0, help="Mails in flight with BDAT; 0: DATA.")]
Database = Annotated[
    str,
    typer.Option(help="An empty scratch database (default: a SQLite file that is thrown away)."),
]
Host = Annotated[str, typer.Option(help="An SMTP server that throws mails away.")]
Port = Annotated[int, typer.Option(help="Its port; 0: the bench's own server.")]
Processes = Annotated[int, typer.Option(min=1, help="Processes on one database.")]
Personal = Annotated[bool, typer.Option("--personal", help="Each reader gets other papers.")]
Against = Annotated[
    list[str] | None,
    typer.Option(help="Another sender: a command with {host} {port} {mails} {connections} {size}."),
]
Yardsticks = Annotated[bool, typer.Option(help="Measure smtp-source and aiosmtplib, too.")]
Tls = Annotated[Literal["none", "starttls", "tls"], typer.Option(help="To the server.")]
CaFile = Annotated[str, typer.Option(help="Its certificate's authority.")]


@commands.command()
def compose(
    mails: Mails = 20_000,
    size: Size = 73_000,
    runs: Runs = 5,
    config: Config = None,
    out: Json = "",
) -> None:
    """Write mails, one selection for all or each reader their own; beside a rendering of each."""
    _measure(bench.compose, **locals())


@commands.command()
def delivery(
    *,
    mails: Mails = 20_000,
    size: Size = 73_000,
    runs: Runs = 5,
    personal: Personal = False,
    connections: Connections = 10,
    per_connection: PerConnection = 100,
    window: Window = 10,
    bdat: Bdat = 0,
    processes: Processes = 1,
    database_url: Database = "",
    host: Host = "127.0.0.1",
    port: Port = 0,
    tls: Tls = "none",
    ca_file: CaFile = "",
    against: Against = None,
    yardsticks: Yardsticks = True,
    config: Config = None,
    out: Json = "",
) -> None:
    """Write, send and account for mails that are queued, from start to end."""
    _measure(bench.delivery, **locals())


@commands.command()
def enqueue(
    *,
    mails: Mails = 1_000_000,
    runs: Runs = 5,
    database_url: Database = "",
    config: Config = None,
    out: Json = "",
) -> None:
    """Queue an edition for a million readers."""
    _measure(bench.enqueue, **locals())


@commands.command()
def latency(
    *,
    round_trip: Annotated[
        float, typer.Option(min=0, help="Milliseconds to the bench's own server and back.")
    ] = 20.0,
    mails: Mails = 2_000,
    size: Size = 73_000,
    runs: Runs = 5,
    connections: Connections = 10,
    per_connection: PerConnection = 100,
    window: Window = 10,
    bdat: Bdat = 8,
    processes: Processes = 1,
    database_url: Database = "",
    host: Host = "127.0.0.1",
    port: Port = 0,
    against: Against = None,
    yardsticks: Yardsticks = True,
    config: Config = None,
    out: Json = "",
) -> None:
    """The same against a server some milliseconds away, in each way of speaking to it."""
    _measure(bench.latency, **locals())


def _measure(
    trial: Callable[[Options, Callable[[str], None]], Report],
    *,
    out: str,
    config: Path | None,
    **given: Any,  # noqa: ANN401 - the command's own options
) -> None:
    """Runs a trial with the options of its command, and shows or writes what it found."""
    if config:
        given["config"] = str(config.resolve())
    options = Options(**{name: value for name, value in given.items() if value is not None})
    with show.console.status("measuring") as status:
        report = trial(options, lambda who: status.update(f"measuring: {who}"))
    text = json.dumps(report.plain(), indent=1) + "\n"
    if out == "-":
        sys.stdout.write(text)
        return
    if out:
        try:
            Path(out).write_text(text, "utf-8")
        except OSError as error:
            raise InputError("json", f"--json {out}: {error.strerror}") from error
    _show(report)


def _show(report: Report) -> None:
    rows = [
        (
            one.name,
            f"{one.mails:,}",
            f"{one.rate:,.0f}",
            f"{min(one.rates):,.0f}–{max(one.rates):,.0f}",
            f"{one.cpu:.4f}",
            f"{one.peak / 2**20:,.0f}" if one.peak else "",
            f"{one.ratio:.2f}",
        )
        for one in report.rows
    ]
    heads = ("what", "#mails", "#mails/s", "#from–to", "#CPU s/1000", "#peak MB", "#× as fast")
    show.table(f"bench {report.what}", heads, rows)
    for about in (report.terms, report.machine, report.versions):
        show.say(" · ".join(f"{name} {value}" for name, value in about.items()))
    show.say(
        f"{report.date}; medians of {report.terms['runs']} runs in turn, CPU of the sender alone"
    )
