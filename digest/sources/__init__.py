"""Sources: the room where papers and what is observed of them come in from outside.

A table ``[sources.NAME]`` of the settings is read by the class ``Source`` of the module
``digest.sources.NAME``, which is called as ``Source(options, agent=…, transport=…)``. There is no
registry: a new source is its module, its table in ``settings.py`` and its lines in the
configuration. The libraries for HTTP and feeds are loaded when a source is built.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from digest.errors import SourceError
from digest.model import FetchState, Harvest, Visit
from digest.settings import Sources
from digest.sources.fields import one_line

if TYPE_CHECKING:
    import httpx2

__all__ = ["Source", "build", "look"]

NOTE_LENGTH = 300

_log = logging.getLogger(__name__)


class Source(Protocol):
    """One place outside. ``emits`` names the signals that it can observe."""

    name: str
    emits: frozenset[str]

    async def fetch(self, now: datetime, visits: Mapping[str, Visit]) -> Harvest:
        """Looks once, at ``now`` (aware UTC); ``visits`` is what was remembered, by address.

        ``Harvest.visits`` is what to remember next; after a failure it is empty, and what was
        remembered stays true.

        Raises:
            SourceError: no answer, or one that cannot be read.
        """
        ...  # pragma: no cover


def build(
    options: Sources, *, agent: str, transport: "httpx2.AsyncBaseTransport | None" = None
) -> tuple[Source, ...]:
    """One source per enabled table of ``options``, in the order of the settings.

    Args:
        options: the tables.
        agent: the User-Agent that says who asks.
        transport: what carries the requests instead of the network, in tests.
    """
    return tuple(
        import_module(f"{__name__}.{name}").Source(part, agent=agent, transport=transport)
        for name, part in options
        if part.enabled
    )


async def look(source: Source, now: datetime, visits: Mapping[str, Visit]) -> Harvest:
    """Fetches once; whatever the outside did is a harvest, and a failure is one with a note.

    ``seconds`` is the time it took, by a monotonic clock.
    """
    started = time.perf_counter()
    try:
        harvest = await source.fetch(now, visits)
    except SourceError as error:
        harvest = _failed(source, error.args[0])
    except Exception as error:  # noqa: BLE001 - see below
        # Hostile bytes can make a parser raise anything; the log keeps the traceback in case it
        # was ours, and the day goes on without this source.
        _log.exception("source=%s could not be read", source.name)
        harvest = _failed(source, f"{type(error).__name__}: {error}")
    return replace(harvest, seconds=time.perf_counter() - started)


def _failed(source: Source, note: str) -> Harvest:
    return Harvest(
        source=source.name, state=FetchState.FAILED, note=one_line(note, limit=NOTE_LENGTH)
    )
