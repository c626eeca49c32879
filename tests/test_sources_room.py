"""The room as the rest of the house sees it: build, look, and nothing heavy at import."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime

import httpx2
import pytest

from digest.errors import SourceError
from digest.model import FetchState, Harvest
from digest.settings import ArxivPart, HuggingFacePart, Sources
from digest.sources import build, look

NOW = datetime(2026, 1, 15, 8, tzinfo=UTC)


class Broken:
    """A source that raises what it is given."""

    name = "broken"
    emits = frozenset()

    def __init__(self, error):
        self.error = error

    async def fetch(self, _now, _visits):
        raise self.error


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (Sources(), ["arxiv", "huggingface"]),
        (Sources(arxiv=ArxivPart(enabled=False)), ["huggingface"]),
        (
            Sources(arxiv=ArxivPart(enabled=False), huggingface=HuggingFacePart(enabled=False)),
            [],
        ),
    ],
)
def test_there_is_one_source_per_enabled_table(options, names):
    assert [source.name for source in build(options, agent="t")] == names


def test_every_source_says_who_asks_through_the_given_transport():
    agents = []

    def handler(request):
        agents.append(request.headers["User-Agent"])
        return httpx2.Response(404)

    sources = build(Sources(), agent="digest (me)", transport=httpx2.MockTransport(handler))
    for source in sources:
        harvest = asyncio.run(look(source, NOW, {}))
        assert (harvest.source, harvest.state) == (source.name, FetchState.FAILED)
        assert harvest.note == "empty answer (404)"
        assert harvest.seconds > 0
    assert agents == ["digest (me)"] * 2


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (SourceError("broken", "503 after 3 tries"), "503 after 3 tries"),
        (SourceError("broken", "two\r\nlines"), "two lines"),
        (RecursionError("too deep"), "RecursionError: too deep"),  # what a parser throws
        (KeyError("x" * 1_000), "KeyError: '" + "x" * 289),
    ],
)
def test_whatever_a_fetch_raises_is_a_failed_harvest_with_one_line(error, note):
    harvest = asyncio.run(look(Broken(error), NOW, {}))
    assert harvest == Harvest(
        source="broken", state=FetchState.FAILED, note=note, seconds=harvest.seconds
    )


def test_an_order_to_stop_is_not_swallowed():
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(look(Broken(asyncio.CancelledError()), NOW, {}))


def test_importing_the_room_loads_no_http_and_no_feeds():
    code = "import sys, digest.sources; sys.exit(bool({'httpx2', 'feedparser'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
