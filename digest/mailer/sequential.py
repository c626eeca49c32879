"""The mailer's room: the driver that waits for every reply; any server understands it.

    RSET? ─▶ MAIL ─▶ RCPT ─▶ DATA ─▶ body ─▶ final dot ─▶ RSET? …

The dot is written after the rest has left this process and the server has not closed meanwhile:
lost before that, the server cannot have the mail.
"""

from digest.mailer.conversation import DATA, DOT, END, MAIL, RCPT, RSET, Conversation
from digest.mailer.replies import GO_AHEAD, Reply
from digest.mailer.window import Parcel


class Sequential(Conversation):
    """A command, its reply, the next command."""

    def resumed(self) -> list[bytes]:
        """As for all; the dot may follow."""
        super().resumed()
        return self.elapsed()

    def elapsed(self) -> list[bytes]:
        """The dot, if its mail has left."""
        if self.patient and not self.held:
            self.patient = False
            self._out.append(DOT)
            self._ending += [parcel for _, parcel in self._expected if parcel]
        return self._written()

    def _go_on(self) -> None:
        parcel = self._take()
        if parcel and self._unfinished:
            self._say(b"RSET\r\n", RSET, parcel)
        elif parcel:
            self._say(self._mail(parcel), MAIL, parcel)

    def _answer(self, step: str, parcel: Parcel | None, reply: Reply) -> None:
        assert parcel
        if step == END:
            self._finish(parcel, reply)
        elif step == DATA and reply.code == GO_AHEAD:
            self._relay.cleared(slow_is_good=True)
            self._say(parcel.stuffed(), END, parcel)
            self.patient = True
        elif reply.good and step != DATA:
            self._next_step(step, parcel)
        elif reply.refusal and step != RSET:
            if reply.confused:
                self._relay.cleared(slow_is_good=False)
            self._unfinished = step != MAIL
            self._settle(parcel, self._refusal(step, reply))
            self._go_on()
        else:
            self._derail(reply, parcel)

    def _next_step(self, step: str, parcel: Parcel) -> None:
        if step == RSET:
            self._unfinished = False
            self._say(self._mail(parcel), MAIL, parcel)
        elif step == MAIL:
            parcel.answered = True
            self._say(self._rcpt(parcel), RCPT, parcel)
        else:
            self._say(b"DATA\r\n", DATA, parcel)

    def _finish(self, parcel: Parcel, reply: Reply) -> None:
        self._conclude(parcel, reply)
        if not parcel.ended:  # refused half-way: the server would take the rest for commands
            self._leave(lambda _: "")
        elif self.open:
            self._go_on()

    def _suspect(self, reason: str, *, sure: bool) -> None:  # noqa: ARG002 - the drivers'
        """One command at a time is no better: it was not the order of commands."""
        self._relay.cleared(slow_is_good=False)
