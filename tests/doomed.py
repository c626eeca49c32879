"""Runs ``digest`` in processes of their own that a test may kill -9 wherever it likes.

Importing everything takes seconds, so one process does it once and forks for every command. A step
(``after Ledger.claim 2``: once the second call has returned) kills the fork from inside; it needs
nothing of the program that is tested but the names of its methods.
"""

import contextlib
import gc
import importlib
import itertools
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PATIENCE = 60  # seconds for one command
EVERYTHING = (  # what takes the time, and what is otherwise imported when first needed
    "digest.cli",
    "digest.sources.arxiv",
    "digest.sources.huggingface",
    "anyio._backends._asyncio",
    "psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "sqlalchemy.dialects.postgresql.psycopg",
)


class Nursery:
    """The process that forks: ``start`` one command after the other."""

    def __init__(self, process, folder):
        self._process = process
        self._log = folder / "output"

    def start(self, *words, environ, step=""):
        """Begins ``digest WORDS`` with these variables, to be killed at ``step``."""
        order = {"words": words, "step": step, "environ": environ, "log": str(self._log)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Child(self._process.stdout, self._log)


class Child:
    """One command under way."""

    def __init__(self, answers, log):
        self._answers, self._log = answers, log
        self.pid = int(answers.readline())

    def end(self, within=PATIENCE):
        """Its exit code and output; it is killed if it takes longer than ``within`` seconds."""
        ready, _, _ = select.select([self._answers], [], [], within)
        if not ready:
            os.kill(self.pid, signal.SIGKILL)
        code, kilobytes = map(int, self._answers.readline().split())
        self.peak = kilobytes * 1024  # bytes of memory, those shared with the nursery included
        return code, self._log.read_text("utf-8")


@contextlib.contextmanager
def nursery(folder: Path) -> Iterator[Nursery]:
    """A nursery that keeps what its children print in ``folder``."""
    machine = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
    with subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=machine | {"PYTHONPATH": str(Path(__file__).parents[1])},
    ) as process:
        try:
            yield Nursery(process, folder)
        finally:
            process.stdin.close()


# ── The other side ───────────────────────────────────────────────────────────────────────────────


def doom(step):
    """Wraps the method that the step names, so that this process dies before or after a call."""
    store = importlib.import_module("digest.store")
    when, where, count = step.split()
    owner, name = where.split(".")
    room, calls = getattr(store, owner), itertools.count(1)
    method = getattr(room, name)

    def wrapped(*args, **kwargs):
        mine = next(calls) == int(count)
        if mine and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = method(*args, **kwargs)
        if mine and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(room, name, wrapped)


def live(order):
    """What a fork does."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.environ.update(order["environ"])
    sys.argv = ["digest", *order["words"]]
    if order["step"]:
        doom(order["step"])
    code = 0
    try:
        sys.modules["digest.cli"].main()
    except SystemExit as end:
        code = end.code
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)  # tidying up would take longer than most commands


def serve():
    for name in EVERYTHING:
        importlib.import_module(name)
    gc.freeze()  # the forks share these pages
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            live(json.loads(line))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status, used = os.wait4(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)} {used.ru_maxrss}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
