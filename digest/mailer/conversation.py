"""The mailer's room: what is said on one connection. No I/O here: replies in, bytes to write out.

    begin(window) ─▶ bytes        MAIL ─▶ RCPT ─▶ DATA ─▶ body ─▶ final dot ─▶ 250
    receive(bytes) ─▶ bytes       └───────────── unsent ───────┘  └─ in doubt ──┘
    resumed() ─▶ bytes
    lost(reason)                  afterwards each mail that was on its way is settled or put back

Each reply answers the oldest command that has none. One to nothing, or one that its command cannot
have, ends the conversation: from there on nobody knows what belongs to what.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable

from digest.mailer.relay import Relay
from digest.mailer.replies import (
    CLOSING,
    Replies,
    Reply,
    Unreadable,
    accepted,
    in_doubt,
    refused,
    unsent,
)
from digest.mailer.window import Parcel, Window
from digest.model import Outcome

MAIL, RCPT, DATA, RSET = "MAIL", "RCPT", "DATA", "RSET"
BODY, END = "the message", "the end of the message"
DOT = b".\r\n"
UNKNOWN = (501, 504, 555)  # parameters of a command that the server does not know, or not so


class Conversation(ABC):
    """One connection's talk with the relay; over it go windows, one after another.

    Whoever moves the bytes sets ``held`` while some of the last ones written, the end of a mail
    among them, have not left this process; and where it finds ``patient``, it calls ``elapsed``
    once it has looked whether something came in since.
    """

    def __init__(self, relay: Relay, *, sized: bool, reports: bool = False) -> None:
        self.open = True
        self.why = ""  # it is not open any more
        self.served = 0  # mails whose MAIL was written
        self.held = self.patient = False
        self._relay, self._sized, self._reports = relay, sized, reports
        self._replies = Replies()
        self._expected: deque[tuple[str, Parcel | None]] = deque()
        self._out: list[bytes] = []
        self._ending: list[Parcel] = []  # whose end is in _out
        self._newest: Parcel | None = None  # whose end was written last
        self._window: Window | None = None
        self._unfinished = False  # the server has a MAIL without an end: RSET before the next

    # ── From outside ─────────────────────────────────────────────────────────────────────────────

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way."""
        return not (self._expected and self.open)

    @property
    def halfway(self) -> bool:
        """Whether a reply has begun and not ended."""
        return self._replies.halfway

    @property
    def spent(self) -> bool:
        """Whether as many mails went over it as may."""
        return self.served >= self._relay.per_connection

    def begin(self, window: Window) -> list[bytes]:
        """Takes mails from this window from now on. Returns what is to be written."""
        self._window = window
        self._go_on()
        return self._written()

    def receive(self, data: bytes) -> list[bytes]:
        """Bytes from the server. Returns what is to be written."""
        due = len(self._expected)  # what is here already answers nothing that is written later
        try:
            for reply in self._replies.read(data):
                step, parcel = self._expected.popleft() if due else ("", None)
                due -= 1
                if reply.code == CLOSING:
                    self._closing(step, parcel, reply)
                elif step:
                    self._answer(step, parcel, reply)
                else:
                    self._derail(reply, None)
                if not self.open:
                    break
        except Unreadable as error:
            text = self._relay.redact(f"the answer to {self._step} cannot be read: {error}")
            self._suspect(text, sure=True)
            self._leave(lambda _: text)
        return self._written()

    def more(self) -> list[bytes]:
        """What else may be written before the server answers what just was."""
        return []

    def resumed(self) -> list[bytes]:
        """All but the very last bytes have left this process. Returns what is to be written."""
        self.held = False
        return []

    def elapsed(self) -> list[bytes]:
        """Nothing came from the server meanwhile. Returns what is to be written."""
        return []

    def lost(self, reason: str, *, silent: bool = False) -> None:
        """The connection is gone, or the server was ``silent`` for too long."""
        if not self.open:
            return

        def say(step: str) -> str:
            if silent:
                return f"no answer to {step} within {self._relay.timeout:g} s"
            return self._relay.redact(f"connection lost at {step}: {reason}")

        step, parcel = self._expected[0] if self._expected else ("", None)
        # Not where a server merely closed a connection that nothing was going on upon.
        if parcel and step != END and (silent or parcel.answered or parcel.first):
            self._suspect(say(step), sure=False)
        self._leave(say, silent=silent)

    # ── What drivers do, each in its way ─────────────────────────────────────────────────────────

    @abstractmethod
    def _go_on(self) -> None:
        """Begins with the next mail, where there is one and it may be begun."""

    @abstractmethod
    def _answer(self, step: str, parcel: Parcel | None, reply: Reply) -> None:
        """Acts on a reply that is not 421."""

    @abstractmethod
    def _suspect(self, reason: str, *, sure: bool) -> None:
        """The server may have been asked too much at a time; ``sure``: no other reason is left."""

    # ── Writing ──────────────────────────────────────────────────────────────────────────────────

    def _written(self) -> list[bytes]:
        out, self._out = self._out, []
        if not self.open:
            return []
        for parcel in self._ending:
            parcel.ended, self._newest = True, parcel
        self._ending.clear()
        return out

    def _unwritten(self, parcel: Parcel) -> bool:
        """Whether the end of that mail cannot have left this process."""
        return not parcel.ended or (self.held and parcel is self._newest)

    def _say(self, data: bytes | str, step: str, parcel: Parcel | None) -> None:
        self._out.append(data.encode("ascii") if isinstance(data, str) else data)
        self._expected.append((step, parcel))

    def _take(self, *, ahead: bool = False) -> Parcel | None:
        if not self._window or self.spent:
            return None
        parcel = self._window.take()
        if parcel:
            parcel.begin(ahead=ahead, first=not self.served)
            self.served += 1
        return parcel

    def _mail(self, parcel: Parcel) -> str:
        """With its name, for reports that bring back its headers (RFC 3461 section 4)."""
        size = f" SIZE={len(parcel.data)}" if self._sized else ""
        report = f" RET=HDRS ENVID={parcel.trace}" if self._reports and parcel.trace else ""
        return f"MAIL FROM:<{parcel.sender}>{size}{report}\r\n"

    def _rcpt(self, parcel: Parcel) -> str:
        report = " NOTIFY=FAILURE,DELAY" if self._reports and parcel.trace else ""
        return f"RCPT TO:<{parcel.recipient}>{report}\r\n"

    # ── What a reply makes of a mail ─────────────────────────────────────────────────────────────

    def _refusal(self, step: str, reply: Reply) -> Outcome:
        """A 4xx or 5xx: at MAIL it is about the sender, later about this mail."""
        self._relay.complained(reply, at_mail=step == MAIL)
        text = self._relay.redact(reply.text)
        odd = step in (MAIL, RCPT) and self._asked_too_much(reply)
        return unsent(text, reply.code) if step == MAIL or odd else refused(reply.code, text)

    def _asked_too_much(self, reply: Reply) -> bool:
        """Whether it may be the wish for reports that was refused; then it is the last such."""
        odd = self._reports and reply.code in UNKNOWN and not self._relay.taken
        if odd:
            self._reports = self._relay.reports = False
        return odd

    def _settle(self, parcel: Parcel, outcome: Outcome) -> None:
        assert self._window
        self._window.settle(parcel, outcome)

    def _conclude(self, parcel: Parcel, reply: Reply) -> None:
        """The answer to the end of a mail."""
        early = reply.good and self._unwritten(parcel)
        if early or not (reply.good or reply.refusal):
            self._derail(reply, parcel)
        elif reply.good:
            self._relay.delivered()
            self._settle(parcel, accepted(reply.code, self._relay.redact(reply.text)))
        else:
            self._settle(parcel, self._refusal(END, reply))

    # ── How it ends ──────────────────────────────────────────────────────────────────────────────

    @property
    def _step(self) -> str:
        """What the server owes an answer to, as errors call it."""
        if not self._expected:
            return "nothing"
        step, parcel = self._expected[0]
        return BODY if step == END and parcel and self._unwritten(parcel) else step

    def _closing(self, step: str, parcel: Parcel | None, reply: Reply) -> None:
        """A 421: nothing that was written behind this command is acted upon any more."""
        if step in (MAIL, RSET, "") and not (parcel and parcel.first):
            on_their_way = {parcel, *(parcel for _, parcel in self._expected)} - {None}
            self._relay.closing(reply, self.served - len(on_their_way))
        elif parcel:
            self._relay.complained(reply)
            outcome = refused(reply.code, self._relay.redact(reply.text))
            parcel.verdict = parcel.verdict or outcome
        self._leave(lambda _: self._relay.redact(reply.text), parcel, closing=True)

    def _derail(self, reply: Reply, parcel: Parcel | None) -> None:
        """A reply that does not belong here; ``parcel`` is whose command it came for."""
        text = self._relay.redact(f"an answer that does not belong here: {reply.code} {reply.text}")
        self._suspect(text, sure=True)
        self._leave(lambda _: text, parcel)

    def _leave(
        self,
        say: Callable[[str], str],
        first: Parcel | None = None,
        *,
        silent: bool = False,
        closing: bool = False,
    ) -> None:
        """Every mail that was on its way gets its outcome, or goes over another connection.

        Args:
            say: what to tell of a mail that was lost at that step.
            first: whose command was answered last, where that is why.
            silent: it is over because the server did not answer.
            closing: it is over because the server said so.
        """
        self.open = False
        step, expected = self._step, [parcel for _, parcel in self._expected]
        self.why = say(step)
        for parcel in dict.fromkeys([first, *expected]):
            if not parcel:
                continue
            if parcel.verdict:
                self._settle(parcel, parcel.verdict)
            elif closing or self._excused(parcel, silent=silent):
                assert self._window
                self._window.put_back(parcel)
            elif self._unwritten(parcel):
                self._settle(parcel, unsent(say(step)))
            else:
                self._settle(parcel, in_doubt(say(END)))
        self._expected.clear()

    def _excused(self, parcel: Parcel, *, silent: bool) -> bool:
        """Whether the mail was not really offered, so that another connection is worth a try."""
        if parcel.ended:
            return False
        return (parcel.ahead and not silent) or not (parcel.answered or parcel.first)
