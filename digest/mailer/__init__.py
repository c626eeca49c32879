"""The mailer's room: SMTP, TLS and what a relay answers; nobody else speaks to a relay.

    envelopes ─▶ SmtpMailer.send ─▶ Window ─▶ Wire ⇄ Conversation ─▶ outcomes
                                              bytes   Sequential, Pipelining or Chunking

A finished mail goes in, what became of it comes out: whatever the network or the server does is
an Outcome, never an exception.
"""

from collections.abc import Iterable
from typing import Protocol

from digest.mailer.smtp import SmtpMailer
from digest.mailer.window import Told
from digest.model import Envelope, Outcome
from digest.pacing import Pace

__all__ = ["Mailer", "SmtpMailer", "Told"]


class Mailer(Protocol):
    """What delivers mails. Several ``send`` may run at once, one per lane, in one event loop."""

    @property
    def down(self) -> Outcome | None:
        """Why there was no way to the relay at the last attempt; None where there was one."""
        ...

    @property
    def pace(self) -> Pace:
        """Whether the relay has us slowed down, to how many mails a second, and its words."""
        ...

    async def send(
        self, window: Iterable[Envelope], told: Told = lambda _, __: None
    ) -> list[Outcome]:
        """Sends the mails in their order; one Outcome each, in that order.

        Takes an envelope when its turn comes, and all of them whatever happens; only where there is
        no connection for it and others have one, they are left to those. ``told`` hears of an
        outcome as soon as there is one, with the number of its mail from 0. Never raises for
        what the network or the server did; what the iterator raises goes through. If it is
        cancelled, the mails that were on their way are in doubt and those after them not offered.
        """
        ...

    async def close(self) -> None:
        """Takes leave of the server. A mailer that is closed keeps no connection open."""
        ...
