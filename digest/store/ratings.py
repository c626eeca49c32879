"""What readers said of papers, and what that comes to for each of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select

from digest.model import Rating, Subscriber, SubscriberState
from digest.store.database import Database
from digest.store.readers import change, one, subscriber
from digest.store.tables import DELIVERY, PAPER, RATING, SUBSCRIBER

# The taste of ratings, each with the paper's categories and authors, the latest first.
Weigh = Callable[[Iterable[tuple[Rating, Sequence[str], Sequence[str]]]], str]


class Ratings:
    """A rating is one reader's of one paper; a later one takes its place."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mailed(self, delivery_id: int) -> tuple[str | None, Subscriber] | None:
        """The edition of a delivery and its reader; None where there is no such delivery."""
        wanted = (
            select(DELIVERY.c.edition_id, SUBSCRIBER)
            .join(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id)
            .where(DELIVERY.c.id == delivery_id)
        )
        with self._database.read() as connection:
            row = connection.execute(wanted).first()
            return (row.edition_id, subscriber(row)) if row else None

    def delivery(self, edition_id: str, key: str) -> int | None:
        """The other way round: the delivery of an edition to an active reader, if there is one."""
        wanted = (
            select(DELIVERY.c.id)
            .join(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id)
            .where(DELIVERY.c.edition_id == edition_id, SUBSCRIBER.c.key == key)
            .where(SUBSCRIBER.c.state == SubscriberState.ACTIVE)
        )
        with self._database.read() as connection:
            return connection.execute(wanted).scalar_one_or_none()

    def of(self, key: str) -> Mapping[str, Rating]:
        """All ratings of a reader, by paper."""
        wanted = (
            select(RATING.c.paper_id, RATING.c.said)
            .join(SUBSCRIBER, SUBSCRIBER.c.id == RATING.c.subscriber_id)
            .where(SUBSCRIBER.c.key == key)
        )
        with self._database.read() as connection:
            return {name: Rating(said) for name, said in connection.execute(wanted)}

    def rate(
        self, key: str, paper_id: str, said: Rating | None, at: datetime, weigh: Weigh
    ) -> bool:
        """Records what a reader says of a paper, or takes it back; False where there is no reader.

        What all their ratings come to is kept with the reader, in the same transaction.
        """
        with self._database.begin() as connection:
            reader = one(connection, SUBSCRIBER.c.key == key)
            if reader is None:
                return False
            mine = (RATING.c.subscriber_id == reader.id, RATING.c.paper_id == paper_id)
            connection.execute(delete(RATING).where(*mine))
            if said:
                row = {"subscriber_id": reader.id, "paper_id": paper_id, "said": said, "at": at}
                connection.execute(self._database.insert(RATING), [row])
            change(connection, reader.id, {"taste": weigh(self._rated(connection, reader.id))})
            return True

    def forget(self, key: str) -> None:
        """Drops all ratings of a reader, and what they came to."""
        with self._database.begin() as connection:
            if reader := one(connection, SUBSCRIBER.c.key == key):
                connection.execute(delete(RATING).where(RATING.c.subscriber_id == reader.id))
                change(connection, reader.id, {"taste": ""})

    def _rated(
        self, connection: Connection, subscriber_id: int
    ) -> list[tuple[Rating, Sequence[str], Sequence[str]]]:
        wanted = (
            select(RATING.c.said, PAPER.c.categories, PAPER.c.authors)
            .join(PAPER, PAPER.c.id == RATING.c.paper_id)
            .where(RATING.c.subscriber_id == subscriber_id)
            .order_by(RATING.c.at.desc(), RATING.c.paper_id)
        )
        rows = connection.execute(wanted)
        return [(Rating(said), categories, authors) for said, categories, authors in rows]
