"""Signals as they are read: what ranking needs of a week of looks, and counts over time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, select

from digest.model import Signal
from digest.store.database import Database
from digest.store.tables import PAPER, SIGNAL

# Growth is told from what was counted so long before.
HALF_DAY, A_DAY = timedelta(hours=12), timedelta(hours=20)


class Signals:
    """What was counted of papers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(self, ids: Iterable[str], name: str) -> Mapping[str, float]:
        """The last observation of that name of each of these papers, where there is one."""
        mine = self._of(ids, name)
        last = (
            select(SIGNAL.c.paper_id, func.max(SIGNAL.c.at).label("at"))
            .where(mine)
            .group_by(SIGNAL.c.paper_id)
            .subquery()
        )
        same = (SIGNAL.c.paper_id == last.c.paper_id) & (SIGNAL.c.at == last.c.at)
        wanted = select(SIGNAL.c.paper_id, SIGNAL.c.value).where(mine).join(last, same)
        with self._database.read() as connection:
            return {row.paper_id: row.value for row in connection.execute(wanted)}

    def history(self, ids: Iterable[str], name: str) -> Mapping[str, Sequence[Signal]]:
        """All observations of that name of each of these papers, oldest first."""
        found: dict[str, list[Signal]] = {}
        wanted = select(SIGNAL).where(self._of(ids, name)).order_by(SIGNAL.c.at)
        with self._database.read() as connection:
            for row in connection.execute(wanted):
                found.setdefault(row.paper_id, []).append(signal_of(row))
        return found

    def _of(self, ids: Iterable[str], name: str) -> ColumnElement[bool]:
        return (SIGNAL.c.name == name) & self._database.among(SIGNAL.c.paper_id, list(ids))


def telling(wanted: ColumnElement[bool], until: datetime) -> Select[Any]:
    """Of each signal of the wanted papers the observations that ranking reads, oldest first."""
    half, day = until - HALF_DAY, until - A_DAY
    kept = (
        select(
            SIGNAL.c.paper_id,
            SIGNAL.c.name,
            SIGNAL.c.source,
            func.min(SIGNAL.c.at).label("first"),
            func.max(SIGNAL.c.at).label("last"),
            func.max(case((SIGNAL.c.at <= half, SIGNAL.c.at))).label("earlier"),
            func.max(case((SIGNAL.c.at <= day, SIGNAL.c.at))).label("yesterday"),
        )
        .join(PAPER, PAPER.c.id == SIGNAL.c.paper_id)
        .where(wanted, SIGNAL.c.at <= until)
        .group_by(SIGNAL.c.paper_id, SIGNAL.c.name, SIGNAL.c.source)
        .subquery()
    )
    same = and_(*(SIGNAL.c[name] == kept.c[name] for name in ("paper_id", "name", "source")))
    told = SIGNAL.c.at.in_([kept.c.first, kept.c.last, kept.c.earlier, kept.c.yesterday])
    columns = (SIGNAL.c[name] for name in ("paper_id", "source", "name", "value", "at"))
    return (
        select(*columns)
        .join(kept, same & told)
        .order_by(SIGNAL.c.paper_id, SIGNAL.c.at, SIGNAL.c.id)
    )


def signal_of(row: Row[Any]) -> Signal:
    """A row as a value."""
    return Signal(
        paper_id=row.paper_id, source=row.source, name=row.name, value=row.value, at=row.at
    )
