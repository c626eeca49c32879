"""The fence: a database that was restored or moved sends nothing without the operator's word.

    file: the highest mark this machine saw  ─read first─▶  check  ◀─then─  the database's own mark
    the database's mark + 1  ─commit─▶  the file  ─▶  mails go out

The database counts a beat with everything that queues, and once a second while mails go out; each
machine keeps the highest mark it saw in a file outside the database. A database whose mark is lower
has forgotten deliveries: they would be sent again. The file is read before the database and written
after its commit, so wherever a process is killed the file never runs ahead, and there is no false
alarm; what can be missed is a backup of the very second in which everything stopped. Whoever counts
has looked before, so where something was counted there is a file.
"""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import Connection, Row, literal, select, text, update

from digest.errors import Fenced, StoreError
from digest.model import DeliveryState, DueSlot
from digest.store.database import Database
from digest.store.tables import DELIVERY, FENCE

BEAT_SECONDS = 1.0

Mark = tuple[int, int]  # (term, beat): a release begins a new term

# Which server, and which of its databases: a copy has another one, a standby that took over not.
_HOME = text(
    "(SELECT system_identifier FROM pg_control_system()) || '/' ||"
    " (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class Fence:
    """One database's fence, as this machine sees it.

    Args:
        database: what is guarded.
        folder: where the file goes; a SQLite file has it beside itself.
    """

    def __init__(self, database: Database, folder: Path | None) -> None:
        self._database = database
        self._path = _path(database, folder)
        self._counted = -BEAT_SECONDS
        self._open = False

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that queues something.

        Raises:
            Fenced: nothing may go out.
        """
        self.check()
        with self._database.begin() as connection:
            yield connection
            mark = self._advance(connection)  # last: the row is the one place where all meet
        self._remember(mark)

    def touch(self) -> bool:
        """Notes that mails go out. Whether it is time for ``beat``, before they do."""
        self._open = True
        return time.monotonic() - self._counted >= BEAT_SECONDS

    def beat(self) -> None:
        """Counts on. Raises Fenced."""
        with self.begin():
            self._open, self._counted = False, time.monotonic()

    def rest(self) -> None:
        """Counts on if mails went out since the last beat: a backup of before is older now."""
        if self._open:
            self.beat()

    def check(self) -> None:
        """Raises Fenced where nothing may go out; remembers how far the database has come."""
        seen = self._seen()  # first: what is read of the database after it is at least as far
        with self._database.read() as connection:
            row, home = _row(connection), self._home(connection)
        if seen is None and row.beat and self._database.is_sqlite:
            # The file may have come since, with the first count or with the operator's word.
            with self._alone():
                seen = self._seen()
                with self._database.read() as connection:
                    row = _row(connection)
        reason = row.held or self._doubt(row, home, seen)
        if reason and not row.held:
            with self._database.begin() as connection:  # the other machines may not have noticed
                connection.execute(update(FENCE).values(held=reason))
        if reason:
            raise Fenced(_said(self._database, reason))
        if self._path and (seen is None or (row.term, row.beat) > seen):
            self._remember((row.term, row.beat))

    def release(self, now: datetime, *, skip: bool) -> int:
        """The operator's word: deliveries may go out again.

        Args:
            now: with ``skip``, what was due before is never queued.
            skip: gives up what is open; otherwise it is sent, and some may get it twice.

        Returns:
            How many deliveries were given up.
        """
        with self._alone():  # who checks in between finds the file
            seen, given_up = self._seen() or (0, 0), 0
            with self._database.begin() as connection:
                mark = (max(_row(connection).term, seen[0]) + 1, 1)
                values = {"term": mark[0], "beat": mark[1], "home": self._home(connection)}
                if skip:
                    values |= {"skipped_before": now}
                    given_up = connection.execute(_give_up()).rowcount
                connection.execute(update(FENCE).values(held=None, **values))
            self._keep(mark)
        return given_up

    def open_slots(self, connection: Connection, slots: Sequence[DueSlot]) -> list[DueSlot]:
        """The slots that the operator did not skip."""
        before = connection.execute(select(FENCE.c.skipped_before)).scalar_one()
        return [slot for slot in slots if before is None or slot.due_at >= before]

    def _advance(self, connection: Connection) -> Mark:
        count = update(FENCE).where(FENCE.c.held.is_(None)).values(beat=FENCE.c.beat + 1)
        counted = connection.execute(
            count.values(home=self._home(connection)).returning(FENCE.c.term, FENCE.c.beat)
        ).first()
        if counted is None:
            raise Fenced(_said(self._database, str(_row(connection).held)))
        return counted.term, counted.beat

    def _doubt(self, row: Row[Any], home: str | None, seen: Mark | None) -> str:
        """Why this may not be the database as it was last seen; empty where it is."""
        if seen is not None and (row.term, row.beat) < seen:
            return (
                f"is older than what this machine saw of it ({row.term}.{row.beat} after"
                f" {seen[0]}.{seen[1]}): a backup was restored"
            )
        if seen is None and self._database.is_sqlite and row.beat:
            return "was used elsewhere and is new to this machine"
        if row.home != home and row.beat:
            return "is a copy: another server, or another database of it, has sent its mails"
        return ""

    def _home(self, connection: Connection) -> str | None:
        if self._database.is_sqlite:
            return None
        return str(connection.execute(select(_HOME)).scalar_one())

    def _seen(self) -> Mark | None:
        """The highest mark this machine saw; None where it saw none."""
        if self._path is None:
            return None
        try:
            term, beat = map(int, self._path.read_text("ascii").split())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StoreError(f"{self._path} cannot be read ({error}): see the README") from error
        return term, beat

    def _remember(self, mark: Mark) -> None:
        """Keeps the mark, unless another process kept a higher one."""
        with self._alone():
            self._keep(mark)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keeps other threads and processes of this machine from the file.

        Raises:
            StoreError: the file, or its folder, cannot be written.
        """
        if self._path is None:
            yield
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self._path}.lock"):
                yield
        except OSError as error:
            raise StoreError(
                f"cannot write {self._path}: {error.strerror} (its folder is state_dir)"
            ) from error

    def _keep(self, mark: Mark) -> None:
        if self._path is None or mark <= (self._seen() or (-1, 0)):
            return
        if self._database.is_sqlite:  # its commits reach the disk before the file does
            with suppress(FileNotFoundError):
                _sync(Path(f"{self._database.url.database}-wal"))
        _replace(self._path, "{} {}\n".format(*mark))


def _path(database: Database, folder: Path | None) -> Path | None:
    if database.is_sqlite:
        return Path(f"{database.url.database}.fence")
    name = hashlib.sha256(str(database).encode()).hexdigest()[:16]
    return folder / f"{name}.fence" if folder else None


def _said(database: Database, reason: str) -> str:
    return (
        f"{database} {reason}; nothing is queued or sent until you say"
        " `digest deliveries release --skip-open` (gives up what is open or was due until now)"
        " or `digest deliveries release --send` (sends it: some may get it twice)"
    )


def _row(connection: Connection) -> Row[Any]:
    return connection.execute(select(FENCE)).one()


def _give_up() -> Any:  # noqa: ANN401 - an Update
    waiting = DELIVERY.c.state.in_((DeliveryState.QUEUED, DeliveryState.DEFERRED))
    reason = literal("given up on the operator's word")
    return update(DELIVERY).where(waiting).values(state=DeliveryState.SKIPPED, reason=reason)


def _replace(path: Path, content: str) -> None:
    """Writes a file so that it is the old one or the new one, whatever happens."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(content, "ascii")
    _sync(draft)
    draft.replace(path)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDWR)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
