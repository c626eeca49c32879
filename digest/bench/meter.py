"""The bench's meter: seconds on the clock, seconds of CPU, memory at its highest."""

import json
import os
import platform
import resource
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from digest.bench.terms import BenchError


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What something took.

    Attributes:
        mails: how many.
        seconds: on the clock.
        cpu: seconds of CPU, user and system, of the process without its children.
        peak: bytes of memory at its highest; 0 where it is not known.
    """

    mails: int
    seconds: float
    cpu: float
    peak: int = 0

    def dump(self) -> str:
        """A line of JSON."""
        return json.dumps(asdict(self))

    @staticmethod
    def load(line: str) -> "Usage":
        """The usage back from ``dump``."""
        return Usage(**json.loads(line))


class Meter:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._began, self._cpu = time.perf_counter(), time.process_time()

    def usage(self, mails: int) -> Usage:
        """What this process used since then."""
        return Usage(
            mails=mails,
            seconds=time.perf_counter() - self._began,
            cpu=time.process_time() - self._cpu,
            peak=_peak(),
        )


def timed(command: Sequence[str], mails: int) -> Usage:
    """What a command used that sent so many mails.

    Raises:
        BenchError: it cannot be started, or failed; the message is the last line it said.
    """
    began = time.perf_counter()
    try:
        process = subprocess.Popen(  # noqa: S603 - the operator's own command
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        raise BenchError(f"{command[0]}: {error.strerror}") from error
    with process:
        assert process.stdout
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode:
        words = (said.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
        raise BenchError(f"{' '.join(command)} ended with {process.returncode}: {words}")
    return Usage(mails=mails, seconds=seconds, cpu=used.ru_utime + used.ru_stime)


def machine() -> dict[str, object]:
    """What was measured on: processor, cores, system, Python, load of the last minute."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load": round(os.getloadavg()[0], 2),
    }


def _peak() -> int:
    """This program's own; ``ru_maxrss`` also knows that of the process that started it."""
    own = _line(Path("/proc/self/status"), "VmHWM:")
    if own:
        return int(own.split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _processor() -> str:
    return _line(Path("/proc/cpuinfo"), "model name").strip(" \t:") or platform.machine()


def _line(file: Path, name: str) -> str:
    """What follows that name in a file of the system; empty where there is no such line."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError:
        return ""
    return next((line.removeprefix(name).strip() for line in lines if line.startswith(name)), "")
