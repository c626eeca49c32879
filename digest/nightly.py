"""The night's work: the ranking's model fitted to the own history, in a process of its own.

    due? ──▶ lock ──▶ `digest learn --from-store … --out MODEL` ──▶ MODEL.status.json

The command tries what it learned on later days and keeps a model only where that is better; what
it said is kept beside the model. A lock beside it keeps two schedulers from learning at once, and
the status from learning twice in a night. Whatever goes wrong is a line, and ranking goes on.
"""

import asyncio
import json
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

from filelock import FileLock, Timeout

from digest.backtest.learning import MISSING
from digest.errors import ConfigError, DigestError
from digest.settings import Settings

LONGEST = 20_000  # characters of what the command said


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The last night: when it began, how it ended (empty: it has not), and what was said."""

    at: str
    outcome: str = ""
    said: str = ""

    def __str__(self) -> str:
        """One line for the log and the doctor."""
        return f"{self.at}: {self.outcome or 'begun, and not ended'}"


class LearningError(DigestError):
    """The night brought nothing; the message says why."""


class Nightly:
    """Learns once a night. ``config`` is the settings file, if one was named."""

    def __init__(self, settings: Settings, config: Path | None = None) -> None:
        ranking = settings.ranking
        self.wanted = ranking.learn
        self._hour, self._zone = ranking.learn_hour, ZoneInfo(settings.schedule.zone)
        self._model = Path(ranking.model)
        self._status = self._model.with_name(f"{self._model.name}.status.json")
        self._command = [
            *(sys.executable, "-m", "digest", "learn", "--out", str(self._model)),
            *("--from-store", str(ranking.learn_days)),
            *(("--config", str(config)) if config else ()),
        ]
        self._process: asyncio.subprocess.Process | None = None

    def status(self) -> Status | None:
        """What became of the last night; None before the first."""
        try:
            return Status(**json.loads(self._status.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def is_due(self, now: datetime) -> bool:
        """Whether this night's hour has come, and nobody has begun since."""
        local = now.astimezone(self._zone)
        return self.wanted and local.hour >= self._hour and self._last() != local.date()

    def check(self) -> None:
        """Raises ConfigError where learning is wanted and its library is not installed."""
        if self.wanted and find_spec("lightgbm") is None:
            raise ConfigError(f"{MISSING}, or set ranking.learn = false")

    async def learn(self, now: datetime, command: Sequence[str] = ()) -> str:
        """Learns if it is due; what came of it in a line, empty where there was nothing to do.

        Raises:
            LearningError: it failed; the model is what it was.
        """
        if not self.is_due(now):
            return ""
        self._model.parent.mkdir(parents=True, exist_ok=True)
        command = command or [*self._command, "--now", now.isoformat()]
        try:
            with FileLock(f"{self._model}.lock", timeout=0):
                return await self._alone(now, command) if self.is_due(now) else ""
        except Timeout:
            return ""  # another scheduler is at it

    def stop(self) -> None:
        """Ends what is under way."""
        if self._process and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()

    async def _alone(self, now: datetime, command: Sequence[str]) -> str:
        begun = now.isoformat(timespec="seconds")
        self._keep(Status(at=begun))  # a night that is broken off is not begun again
        try:
            self.check()
            code, said = await self._run(command)
        except (ConfigError, OSError) as error:
            code, said = -1, str(error)
        lines = said.strip().splitlines() or ["it said nothing"]
        outcome = lines[-1] if not code else f"failed ({code}): {lines[-1]}"
        self._keep(Status(at=begun, outcome=outcome, said=said[-LONGEST:]))
        if code:
            raise LearningError(outcome)
        return outcome

    async def _run(self, command: Sequence[str]) -> tuple[int, str]:
        """Runs the command with the least claim to the processor; its exit code and its words."""
        gently = ("nice", "-n", "15") if shutil.which("nice") else ()
        self._process = process = await asyncio.create_subprocess_exec(
            *(*gently, *command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode("utf-8", "replace")

    def _last(self) -> date | None:
        """The local date of the last night; None where there is none that can be read."""
        status = self.status()
        try:
            begun = datetime.fromisoformat(status.at) if status else None
            return begun.astimezone(self._zone).date() if begun else None
        except (ValueError, TypeError):
            return None

    def _keep(self, status: Status) -> None:
        new = self._status.with_suffix(".new")
        new.write_text(json.dumps(asdict(status), ensure_ascii=False), "utf-8")
        new.replace(self._status)
