"""The store: the only room that speaks SQL. Values in, values out; one method, one transaction."""

from collections.abc import Sequence
from pathlib import Path

from digest.store.bounces import Bounces
from digest.store.database import Database
from digest.store.editions import Editions, Heading
from digest.store.fence import Fence
from digest.store.ledger import Ledger
from digest.store.papers import Papers
from digest.store.queue import Queue, Script
from digest.store.ratings import Ratings
from digest.store.roster import Roster
from digest.store.signals import Signals
from digest.store.subscribers import Subscribers

__all__ = ["Heading", "Script", "Store"]


class Store:
    """Everything that is remembered.

    Attributes:
        papers: papers, signals and looks at sources.
        signals: what was counted, over time.
        editions: the archive.
        subscribers: what a reader does to their own subscription.
        roster: all readers.
        ledger: deliveries.
        bounces: what came back, and domains that wait.
        ratings: what readers say of papers.
        fence: whether they may go out.
        queue: the jobs of workers, where deliveries are sent by those.
    """

    def __init__(self, url: str, *, is_queued: bool = False, state_dir: Path | None = None) -> None:
        """Connects nothing yet.

        Args:
            url: of the database.
            is_queued: deliveries come with jobs for workers (PostgreSQL only).
            state_dir: where the fence of a PostgreSQL database is kept; nowhere for None.

        Raises:
            ConfigError: ``url`` is no SQLite or PostgreSQL address.
        """
        self._database = Database(url, is_queued=is_queued)
        self.fence = Fence(self._database, state_dir)
        self.queue = Queue(self._database)
        self.papers = Papers(self._database)
        self.signals = Signals(self._database)
        self.editions = Editions(self._database)
        self.subscribers = Subscribers(self._database)
        self.roster = Roster(self._database)
        self.ledger = Ledger(self._database, self.fence)
        self.bounces = Bounces(self._database)
        self.ratings = Ratings(self._database)

    @property
    def is_sqlite(self) -> bool:
        """Whether everything is in one file."""
        return self._database.is_sqlite

    @property
    def folder(self) -> Path | None:
        """Where the file is; None where there is a server."""
        return Path(self._database.url.database or ".").parent if self.is_sqlite else None

    @property
    def libpq_url(self) -> str:
        """The address as PostgreSQL's own library reads it, with the password: for no log."""
        url = self._database.url.set(drivername="postgresql")
        return url.render_as_string(hide_password=False)

    def upgrade(self, scripts: Sequence[Script] = ()) -> None:
        """Creates the tables or brings them to this version; the queue's by their ``scripts``."""
        self._database.upgrade()
        if scripts:
            self.queue.upgrade(scripts)

    def check(self, scripts: Sequence[Script] = ()) -> None:
        """Raises StoreError unless the tables are of this version, and the queue's of theirs."""
        self._database.check()
        if scripts:
            self.queue.check(scripts)

    def close(self) -> None:
        """Closes all connections."""
        self._database.close()

    def __str__(self) -> str:
        """The address, without its password."""
        return str(self._database)
