"""Sources: the room where papers and what is observed of them come in from outside.

A table ``[sources.NAME]`` of the settings is read by the class ``Source`` of the module
``digest.sources.NAME``, which is called as ``Source(options, agent=…, transport=…)``. There is no
registry: a new source is its module, its table in ``settings/sources.py`` and its lines in the
configuration. The libraries for HTTP and feeds are loaded when a source is built.

    Source       fetch(now, visits)            brings papers, and what is observed of them
    Annotator    annotate(now, visits, known)  looks after them, and tells more

A table of tables, ``[sources.feeds.NAME]``, makes one source per entry, called with ``name=NAME``.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from digest.errors import SourceError
from digest.model import Candidate, FetchState, Harvest, Visit
from digest.settings import Sources
from digest.sources.fields import one_line

if TYPE_CHECKING:
    import httpx2

__all__ = ["Annotator", "Source", "build", "look"]

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


@runtime_checkable
class Annotator(Protocol):
    """One place outside that is asked after the sources, and told which papers are known.

    It tells more about them, or brings what the sources have missed. The day does not depend on it:
    unlike a source's, its failure does not say that there may be news which nobody has seen.
    """

    name: str
    emits: frozenset[str]

    async def annotate(
        self, now: datetime, visits: Mapping[str, Visit], known: Mapping[str, Candidate]
    ) -> Harvest:
        """Looks once, at ``now`` (aware UTC), for what is said there of the papers ``known``.

        A known paper among ``Harvest.papers`` only fills what is missing. ``visits`` may be of
        addresses that failed, so that the next look begins with others.

        Raises:
            SourceError: no answer at all, or none that can be read.
        """
        ...  # pragma: no cover


def build(
    options: Sources, *, agent: str, transport: "httpx2.AsyncBaseTransport | None" = None
) -> tuple[Source | Annotator, ...]:
    """One source per enabled table of ``options``, in the order of the settings.

    Args:
        options: the tables.
        agent: the User-Agent that says who asks.
        transport: what carries the requests instead of the network, in tests.
    """
    return tuple(
        import_module(f"{__name__}.{module}").Source(
            part, agent=agent, transport=transport, **({"name": name} if name else {})
        )
        for module, name, part in _tables(options)
        if part.enabled
    )


def _tables(options: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, str, Any]]:
    """The module, the name where one module serves several tables, and the table."""
    for module, part in options:
        if isinstance(part, Mapping):
            yield from ((module, name, one) for name, one in part.items())
        else:
            yield module, "", part


async def look(
    source: Source | Annotator,
    now: datetime,
    visits: Mapping[str, Visit],
    known: Mapping[str, Candidate] | None = None,
) -> Harvest:
    """Looks once; whatever the outside did is a harvest, and a failure is one with a note.

    ``known`` is what an annotator may tell more about, by id; ``seconds`` is the time it took, by
    a monotonic clock.
    """
    started = time.perf_counter()
    try:
        if isinstance(source, Annotator):
            harvest = await source.annotate(now, visits, known or {})
        else:
            harvest = await source.fetch(now, visits)
    except SourceError as error:
        harvest = _failed(source, error.args[0])
    except Exception as error:  # noqa: BLE001 - see below
        # Hostile bytes can make a parser raise anything; the log keeps the traceback in case it
        # was ours, and the day goes on without this source.
        _log.exception("source=%s could not be read", source.name)
        harvest = _failed(source, f"{type(error).__name__}: {error}")
    return replace(harvest, seconds=time.perf_counter() - started)


def _failed(source: Source | Annotator, note: str) -> Harvest:
    return Harvest(
        source=source.name, state=FetchState.FAILED, note=one_line(note, limit=NOTE_LENGTH)
    )
