"""Which papers a mail has: each list is stored once, and the ledger's rows refer to it."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, insert, select

from digest.store.database import Database
from digest.store.tables import SELECTION

_KEPT = 10_000  # selections that are remembered

Papers = tuple[str, ...]


class Selections:
    """The selections that this process has met.

    What is written in a transaction may be rolled back, so it is remembered after the commit.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: dict[Papers, int] = {}
        self._papers: dict[int, Papers] = {}
        self._unions: dict[str, frozenset[str]] = {}

    def ids(self, connection: Connection, wanted: Collection[Papers]) -> Mapping[Papers, int]:
        """The ids of selections, which are written where they are new."""
        known = self._ids
        found = {papers: known[papers] for papers in wanted if papers in known}
        if fresh := [papers for papers in wanted if papers not in found]:
            rows = insert(SELECTION).returning(SELECTION.c.id, sort_by_parameter_order=True)
            given = [{"papers": list(papers)} for papers in fresh]
            made = connection.execute(rows, given).scalars()
            found |= zip(fresh, made, strict=True)
        return found

    def remember(self, written: Mapping[Papers, int]) -> None:
        """To be called after the commit of what ``ids`` gave."""
        if len(self._ids) > _KEPT:
            self._ids = {}
        self._ids |= written

    def papers(self, connection: Connection, lists: Mapping[int, str]) -> dict[int, frozenset[str]]:
        """The papers of each reader, whose selections are given as a text of ids with commas.

        Most readers had the same mails, and a text is quickly compared with one that was read.
        """
        unions, texts = self._unions, set(lists.values())
        if unread := texts - unions.keys():
            known = self._read(connection, {int(n) for text in unread for n in text.split(",")})
            for text in unread:
                unions[text] = frozenset(p for n in text.split(",") for p in known[int(n)])
            if len(unions) > _KEPT:
                self._unions = {}  # not emptied: another thread may be reading it
        return {reader: unions[text] for reader, text in lists.items()}

    def _read(self, connection: Connection, names: set[int]) -> Mapping[int, Papers]:
        known = self._papers
        if len(known) > _KEPT:
            known = self._papers = {}
        if unknown := sorted(names - known.keys()):
            column = SELECTION.c.id
            wanted = select(column, SELECTION.c.papers)
            wanted = wanted.where(self._database.among(column, unknown))
            known |= {name: tuple(papers) for name, papers in connection.execute(wanted)}
        return known
