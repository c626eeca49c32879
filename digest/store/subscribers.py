"""Joining, preferring, moving, leaving: what a reader does, each in one transaction."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select

from digest.errors import TooManyRequests
from digest.membership import BOUNCE, Answer, on_confirm, on_sign_up
from digest.model import Consent, MailKind, Preferences, Subscriber, SubscriberState
from digest.store.database import Database
from digest.store.readers import agree, change, chosen, new_row, one, write
from digest.store.tables import ATTEMPT, CONSENT, SUBSCRIBER, SUPPRESSION

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Subscribers:
    """What a reader may do to their own subscription."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sign_up(
        self,
        *,
        email: str,
        fingerprint: str,
        key: str,
        preferences: Preferences,
        consent: Consent,
        network: str,
        per_address: int,
        per_network: int,
    ) -> Answer:
        """Takes a sign-up and queues the letter it leads to.

        Args:
            email: where to write.
            fingerprint: the address's keyed hash.
            key: the public name, should the reader be new.
            preferences: what they chose on the form.
            consent: what they agreed to; its ``at`` is now.
            network: the keyed hash of where they come from.
            per_address: letters a day to one address.
            per_network: sign-ups an hour from one network.

        Raises:
            TooManyRequests: from this network.
        """
        now = consent.at
        with self._database.begin() as connection:
            if self._attempts(connection, network, now - HOUR) >= per_network:
                raise TooManyRequests("too many sign-ups from this network within an hour")
            there = one(connection, SUBSCRIBER.c.fingerprint == fingerprint)
            asked = self._attempts(connection, fingerprint, now - DAY) + 1
            barred = select(SUPPRESSION.c.reason).where(SUPPRESSION.c.fingerprint == fingerprint)
            why = connection.execute(barred).scalar_one_or_none()
            answer = on_sign_up(there.state if there else None, asked, per_address, why)
            attempts = [{"fingerprint": name, "at": now} for name in (network, fingerprint)]
            connection.execute(self._database.insert(ATTEMPT), attempts)
            if there is None:
                row = new_row(email, fingerprint, key, preferences, now) | {"state": answer.state}
                # Two forms sent at once: the second finds the first's row.
                insert = self._database.insert(SUBSCRIBER).on_conflict_do_nothing()
                connection.execute(insert, [row])
                there = one(connection, SUBSCRIBER.c.fingerprint == fingerprint)
                assert there is not None
            elif answer.state is SubscriberState.PENDING:
                change(connection, there.id, {"state": answer.state} | chosen(preferences))
            agree(connection, there.id, consent)
            if answer.letter:
                write(self._database, connection, there.id, answer.letter, now)
        return answer

    def confirm(self, key: str, consent: Consent) -> Subscriber | None:
        """Makes a pending reader active and lifts a bounce; None where there is nothing to do."""
        with self._database.begin() as connection:
            there = one(connection, SUBSCRIBER.c.key == key)
            state = on_confirm(there.state if there else None)
            if there is None or state is None or there.state is state:
                return there if state else None
            change(connection, there.id, {"state": state, "confirmed_at": consent.at})
            agree(connection, there.id, consent)
            bounced = SUPPRESSION.c.reason.startswith(BOUNCE)
            mine = select(SUBSCRIBER.c.fingerprint).where(SUBSCRIBER.c.id == there.id)
            connection.execute(
                delete(SUPPRESSION).where(bounced, SUPPRESSION.c.fingerprint.in_(mine))
            )
            return one(connection, SUBSCRIBER.c.key == key)

    def leave(self, key: str, consent: Consent) -> bool:
        """Ends a subscription at once; False where there was none (any more)."""
        with self._database.begin() as connection:
            there = one(connection, SUBSCRIBER.c.key == key)
            if there is None or there.state is SubscriberState.LEFT:
                return False
            gone = {"state": SubscriberState.LEFT, "left_at": consent.at, "pending_email": None}
            change(connection, there.id, gone)
            agree(connection, there.id, consent)
            return True

    def prefer(self, key: str, preferences: Preferences, consent: Consent) -> Subscriber | None:
        """Stores what a reader chose."""
        with self._database.begin() as connection:
            there = one(connection, SUBSCRIBER.c.key == key)
            if there is None:
                return None
            change(connection, there.id, chosen(preferences))
            agree(connection, there.id, consent)
            return one(connection, SUBSCRIBER.c.key == key)

    def ask_change(
        self, key: str, email: str, fingerprint: str, consent: Consent, per_address: int
    ) -> None:
        """Remembers the new address and queues the letter to it, within the limit of its day."""
        with self._database.begin() as connection:
            there = one(connection, SUBSCRIBER.c.key == key)
            if there is None or there.state is not SubscriberState.ACTIVE:
                return
            asked = self._attempts(connection, fingerprint, consent.at - DAY)
            row = {"fingerprint": fingerprint, "at": consent.at}
            connection.execute(self._database.insert(ATTEMPT), [row])
            taken = one(connection, SUBSCRIBER.c.fingerprint == fingerprint)
            barred = select(SUPPRESSION).where(SUPPRESSION.c.fingerprint == fingerprint)
            unwanted = taken or connection.execute(barred).first()
            agree(connection, there.id, consent)
            if not unwanted and asked < per_address:
                change(connection, there.id, {"pending_email": email})
                write(self._database, connection, there.id, MailKind.CHANGE, consent.at)

    def change(self, key: str, email: str, fingerprint: str, consent: Consent) -> bool:
        """Moves a reader to the address they confirmed; False where it is somebody's by now."""
        with self._database.begin() as connection:
            there = one(connection, SUBSCRIBER.c.key == key)
            taken = one(connection, SUBSCRIBER.c.fingerprint == fingerprint)
            if there is None or (taken and taken.id != there.id):
                return False
            new = {"email": email, "fingerprint": fingerprint, "pending_email": None}
            change(connection, there.id, new)
            agree(connection, there.id, consent)
            return True

    def erase(self, key: str) -> bool:
        """Deletes a reader with consents and deliveries. A suppression stays: it names nobody."""
        with self._database.begin() as connection:
            gone = connection.execute(delete(SUBSCRIBER).where(SUBSCRIBER.c.key == key))
            return bool(gone.rowcount)

    def forget_attempts(self, before: datetime) -> None:
        """Drops what the limits no longer need."""
        with self._database.begin() as connection:
            connection.execute(delete(ATTEMPT).where(ATTEMPT.c.at < before))

    def forget_unconfirmed(self, before: datetime) -> int:
        """Deletes who was asked to confirm for the last time before that instant; returns how many.

        An address that nobody confirmed may be a stranger's: there is no reason to keep it.
        """
        since = select(CONSENT.c.id).where(
            CONSENT.c.subscriber_id == SUBSCRIBER.c.id, CONSENT.c.at >= before
        )
        pending = SUBSCRIBER.c.state == SubscriberState.PENDING
        with self._database.begin() as connection:
            gone = connection.execute(delete(SUBSCRIBER).where(pending, ~since.exists()))
            return int(gone.rowcount)

    def _attempts(self, connection: Connection, fingerprint: str, since: datetime) -> int:
        mine = (ATTEMPT.c.fingerprint == fingerprint, ATTEMPT.c.at > since)
        wanted = select(func.count()).select_from(ATTEMPT).where(*mine)
        return int(connection.execute(wanted).scalar_one())
