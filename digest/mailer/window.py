"""The mailer's room: a window of mails on its way, whichever connections it goes over.

    envelopes ─▶ take ─▶ Parcel ─▶ a conversation ─┬─▶ settle: its Outcome
                  ▲                                └─▶ put_back: it was not offered after all
                  └────────────────────────────────────────┘

Envelopes are taken one at a time, when their turn comes: what composes them does so then.
Outcomes are told as they come, each with the number of its mail.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from digest.errors import InputError
from digest.mailer.replies import CLOSING, unsent
from digest.mime import wire_address
from digest.model import Envelope, Outcome, OutcomeKind

WORD = "[A-Za-z0-9+=_-]+"
ORDINARY = re.compile(rf"{WORD}(?:\.{WORD})*@[a-z0-9]+(?:[.-][a-z0-9]+)*")
SHORT = 64  # characters: no part of an address is too long where the whole is not
PATIENCE = 5.0  # seconds that a mail waits here for its turn; longer, and it has to come again

TURN = 10  # mails after which a connection is left to somebody who waits for one

Permit = Callable[[str], float]  # seconds until a mail to that domain may go; over PATIENCE: later
Told = Callable[[int, Outcome], object]  # the mail's number, from 0 in the order of taking


class Parcel:
    """One mail as it goes over the wire, and how far it has come.

    ``sender`` and ``recipient`` are ASCII, ``data`` is the message as it was composed.
    """

    __slots__ = (
        *("ahead", "answered", "clean", "data", "ended", "first", "number", "recipient"),
        *("sender", "trace", "verdict"),
    )

    def __init__(self, number: int, sender: str, recipient: str, envelope: Envelope) -> None:
        self.number, self.sender, self.recipient = number, sender, recipient
        self.data, self.clean, self.trace = envelope.data, envelope.clean, envelope.trace

    def begin(self, *, ahead: bool, first: bool) -> None:
        """Its MAIL is written: ``ahead`` of its turn, as the ``first`` on the connection."""
        self.ahead, self.first = ahead, first
        self.answered = False  # the server has replied to its MAIL
        self.ended = False  # the last byte of it is written
        self.verdict: Outcome | None = None  # known before the server has said all it has to say

    def stuffed(self) -> bytes:
        """The message as DATA carries it, without its final dot (RFC 5321 section 4.5.2)."""
        if self.clean:
            return self.data
        stuffed = self.data.replace(b"\r\n.", b"\r\n..")
        return b"." + stuffed if self.data.startswith(b".") else stuffed


class Window:
    """Some mails in their order, what became of each, and those that are still to be sent.

    ``told`` hears of each outcome, ``wanted`` says whether others wait for the connection.
    ``pause`` are the seconds after which the next may be taken, where a limit has it wait; ``over``
    says that the connection is to be left to somebody else, whose turn it is.
    """

    def __init__(
        self,
        envelopes: Iterable[Envelope],
        permit: Permit,
        told: Told = lambda _, __: None,
        wanted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._envelopes: Iterator[Envelope] = iter(envelopes)
        self._permit, self._told, self._wanted = permit, told, wanted
        self._turn, self.over = 0, False  # mails taken since it has the connection
        self._ready: deque[Parcel] = deque()  # to be sent before any other
        self._outcomes: list[Outcome | None] = []
        self._latest: Outcome | None = None  # settled since the last rest
        self._losses = self._taken = 0
        self.pause = 0.0

    def pending(self) -> bool:
        """Whether there is another mail to be sent, now or after the pause."""
        if not self._ready and (parcel := self.take()):
            self._ready.append(parcel)
        return bool(self._ready)

    @property
    def outcomes(self) -> list[Outcome]:
        """One for each mail, in their order, once it is done."""
        return [outcome for outcome in self._outcomes if outcome]

    def take(self) -> Parcel | None:
        """The next mail that may be sent now; None where there is none, or not before ``pause``."""
        self.over = self.over or (self._turn >= TURN and self._wanted())
        if self.pause or self.over:
            return None
        if self._ready:
            return self._ready.popleft()
        for envelope in self._envelopes:
            parcel = self._prepare(envelope)
            if not parcel:
                continue
            wait = self._permit(parcel.recipient)
            if not wait:
                self._turn += 1
                return parcel
            if wait <= PATIENCE:
                self.pause = wait
                self._ready.append(parcel)
                return None
            text = f"held back by our own limit for {wait:.0f} s"
            self.settle(parcel, Outcome(kind=OutcomeKind.HELD, text=text, wait=wait))
        return None

    def settle(self, parcel: Parcel, outcome: Outcome) -> None:
        """What became of a mail."""
        self._outcomes[parcel.number] = self._latest = outcome
        self._told(parcel.number, outcome)

    def begin(self) -> None:
        """It has a connection to itself, again."""
        self._turn, self.over = 0, False

    def rest(self) -> float:
        """Seconds to wait before going on; once they are over, ``take`` gives mails again."""
        pause, self.pause = self.pause, 0.0
        self._latest = None
        return pause

    @property
    def stuck(self) -> bool:
        """Whether a connection that is over has taken a mail with it, or has served none."""
        if not self._latest or self._latest.code == CLOSING:
            return True
        return self._latest.kind in (OutcomeKind.UNSENT, OutcomeKind.IN_DOUBT)

    def lost(self, taken: int) -> int:
        """A connection was lost with a mail; how many were, one after another.

        ``taken``: mails the relay has accepted by now; where that grows, the count starts anew.
        """
        self._losses = self._losses + 1 if taken == self._taken else 1
        self._taken = taken
        return self._losses

    def put_back(self, parcel: Parcel) -> None:
        """A mail was not offered: it goes over another connection."""
        self._ready.append(parcel)

    def give_up(self, outcome: Outcome, *, rest: bool = True) -> None:
        """The same for every mail that is left; without the ``rest``, for those that were taken."""
        for parcel in self._ready:
            self.settle(parcel, outcome)
        self._ready.clear()
        for number, _ in enumerate(self._envelopes if rest else (), len(self._outcomes)):
            self._outcomes.append(outcome)
            self._told(number, outcome)

    def _prepare(self, envelope: Envelope) -> Parcel | None:
        number = len(self._outcomes)
        self._outcomes.append(None)
        try:
            sender = _address(envelope.sender, "sender") if envelope.sender else ""
        except InputError as error:
            self._unfit(number, unsent(str(error)))
            return None
        try:
            recipient = _address(envelope.recipient, "recipient")
        except InputError as error:
            self._unfit(number, Outcome(kind=OutcomeKind.REFUSED, text=str(error)))
            return None
        if not (envelope.clean or _lines_end_well(envelope.data)):
            text = "the message has a line that does not end with CRLF"
            self._unfit(number, unsent(text))
            return None
        return Parcel(number, sender, recipient, envelope)

    def _unfit(self, number: int, outcome: Outcome) -> None:
        """It is not even offered."""
        self._outcomes[number] = outcome
        self._told(number, outcome)


def _address(address: str, field: str) -> str:
    """As ``wire_address``, which has nothing to say about what is short and ordinary."""
    ordinary = len(address) <= SHORT and ORDINARY.fullmatch(address)
    return address if ordinary else wire_address(address, field)


def _lines_end_well(data: bytes) -> bool:
    """Whether there is no bare CR or LF, which some servers take for the end of the message."""
    pairs = data.count(b"\r\n")
    return data.endswith(b"\r\n") and data.count(b"\n") == data.count(b"\r") == pairs
