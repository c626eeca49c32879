"""Editions: one per cut, the first writer wins, never changed afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, func, select

from digest.content import dump, load
from digest.model import Edition, Gap
from digest.store.database import Database
from digest.store.tables import EDITION


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """An edition in the archive: its date, its cut, how many papers, and the title of the first."""

    id: str
    day: date
    cut: datetime
    count: int
    top_title: str


class Editions:
    """The archive."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def publish(self, edition: Edition) -> Edition:
        """Stores the edition of its cut, or gives back the one that is there already."""
        top = edition.items[0].paper.title if edition.items else ""
        row = {
            "id": edition.id,
            "cut": edition.cut,
            "day": edition.day,
            "count": len(edition.items),
            "top": top,
            "note": edition.note,
            "items": dump(edition.items, edition.colophon),
        }
        with self._database.begin() as connection:
            connection.execute(self._database.insert(EDITION).on_conflict_do_nothing(), [row])
            there = connection.execute(_whole().where(EDITION.c.cut == edition.cut))
            return _edition(there.one())

    def at(self, cut: datetime) -> Edition | None:
        """The edition of a cut."""
        return self._one(EDITION.c.cut == cut)

    def get(self, name: str) -> Edition | None:
        """The edition of that id."""
        return self._one(EDITION.c.id == name)

    def of_day(self, day: date) -> Edition | None:
        """The last edition of a day that has papers."""
        return self._one(EDITION.c.day == day, EDITION.c.count > 0)

    def before(self, day: date) -> Edition | None:
        """The last edition with papers of an earlier day."""
        return self._one(EDITION.c.day < day, EDITION.c.count > 0)

    def gaps(self, after: date, before: date) -> Sequence[Gap]:
        """The days between the two whose editions had nothing, with the last reason of each."""
        wanted = (
            select(EDITION.c.day, EDITION.c.note)
            .where(EDITION.c.day > after, EDITION.c.day < before, EDITION.c.count == 0)
            .order_by(EDITION.c.cut)
        )
        with self._database.read() as connection:
            found = {row.day: row.note for row in connection.execute(wanted)}
        return [Gap(day=day, why=note) for day, note in found.items()]

    def lasts(self, first: date, last: date) -> Sequence[Edition]:
        """The last edition with papers of each day from ``first`` to ``last``, oldest first."""
        cuts = (
            select(func.max(EDITION.c.cut))
            .where(EDITION.c.count > 0, EDITION.c.day >= first, EDITION.c.day <= last)
            .group_by(EDITION.c.day)
        )
        wanted = _whole().where(EDITION.c.cut.in_(cuts)).order_by(EDITION.c.cut)
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        return [_edition(row) for row in rows]

    def latest(self) -> Edition | None:
        """The newest edition that has papers."""
        return self._one(EDITION.c.count > 0)

    def days(self, limit: int = 400) -> Sequence[Heading]:
        """The last edition of each day, newest first."""
        last = select(func.max(EDITION.c.cut)).where(EDITION.c.count > 0).group_by(EDITION.c.day)
        table = EDITION.c
        wanted = (
            select(table.id, table.day, table.cut, table.count, table.top.label("top_title"))
            .where(EDITION.c.cut.in_(last))
            .order_by(EDITION.c.cut.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [Heading(**row._mapping) for row in connection.execute(wanted)]  # noqa: SLF001

    def _one(self, *where: Any) -> Edition | None:  # noqa: ANN401 - SQL conditions
        wanted = _whole().where(*where).order_by(EDITION.c.cut.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(wanted).first()
        return _edition(row) if row else None


def _whole() -> Any:  # noqa: ANN401 - a Select of many columns
    return select(EDITION)


def _edition(row: Row[Any]) -> Edition:
    items, colophon = load(row.items)
    return Edition(
        id=row.id, cut=row.cut, day=row.day, items=items, note=row.note, colophon=colophon
    )
