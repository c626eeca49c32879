"""The mailer's room: the driver for BDAT (RFC 3030): whole mails, several in flight.

    RSET MAIL RCPT BDAT-LAST body │ RSET MAIL RCPT BDAT-LAST body │ …      the replies as they come

A lost connection leaves in doubt what was in flight, so that is the operator's choice. The next
mail is written when the one before has left this process. A server that offers BDAT and does not
know it would take a mail's lines for commands: the first mail sends one line of its own header, and
the rest once that was taken.
"""

from digest.mailer.conversation import END, MAIL, RCPT, RSET
from digest.mailer.pipelining import Pipelining
from digest.mailer.relay import Relay
from digest.mailer.replies import Reply
from digest.mailer.window import Parcel

CHUNK = "BDAT"


class Chunking(Pipelining):
    """Up to ``flight`` mails whose end is not answered."""

    def __init__(self, relay: Relay, *, sized: bool, reports: bool = False, flight: int) -> None:
        super().__init__(relay, sized=sized, reports=reports)
        self._flight, self._flying = flight, 0

    def receive(self, data: bytes) -> list[bytes]:
        """As for all; what was answered makes room for more."""
        return super().receive(data) or self.more()

    def resumed(self) -> list[bytes]:
        """As for all; the next mail may follow."""
        super().resumed()
        return self.more()

    def more(self) -> list[bytes]:
        """The next mail, while there is room."""
        if self.open and not self.held:
            self._go_on()
        return self._written()

    def _go_on(self, *, ahead: bool = False) -> None:  # noqa: ARG002 - every mail is ahead here
        if self._flying >= (self._flight if self._relay.chunks else 1):
            return
        parcel = self._take(ahead=self._flying > 0)
        if not parcel:
            return
        if self._flying or self._unfinished:
            # After a refusal the state is "indeterminate" (RFC 3030 section 2).
            self._say(b"RSET\r\n", RSET, parcel)
        self._flying, self._unfinished = self._flying + 1, False
        envelope = f"{self._mail(parcel)}{self._rcpt(parcel)}"
        self._out.append(envelope.encode("ascii"))
        self._expected += ((MAIL, parcel), (RCPT, parcel))
        if self._relay.chunks:
            self._last_chunk(parcel, 0)
        else:
            first = parcel.data.index(b"\n") + 1
            self._say(b"BDAT %d\r\n%b" % (first, parcel.data[:first]), CHUNK, parcel)

    def _last_chunk(self, parcel: Parcel, start: int) -> None:
        rest = parcel.data[start:] if start else parcel.data
        self._out.append(b"BDAT %d LAST\r\n" % len(rest))
        self._say(rest, END, parcel)
        self._ending.append(parcel)

    def _answer(self, step: str, parcel: Parcel | None, reply: Reply) -> None:
        assert parcel
        if step == CHUNK:
            self._answer_chunk(parcel, reply)
        elif step == END:
            self._flying -= 1
            self._unfinished = self._unfinished or reply.refusal
            self._conclude(parcel, reply)
        else:
            super()._answer(step, parcel, reply)

    def _answer_chunk(self, parcel: Parcel, reply: Reply) -> None:
        """The one line that shows whether the server knows what BDAT is."""
        if reply.good and not parcel.verdict:
            self._relay.chunks = True
            self._last_chunk(parcel, parcel.data.index(b"\n") + 1)
        elif self._plausible(parcel, reply):
            self._flying, self._unfinished = 0, True
            self._settle(parcel, parcel.verdict or self._refusal(CHUNK, reply))

    def _conclude(self, parcel: Parcel, reply: Reply) -> None:
        if parcel.verdict:  # nobody was to get it, whatever the server says now
            self._settle(parcel, parcel.verdict)
        else:
            super()._conclude(parcel, reply)
