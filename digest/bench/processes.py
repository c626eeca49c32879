"""The bench's processes: contenders that begin together, and the server they send to."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from digest.bench.meter import Usage
from digest.bench.terms import BenchError, Terms


def contend(terms: Terms, processes: int = 1) -> Usage:
    """What ``processes`` contenders of these terms take together.

    Raises:
        BenchError: one of them failed, or mails are missing at the end.
    """
    with ExitStack() as stack:
        children = [stack.enter_context(_started(terms)) for _ in range(processes)]
        for child in children:
            _line(child)
        began = time.perf_counter()
        for child in children:
            assert child.stdin
            child.stdin.write("go\n")
            child.stdin.flush()
        usages = [Usage.load(_line(child)) for child in children]
        seconds = time.perf_counter() - began
    if processes == 1:
        (seconds,) = (one.seconds for one in usages)
    return _together(usages, seconds, terms)


def _together(usages: Sequence[Usage], seconds: float, terms: Terms) -> Usage:
    mails = sum(one.mails for one in usages)
    if mails != terms.mails and terms.task != "first":
        raise BenchError(f"{terms.task}: {mails} of {terms.mails} mails")
    return Usage(
        mails=mails,
        seconds=seconds,
        cpu=sum(one.cpu for one in usages),
        peak=max(one.peak for one in usages),
    )


@contextmanager
def sink(delay: float) -> Iterator[int]:
    """The port of a server that takes every mail, ``delay`` seconds away."""
    command = [sys.executable, "-m", "digest.bench.sink", str(delay)]
    with _running(command) as process:
        yield int(_line(process))


@contextmanager
def _started(terms: Terms) -> Iterator["subprocess.Popen[str]"]:
    with _running([sys.executable, "-m", "digest.bench.contender"]) as process:
        assert process.stdin
        process.stdin.write(terms.dump() + "\n")  # and not as an argument: it may have a password
        process.stdin.flush()
        yield process


@contextmanager
def _running(command: Sequence[str]) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(  # noqa: S603 - modules of ours
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        finally:
            process.communicate()  # closes its stdin, which ends it


def _line(process: "subprocess.Popen[str]") -> str:
    """The next line that it says.

    Raises:
        BenchError: it ended instead.
    """
    assert process.stdout
    if line := process.stdout.readline():
        return line
    assert process.stderr
    said = process.stderr.read().strip().splitlines()
    raise BenchError(said[-1] if said else f"it ended with {process.wait()}")
