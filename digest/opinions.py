"""Rating papers: what happens when a reader follows "more or less like this" and presses a button.

    look(rank, ticket) ─▶ the paper, what was said of it ─▶ rate ─▶ taste ─▶ their next mail

The link of a mail is the ticket of its delivery: whoever has it may rate the papers of that edition
in its reader's name, and nothing else. Looking changes nothing.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime

from digest import links, taste
from digest.errors import LinkError
from digest.links import Signer
from digest.model import Item, Rating, Subscriber, SubscriberState
from digest.store import Store

ENDED = "this link belongs to a subscription that has ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """A paper of somebody's mail, and what they said of it, if anything."""

    reader: Subscriber
    item: Item
    said: Rating | None


class Opinions:
    """What readers say of papers."""

    def __init__(self, store: Store, signer: Signer) -> None:
        self._store = store
        self._signer = signer

    def look(self, rank: int, ticket: str) -> Opinion:
        """What the reader of that ticket said of the paper at ``rank`` of their edition.

        Raises:
            LinkError: the link is not ours, or nobody's any more.
        """
        number = links.delivery_of(ticket)
        edition_id, reader = self._store.ratings.mailed(number) or (None, None)
        # Compared for nobody, too: how long it takes tells nothing about numbers that exist.
        ours = links.ticket(self._signer, number, reader.key if reader else "")
        if not hmac.compare_digest(ticket, ours) or reader is None or edition_id is None:
            raise LinkError("this link is not complete")
        if reader.state is not SubscriberState.ACTIVE:
            raise LinkError(ENDED)
        edition = self._store.editions.get(edition_id)
        found = [one for one in edition.items if one.rank == rank] if edition else []
        if not found:
            raise LinkError("this link is not complete")
        said = self._store.ratings.of(reader.key).get(found[0].paper.id)
        return Opinion(reader=reader, item=found[0], said=said)

    def rate(self, rank: int, ticket: str, said: Rating | None, now: datetime) -> Opinion:
        """Records what the reader says, or takes it back; it counts from their next mail on.

        Raises:
            LinkError: as ``look`` does.
        """
        about = self.look(rank, ticket)
        name = about.item.paper.id
        self._store.ratings.rate(about.reader.key, name, said, now, taste.of)
        return self.look(rank, ticket)

    def ticket(self, edition_id: str, key: str) -> str:
        """The ticket of the mail that brought a reader that edition; empty where none is good."""
        number = self._store.ratings.delivery(edition_id, key)
        return links.ticket(self._signer, number, key) if number is not None else ""

    def count(self, reader: Subscriber) -> int:
        """How many papers a reader has rated."""
        return len(self._store.ratings.of(reader.key))

    def forget(self, reader: Subscriber) -> None:
        """Drops all a reader said."""
        self._store.ratings.forget(reader.key)
