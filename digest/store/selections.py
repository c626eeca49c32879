"""Which papers a mail has: each list is stored once, and the ledger's rows refer to it."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, func, select, text

from digest.store.database import Database
from digest.store.tables import SELECTION

_KEPT = 10_000  # selections that are remembered

_ON_SQLITE = text(
    "INSERT INTO selection (id, papers) SELECT :first + key, value FROM json_each(:lists)"
)
_ON_POSTGRESQL = text(  # ids are given in this order
    "INSERT INTO selection (papers) SELECT one.value"
    " FROM jsonb_array_elements(CAST(:lists AS jsonb)) WITH ORDINALITY AS one (value, place)"
    " ORDER BY one.place RETURNING id"
)

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
            found |= zip(fresh, self._write(connection, fresh), strict=True)
        return found

    def _write(self, connection: Connection, lists: Sequence[Papers]) -> Sequence[int]:
        """Writes them all in one go; returns their ids."""
        given = self._database.json(lists)
        if self._database.is_sqlite:  # where nobody else can take the ids that come next
            last = select(func.coalesce(func.max(SELECTION.c.id), 0))
            first = connection.execute(last).scalar_one() + 1
            connection.execute(_ON_SQLITE, {"first": first, "lists": given})
            return range(first, first + len(lists))
        return sorted(connection.execute(_ON_POSTGRESQL, {"lists": given}).scalars())

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
            known = self._read(connection, {int(n) for one in unread for n in one.split(",")})
            for one in unread:
                # One may be missing: in a database that was restored beneath this process.
                unions[one] = frozenset(p for n in one.split(",") for p in known.get(int(n), ()))
            if len(unions) > _KEPT:
                self._unions = {}  # not emptied: another thread may be reading it
        return {reader: unions[one] for reader, one in lists.items()}

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
