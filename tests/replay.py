"""The replay of arXiv and Hugging Face as a subprocess on loopback, for tests of the sources."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

PROGRAM = Path(__file__).parents[2] / "shared" / "tools" / "upstream" / "upstream.py"


class Replay:
    """A running replay: ``url`` is where; the clock and the faults are set over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    def at(self, now: str) -> "Replay":
        """Sets the replayed instant, e.g. ``2026-01-15T08:00:00Z``."""
        self._post("__clock", {"now": now})
        return self

    def faults(self, *rules: dict) -> "Replay":
        """Replaces the faults: ``{"path": "/rss", "kind": "503", …}``; none ends them all."""
        self._post("__faults", list(rules))
        return self

    def log(self) -> list[dict]:
        """The requests since the last call, oldest first."""
        requests = httpx2.get(f"{self.url}/__log").json()["requests"]
        self._post("__log", {})
        return requests

    def _post(self, name: str, payload: object) -> None:
        httpx2.post(f"{self.url}/{name}", json=payload).raise_for_status()


@contextmanager
def replay(*options: str) -> Iterator[Replay]:
    """Starts a replay on a free port and ends it; skips the test where there is none."""
    if not PROGRAM.exists():
        pytest.skip("no replay server: ../shared/tools/upstream is not in this checkout")
    command = [sys.executable, str(PROGRAM), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Replay(process.stdout.readline().split()[0])
        finally:
            process.terminate()
