"""Joining, choosing, moving, leaving: what happens, in order, when a reader acts.

    sign_up ─▶ confirmation mail ─▶ confirm ─▶ prefer · ask_change ─▶ confirm_change · erase
                       leave ─▶ goodbye ─▶ undo ─▲

Tokens say who acts; the page is the same whether or not an address is known.
"""

import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from digest import addresses, links, mime
from digest.errors import InputError, LinkError
from digest.links import Signer
from digest.model import Consent, Preferences, Subscriber, SubscriberState
from digest.store import Store

LONGEST_AGENT = 200
ENDED = "this link belongs to a subscription that has ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an action comes from: ``source`` names the door, ``ip`` and ``agent`` the browser."""

    source: str
    ip: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Letters a day to one address, sign-ups an hour from one network."""

    per_address: int = 3
    per_network: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What became of readers that an operator added: how many were new, how many known already."""

    new: int
    known: int


class Subscriptions:
    """The readers' own affairs. All methods take ``now``; addresses come in as they were typed."""

    def __init__(self, store: Store, signer: Signer, limits: Limits, consent_text: str) -> None:
        self._store = store
        self._signer = signer
        self._limits = limits
        self._text = consent_text

    def sign_up(self, email: str, preferences: Preferences, origin: Origin, now: datetime) -> None:
        """Takes a sign-up and queues the letter it leads to.

        Raises:
            InputError: what was typed is no address.
            TooManyRequests: from this network.
        """
        address = _deliverable(email)
        self._store.subscribers.sign_up(
            email=address,
            fingerprint=self.fingerprint(address),
            key=secrets.token_urlsafe(12),
            preferences=preferences,
            consent=self._consent("asked", origin, now, text=self._text),
            network=self._signer.fingerprint("network", addresses.network(origin.ip)),
            per_address=self._limits.per_address,
            per_network=self._limits.per_network,
        )

    def confirm(self, token: str, origin: Origin, now: datetime) -> Subscriber:
        """Makes the reader of a confirmation link active; again is as good as once.

        Raises:
            LinkError: the link is not ours, too old, or from before they left.
        """
        (key,) = self._signer.read(links.CONFIRM, token, now)
        reader = self._store.subscribers.confirm(key, self._consent("confirmed", origin, now))
        if reader is None:
            raise LinkError(ENDED)
        return reader

    def leave(self, token: str, origin: Origin, now: datetime) -> None:
        """Ends the subscription of an unsubscribe link, at once; again is as good as once.

        Raises:
            LinkError: the link is not ours.
        """
        (key,) = self._signer.read(links.UNSUBSCRIBE, token, now)
        self._store.subscribers.leave(key, self._consent("left", origin, now), goodbye=True)

    def undo(self, token: str, origin: Origin, now: datetime) -> Subscriber:
        """Takes a leaving back, by the link of the goodbye; again is as good as once.

        Raises:
            LinkError: the link is not ours, too old, or nobody's any more.
        """
        (key,) = self._signer.read(links.UNDO, token, now)
        reader = self._store.subscribers.undo(key, self._consent("came back", origin, now))
        if reader is None:
            raise LinkError(ENDED)
        return reader

    def reader(self, token: str, now: datetime) -> Subscriber:
        """The active reader of a preferences link.

        Raises:
            LinkError: the link is not ours, or the reader is gone.
        """
        reader = self.holder(token, now)
        if reader.state is not SubscriberState.ACTIVE:
            raise LinkError(ENDED)
        return reader

    def holder(self, token: str, now: datetime) -> Subscriber:
        """Whose preferences link it is: active, or gone and still entitled to their data.

        Raises:
            LinkError: the link is not ours, or nobody's any more.
        """
        (key,) = self._signer.read(links.PREFERENCES, token, now)
        reader = self._store.roster.find(key=key)
        if reader is None or reader.state is SubscriberState.PENDING:
            raise LinkError(ENDED)
        return reader

    def prefer(
        self, token: str, preferences: Preferences, origin: Origin, now: datetime
    ) -> Subscriber:
        """Stores what a reader chose. Raises LinkError as ``reader`` does."""
        key = self.reader(token, now).key
        consent = self._consent("preferences", origin, now)
        self._store.subscribers.prefer(key, preferences, consent)
        return self.reader(token, now)

    def ask_change(self, token: str, email: str, origin: Origin, now: datetime) -> None:
        """Queues a letter to a new address; the page says the same if it is somebody's already.

        Raises:
            LinkError: as ``reader`` does.
            InputError: what was typed is no address.
        """
        reader, address = self.reader(token, now), _deliverable(email)
        consent = self._consent("asked to move", origin, now)
        self._store.subscribers.ask_change(
            reader.key, address, self.fingerprint(address), consent, self._limits.per_address
        )

    def confirm_change(self, token: str, origin: Origin, now: datetime) -> None:
        """Moves a reader to the address whose letter they answered.

        Raises:
            LinkError: the link is not ours, too old, or no longer what the reader asked for last.
        """
        key, fingerprint = self._signer.read(links.CHANGE, token, now)
        reader = self._store.roster.find(key=key)
        if reader is None:
            raise LinkError(ENDED)
        if self.fingerprint(reader.email) == fingerprint:
            return  # confirmed before
        new = reader.pending_email
        if new is None or self.fingerprint(new) != fingerprint:
            raise LinkError("another address was asked for since, or none")
        consent = self._consent("moved", origin, now)
        if not self._store.subscribers.change(key, new, fingerprint, consent):
            raise LinkError("this address is subscribed already")

    def erase(self, token: str, now: datetime) -> None:
        """Deletes everything about the holder of a preferences link. Raises LinkError."""
        self._store.subscribers.erase(self.holder(token, now).key)

    def data(self, token: str, now: datetime) -> Mapping[str, Any]:
        """Everything stored about the holder of a preferences link. Raises LinkError."""
        found = self._store.roster.data(self.holder(token, now).key)
        assert found is not None
        return found

    def add(
        self,
        readers: Iterable[tuple[str, Preferences]],
        now: datetime,
        *,
        confirmed: bool = True,
        source: str = "operator",
    ) -> Added:
        """Adds readers in the operator's name, all or none; known addresses stay as they are.

        Raises:
            InputError: one of them is no address.
        """
        rows = []
        for email, preferences in readers:
            address = _deliverable(email)
            name = secrets.token_urlsafe(12)
            rows.append((address, self.fingerprint(address), name, preferences))
        state = SubscriberState.ACTIVE if confirmed else SubscriberState.PENDING
        consent = self._consent("added", Origin(source=source), now)
        new = self._store.roster.add(rows, consent, state)
        return Added(new=new, known=len(rows) - new)

    def remove(self, emails: Collection[str], now: datetime) -> int:
        """Ends subscriptions in the operator's name; returns how many there were."""
        gone = 0
        for email in emails:
            mark = self.fingerprint(addresses.parse(email))
            if reader := self._store.roster.find(fingerprint=mark):
                consent = self._consent("removed", Origin(source="operator"), now)
                gone += self._store.subscribers.leave(reader.key, consent)
        return gone

    def fingerprint(self, address: str) -> str:
        """The keyed hash by which an address is recognised."""
        return self._signer.fingerprint("address", addresses.key(address))

    def _consent(self, action: str, origin: Origin, now: datetime, text: str = "") -> Consent:
        """What is recorded: the network instead of the address it came from, a short agent."""
        return Consent(
            action=action,
            at=now,
            source=origin.source,
            network=addresses.network(origin.ip) if origin.ip else "",
            agent=origin.agent[:LONGEST_AGENT],
            text=text,
        )


def _deliverable(email: str) -> str:
    """The address of what was typed: none is taken that could not be put on an envelope later.

    Raises:
        InputError: in words for who typed it.
    """
    address = addresses.parse(email)
    try:
        mime.wire_address(address)
    except InputError as error:
        text = "Mail servers would not take this address: a part of it is too long or unusual."
        raise InputError("email", text) from error
    return address
