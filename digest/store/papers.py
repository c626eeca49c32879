"""Papers and their signals: written once, appended to, never overwritten."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    delete,
    func,
    select,
    update,
)

from digest.model import (
    Candidate,
    Earlier,
    FetchState,
    Harvest,
    Paper,
    Signal,
    SourceReport,
    Tally,
    Visit,
)
from digest.store.database import Database
from digest.store.signals import signal_of, telling
from digest.store.tables import LOOK, PAPER, SIGNAL, VISIT

CHUNK = 500  # rows a statement: SQLite allows 32,766 parameters


class Papers:
    """What the sources told us."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, harvest: Harvest, at: datetime) -> SourceReport:
        """Stores what a source brought home and reports how much of it was new.

        A paper known already keeps its texts; empty authors, categories, abstract and links are
        filled. A failed look is stored too, for the report.
        """
        papers = {paper.id: paper for paper in harvest.papers}
        with self._database.begin() as connection:
            known = self._known(connection, papers)
            new = sorted(papers.keys() - known.keys())
            self._insert(connection, [papers[name] for name in new], at)
            for name, row in known.items():
                _fill(connection, row, papers[name])
            there = known.keys() | set(new) | self._ids(connection, harvest.signals, papers.keys())
            self._append(connection, [s for s in harvest.signals if s.paper_id in there])
            self._remember(connection, harvest.visits)
            report = SourceReport(
                source=harvest.source,
                state=harvest.state,
                at=at,
                listed=harvest.listed,
                new=len(new),
                newest_id=max(papers, default=""),
                seconds=harvest.seconds,
                note=harvest.note,
                tallies=harvest.tallies,
            )
            connection.execute(self._database.insert(LOOK), [_look(report)])
        return report

    def window(self, since: datetime, until: datetime) -> tuple[Candidate, ...]:
        """Papers first seen in (since, until], with what ranking needs of their signals until then.

        Of each signal of each source these are the first observation, the last one, and the last
        ones of half a day and a day before ``until``: a week of hourly looks is thinned in the
        database.
        Oldest first.
        """
        wanted = (PAPER.c.seen_at > since) & (PAPER.c.seen_at <= until)
        papers = select(PAPER).where(wanted).order_by(PAPER.c.id)
        with self._database.read() as connection:
            by_paper = {
                paper_id: tuple(signal_of(row) for row in rows)
                for paper_id, rows in groupby(
                    connection.execute(telling(wanted, until)), key=lambda row: row.paper_id
                )
            }
            return tuple(
                Candidate(paper=_paper(row), seen_at=row.seen_at, signals=by_paper.get(row.id, ()))
                for row in connection.execute(papers)
            )

    def earlier(self, since: datetime, until: datetime) -> tuple[Earlier, ...]:
        """Papers first seen in (since, until] that had votes by then, each with its most votes."""
        most = func.max(SIGNAL.c.value)
        wanted = (
            select(PAPER.c.id, PAPER.c.authors, most.label("votes"))
            .join(SIGNAL, SIGNAL.c.paper_id == PAPER.c.id)
            .where(PAPER.c.seen_at > since, PAPER.c.seen_at <= until)
            .where(SIGNAL.c.name == "votes", SIGNAL.c.at <= until)
            .group_by(PAPER.c.id)
            .having(most > 0)
            .order_by(PAPER.c.id)
        )
        with self._database.read() as connection:
            rows = connection.execute(wanted)
            return tuple(Earlier(authors=tuple(row.authors), votes=row.votes) for row in rows)

    def visits(self) -> Mapping[str, Visit]:
        """What is remembered of each address, by URL."""
        with self._database.read() as connection:
            rows = connection.execute(select(VISIT))
            return {row.url: Visit(**row._mapping) for row in rows}  # noqa: SLF001 - its own API

    def last_looks(self) -> tuple[SourceReport, ...]:
        """The latest look at each source."""
        latest = select(func.max(LOOK.c.id)).group_by(LOOK.c.source)
        wanted = select(LOOK).where(LOOK.c.id.in_(latest))
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(LOOK.c.source))
            return tuple(_report(row) for row in rows)

    def looks(self, since: datetime, until: datetime) -> tuple[SourceReport, ...]:
        """All looks in (since, until], oldest first."""
        wanted = select(LOOK).where(LOOK.c.at > since, LOOK.c.at <= until).order_by(LOOK.c.id)
        with self._database.read() as connection:
            return tuple(_report(row) for row in connection.execute(wanted))

    def counts(self) -> Mapping[str, int]:
        """How many papers and signals there are."""
        with self._database.read() as connection:
            return {
                name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for name, table in (("papers", PAPER), ("signals", SIGNAL))
            }

    def forget(self, before: datetime) -> None:
        """Drops the record of looks from before that instant; papers and signals stay."""
        with self._database.begin() as connection:
            connection.execute(delete(LOOK).where(LOOK.c.at < before))

    def _known(self, connection: Connection, ids: Iterable[str]) -> dict[str, Row[Any]]:
        rows: dict[str, Row[Any]] = {}
        for chunk in _chunks(sorted(ids)):
            wanted = select(PAPER).where(PAPER.c.id.in_(chunk))
            rows |= {row.id: row for row in connection.execute(wanted)}
        return rows

    def _ids(
        self, connection: Connection, signals: Iterable[Signal], besides: Iterable[str]
    ) -> set[str]:
        """Of the papers that only signals name, those that are there."""
        return set(self._known(connection, {s.paper_id for s in signals} - set(besides)))

    def _insert(self, connection: Connection, papers: list[Paper], at: datetime) -> None:
        rows = [
            {
                "id": paper.id,
                "title": paper.title,
                "abstract": paper.abstract,
                "authors": list(paper.authors),
                "categories": list(paper.categories),
                "source": paper.source,
                "published_at": paper.published_at,
                "links": dict(paper.links),
                "lab": paper.lab,
                "seen_at": at,
            }
            for paper in papers
        ]
        if rows:
            connection.execute(self._database.insert(PAPER).on_conflict_do_nothing(), rows)

    def _append(self, connection: Connection, signals: list[Signal]) -> None:
        rows = [
            {
                "paper_id": s.paper_id,
                "source": s.source,
                "name": s.name,
                "value": s.value,
                "at": s.at,
            }
            for s in sorted(signals, key=attrgetter("paper_id", "name", "source", "at"))
        ]
        if rows:
            connection.execute(self._database.insert(SIGNAL).on_conflict_do_nothing(), rows)

    def _remember(self, connection: Connection, visits: Iterable[Visit]) -> None:
        for visit in visits:
            what = {
                "etag": visit.etag,
                "last_modified": visit.last_modified,
                "built": visit.built,
                "batch": visit.batch,
            }
            upsert = self._database.insert(VISIT).values(url=visit.url, **what)
            connection.execute(upsert.on_conflict_do_update(index_elements=["url"], set_=what))


def _fill(connection: Connection, row: Row[Any], paper: Paper) -> None:
    """Completes what a first source left empty; what it said stays."""
    better: dict[str, object] = {}
    if not row.abstract and paper.abstract:
        better["abstract"] = paper.abstract
    if not row.authors and paper.authors:
        better["authors"] = list(paper.authors)
    if not row.categories and paper.categories:
        better["categories"] = list(paper.categories)
    if row.published_at is None and paper.published_at is not None:
        better["published_at"] = paper.published_at
    if not row.lab and paper.lab:
        better["lab"] = paper.lab
    if paper.links.keys() - row.links.keys():
        better["links"] = {**paper.links, **row.links}
    if better:
        connection.execute(update(PAPER).where(PAPER.c.id == row.id).values(**better))


def _paper(row: Row[Any]) -> Paper:
    return Paper(
        id=row.id,
        title=row.title,
        abstract=row.abstract,
        authors=tuple(row.authors),
        categories=tuple(row.categories),
        source=row.source,
        published_at=row.published_at,
        links=dict(sorted(row.links.items())),
        lab=row.lab,
    )


def _look(report: SourceReport) -> dict[str, object]:
    return {
        "source": report.source,
        "state": report.state.value,
        "at": report.at,
        "listed": report.listed,
        "new": report.new,
        "newest_id": report.newest_id,
        "seconds": report.seconds,
        "note": report.note,
        "tallies": [asdict(one) for one in report.tallies],
    }


def _report(row: Row[Any]) -> SourceReport:
    values = {name: value for name, value in row._mapping.items() if name != "id"}  # noqa: SLF001
    values |= {"state": FetchState(row.state), "tallies": tuple(Tally(**t) for t in row.tallies)}
    return SourceReport(**values)


def _chunks(names: list[str]) -> Iterable[list[str]]:
    return (names[at : at + CHUNK] for at in range(0, len(names), CHUNK))
