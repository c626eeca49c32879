"""The mailer's room: the driver for a relay that offers PIPELINING (RFC 2920).

    body of n ─▶ dot of n, MAIL RCPT DATA of n+1 ─▶ 250 for n, 250 250 354 ─▶ body of n+1 ─▶ …

One round trip a mail. A mail whose envelope was written early was not offered yet: where the
connection ends before its turn, it goes over another one. In doubt is at most the one whose dot was
written.
"""

from digest.mailer.conversation import DATA, DOT, END, MAIL, RCPT, RSET, Conversation
from digest.mailer.replies import GO_AHEAD, Reply, accepted
from digest.mailer.window import Parcel

ENVELOPE = (MAIL, RCPT)
USUAL = [b"250 ", b"250 ", b"250 ", b"354 "]  # to the end of a mail, and to MAIL, RCPT, DATA
NOTHING = "the end of nothing"  # a dot alone, where DATA was granted to a refused mail


class Pipelining(Conversation):
    """The end of a mail and the envelope of the next one in one write."""

    def receive(self, data: bytes) -> list[bytes]:
        """As for all; what nearly every answer looks like is taken without a detour."""
        return self._go_on_as_usual(data) or super().receive(data)

    def _go_on_as_usual(self, data: bytes) -> list[bytes]:
        """Where one mail was taken and the next may follow, in four lines and one piece, it does.

        Anything else is left alone, and nothing is returned.
        """
        expected, lines = self._expected, data.split(b"\r\n")
        if len(expected) != len(USUAL) or len(lines) != len(USUAL) + 1 or self.halfway:
            return []
        (first, taken), (last, parcel) = expected[0], expected[-1]
        said = [line[:4] for line in lines]
        if said != [*USUAL, b""] or (first, last) != (END, DATA) or not (taken and parcel):
            return []
        if parcel.verdict or not self._relay.is_proven or self._unwritten(taken):
            return []
        expected.clear()
        text = lines[0][4:].strip().decode("utf-8", "surrogateescape")
        self._relay.delivered()
        self._settle(taken, accepted(250, self._relay.redact(text)))
        parcel.answered = True
        self._write_message(parcel)
        return self._written()

    def _go_on(self, *, ahead: bool = False) -> None:
        parcel = self._take(ahead=ahead)
        if not parcel:
            return
        if self._unfinished:
            self._unfinished = False
            self._say(b"RSET\r\n", RSET, parcel)
        envelope = f"{self._mail(parcel)}{self._rcpt(parcel)}DATA\r\n"
        self._out.append(envelope.encode("ascii"))
        self._expected += ((MAIL, parcel), (RCPT, parcel), (DATA, parcel))

    def _answer(self, step: str, parcel: Parcel | None, reply: Reply) -> None:
        assert parcel
        if step in ENVELOPE:
            parcel.answered = True
            if not reply.good or parcel.verdict:
                self._doubt_envelope(step, parcel, reply)
        elif step == DATA:
            self._answer_data(parcel, reply)
        elif step == END:
            self._conclude(parcel, reply)
            if self.idle and self.open:
                self._go_on()
        elif step == NOTHING:
            assert parcel.verdict
            self._settle(parcel, parcel.verdict)
            self._go_on()
        elif not reply.good:  # RSET
            self._derail(reply, parcel)

    def _doubt_envelope(self, step: str, parcel: Parcel, reply: Reply) -> None:
        if reply.good:  # a reader taken whose sender was refused: who knows who gets what
            if parcel.ended:
                parcel.verdict = None
            self._derail(reply, parcel)
        elif self._plausible(parcel, reply):
            parcel.verdict = parcel.verdict or self._refusal(step, reply)

    def _answer_data(self, parcel: Parcel, reply: Reply) -> None:
        if reply.code == GO_AHEAD:
            if parcel.ahead:
                self._relay.proven()
            self._write_message(parcel)
        elif reply.good:
            self._derail(reply, parcel)
        elif self._plausible(parcel, reply):
            self._unfinished = True
            self._settle(parcel, parcel.verdict or self._refusal(DATA, reply))
            self._go_on()

    def _write_message(self, parcel: Parcel) -> None:
        if not parcel.verdict:
            self._say(parcel.stuffed(), END, parcel)
            self._ending.append(parcel)
            self._out.append(DOT)
            self._go_on(ahead=True)
        else:
            self._say(DOT, NOTHING, parcel)  # RFC 2920 section 3.1

    def _plausible(self, parcel: Parcel, reply: Reply) -> bool:
        """Whether it is a verdict on the mail. If not, the conversation is over."""
        astray = reply.confused and not (parcel.verdict or self._relay.is_proven)
        if reply.refusal and not astray:
            return True
        self._derail(reply, parcel)
        return False

    def _excused(self, parcel: Parcel, *, silent: bool) -> bool:
        """As for all; and where the server is not trusted with this, there is the slow way."""
        slowly = not (self._relay.trusted or parcel.ended)
        return slowly or super()._excused(parcel, silent=silent)

    def _suspect(self, reason: str, *, sure: bool) -> None:
        self._relay.suspect(reason, sure=sure)
