"""The store: the only room that speaks SQL. Values in, values out; one method, one transaction."""

from pathlib import Path

from digest.store.bounces import Bounces
from digest.store.claims import Chooser
from digest.store.database import Database
from digest.store.editions import Editions, Heading
from digest.store.ledger import Ledger
from digest.store.papers import Papers
from digest.store.roster import Roster
from digest.store.subscribers import Subscribers

__all__ = ["Chooser", "Heading", "Store"]


class Store:
    """Everything that is remembered.

    Attributes:
        papers: papers, signals and looks at sources.
        editions: the archive.
        subscribers: what a reader does to their own subscription.
        roster: all readers.
        ledger: deliveries.
        bounces: what came back, and domains that wait.
    """

    def __init__(self, url: str) -> None:
        """Connects nothing yet.

        Raises:
            ConfigError: ``url`` is no SQLite or PostgreSQL address.
        """
        self._database = Database(url)
        self.papers = Papers(self._database)
        self.editions = Editions(self._database)
        self.subscribers = Subscribers(self._database)
        self.roster = Roster(self._database)
        self.ledger = Ledger(self._database)
        self.bounces = Bounces(self._database)

    @property
    def is_sqlite(self) -> bool:
        """Whether everything is in one file."""
        return self._database.is_sqlite

    @property
    def folder(self) -> Path | None:
        """Where the file is; None where there is a server."""
        return Path(self._database.url.database or ".").parent if self.is_sqlite else None

    def upgrade(self) -> None:
        """Creates the tables or brings them to this version."""
        self._database.upgrade()

    def check(self) -> None:
        """Raises StoreError unless the tables are of this version."""
        self._database.check()

    def close(self) -> None:
        """Closes all connections."""
        self._database.close()

    def __str__(self) -> str:
        """The address, without its password."""
        return str(self._database)
