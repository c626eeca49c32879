"""The command ``digest``: its commands, the options they share, and how it ends on an error."""

import logging
import sys

import typer

from digest import __version__
from digest.cli import backtest, bench, care, learn, ledger, preview, readers, returns, run, serving
from digest.cli.show import fail
from digest.errors import DigestError

cli = typer.Typer(
    name="digest",
    help="A daily digest of trending papers: collected, ranked, explained, mailed, accounted for.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # tracebacks with local variables would print secrets
    add_completion=False,
)
cli.command()(run.demo)
cli.command()(serving.serve)
cli.command()(serving.web)
cli.command()(serving.scheduler)
cli.command()(serving.worker)
cli.command()(run.run)
cli.command()(preview.preview)
cli.command()(preview.previews)
cli.add_typer(readers.commands, name="subscribers")
cli.add_typer(ledger.commands, name="deliveries")
cli.add_typer(returns.bounces, name="bounces")
cli.command()(returns.dkim)
cli.command()(backtest.backtest)
cli.command()(learn.learn)
cli.command()(care.doctor)
cli.add_typer(bench.commands, name="bench")
cli.add_typer(care.database, name="db")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"digest {__version__}")
        raise typer.Exit


@cli.callback()
def _root(
    version: bool = typer.Option(
        False,
        "--version",
        callback=_version,
        is_eager=True,
        help="Print the version.",
    ),
) -> None:
    del version


def main() -> None:
    """Runs the command line. Expected errors end in one line on stderr and exit code 1."""
    # A retry that helped is no news, and one that did not is in the report.
    logging.getLogger("stamina").setLevel(logging.ERROR)
    try:
        cli(prog_name="digest")  # and not what the interpreter was called with
    except DigestError as error:
        fail(error)
        sys.exit(1)
