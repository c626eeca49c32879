"""The mailer's room: SMTP, TLS and what a relay answers; nobody else speaks to a relay.

    Envelope ─▶ SmtpMailer.send ─▶ a lane of the pool ─▶ Connection.offer ─▶ Outcome

A finished mail goes in, what became of it comes out: whatever the network or the server does is
an Outcome, never an exception.
"""

from collections.abc import Sequence
from typing import Protocol

from digest.mailer.smtp import SmtpMailer
from digest.model import Envelope, Outcome

__all__ = ["Mailer", "SmtpMailer"]


class Mailer(Protocol):
    """What delivers mails. Several ``send`` may run at once, one per lane, in one event loop."""

    async def send(self, window: Sequence[Envelope]) -> list[Outcome]:
        """Sends the mails in their order; one Outcome each, in that order.

        Never raises for what the network or the server did. If it is cancelled, the mail that was
        on its way is in doubt and those after it were not offered.
        """
        ...

    async def close(self) -> None:
        """Takes leave of the server. A mailer that is closed keeps no connection open."""
        ...
