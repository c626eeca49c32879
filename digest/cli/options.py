"""Options that several commands share, and how they become an application."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from digest.app import App, system_clock
from digest.errors import InputError
from digest.settings import load

Config = Annotated[
    Path | None,
    typer.Option("--config", help="Settings file (default: DIGEST_CONFIG, or the bundled one)."),
]
Now = Annotated[
    str,
    typer.Option("--now", help="Pretend it is this instant, like 2026-01-15T07:00:00Z (UTC)."),
]


def instant(text: str) -> datetime | None:
    """``--now`` as an aware instant; None where it was not given.

    Raises:
        InputError: it is no date and time.
    """
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError("now", f"--now {text!r} is not like 2026-01-15T07:00:00Z") from error


def application(config: Path | None, now: str = "", *, lanes: int | None = None) -> App:
    """The application of the settings; with ``lanes`` so many connections to the relay.

    With ``now`` its clock stands there: the same command again sees the same instant, not one that
    is earlier by what the start took, for which papers found by the first would lie in the future.
    """
    start, settings = instant(now), load(config)
    if lanes:
        smtp = settings.smtp.model_copy(update={"connections": lanes})
        settings = settings.model_copy(update={"smtp": smtp})
    return App(settings, clock=system_clock if start is None else lambda: start)
