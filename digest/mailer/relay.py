"""The mailer's room: what is known of the relay, for as long as this process lives.

How fast it may be spoken to, whether it keeps what its EHLO offers, whether it is there at all.
All connections share it.
"""

import logging
from collections.abc import Callable
from enum import Enum, auto

from digest.mailer.replies import CLOSING, Reply, one_line, redactor
from digest.mailer.window import PATIENCE
from digest.model import Outcome
from digest.pacing import Bucket, Pace, Pacer
from digest.settings import Smtp

DOMAINS = 10_000  # that are kept in mind, before those that have nothing to wait for are forgotten

_log = logging.getLogger(__name__)


class Trust(Enum):
    """Whether commands may be written before those ahead of them are answered.

    UNPROVEN ─▶ PROVEN            it answered each, in order
       ▲ └────────┴─▶ SUSPECT     something went wrong: one command at a time, to see
       └── lost there ──┴─▶ LIAR  that went well: one command at a time for good
    """

    UNPROVEN = auto()
    PROVEN = auto()
    SUSPECT = auto()
    LIAR = auto()


class Relay:
    """The relay of the settings. ``clock`` gives monotonic seconds."""

    def __init__(self, settings: Smtp, clock: Callable[[], float]) -> None:
        self.where = f"{settings.host}:{settings.port}"
        self.timeout = settings.timeout
        self.redact = redactor(settings.username, settings.password.get_secret_value())
        self.per_connection = settings.messages_per_connection
        self.down: Outcome | None = None  # the last attempt to reach it failed
        self.taken = 0  # mails that it has accepted
        self.trust = Trust.UNPROVEN
        self.chunks = False  # it was seen to take BDAT
        self.reports = True  # where its EHLO offers to report as we ask (DSN), it knows how
        self._clock = clock
        self._closed_after = 0  # mails on the connection that it closed of itself
        self._pacer = Pacer()
        self._limits = [
            Bucket(limit, period)
            for limit, period in ((settings.per_second, 1), (settings.per_hour, 3600))
            if limit
        ]
        self._each = settings.per_domain_per_minute
        self._per_minute = {
            name.lower(): limit for name, limit in settings.domains_per_minute.items()
        }
        self._domains: dict[str, Bucket] = {}
        self._unlimited = not (self._limits or self._per_minute or self._each)

    # ── How fast ─────────────────────────────────────────────────────────────────────────────────

    @property
    def pace(self) -> Pace:
        """Whether the relay has us slowed down."""
        return self._pacer.pace

    def permit(self, recipient: str) -> float:
        """Seconds until a mail may go there; up to PATIENCE its turn is booked."""
        if self._unlimited and not self._pacer.bucket:
            return 0.0
        now, buckets = self._clock(), [*self._limits]
        if self._pacer.bucket:
            buckets.append(self._pacer.bucket)
        if domain := self._domain(recipient.rpartition("@")[2].lower(), now):
            buckets.append(domain)
        if busy := [bucket for bucket in buckets if bucket.wait(now) > PATIENCE]:
            return max(bucket.promise(now, PATIENCE) for bucket in busy)
        wait = max((bucket.wait(now) for bucket in buckets), default=0.0)
        for bucket in buckets:
            bucket.book(now)
        return wait

    def _domain(self, name: str, now: float) -> Bucket | None:
        limit = self._per_minute.get(name, self._each)
        if not limit:
            return None
        if name not in self._domains:
            if len(self._domains) >= DOMAINS:
                self._domains = {n: b for n, b in self._domains.items() if b.next > now}
            self._domains[name] = Bucket(limit, 60)
        return self._domains[name]

    def delivered(self) -> None:
        """A mail was taken."""
        self.taken += 1
        self._pacer.succeeded(self._clock())

    def complained(self, reply: Reply, *, at_mail: bool = False) -> None:
        """A refusal; where it means "slower", we slow down."""
        if reply.code == CLOSING or reply.raw.startswith(b"4.7.") or (at_mail and reply.temporary):
            was, said = self.pace.slowed, f"{reply.code} {one_line(self.redact(reply.text))}"
            self._pacer.complained(self._clock(), said)
            if not was:
                _log.warning("smtp relay=%s %s", self.where, self.pace)

    def closing(self, reply: Reply, served: int) -> None:
        """A 421 instead of taking another mail, after so many on that connection.

        Twice after the same number, it is the relay's limit, and from then on ours. Otherwise it
        is a complaint; but the first time nobody can tell, and another connection will show.
        """
        if served and served == self._closed_after:
            self.per_connection = min(self.per_connection, served)
        elif self._closed_after:
            self.complained(reply)
        self._closed_after = served

    def failed(self, outcome: Outcome, *, is_down: bool) -> Outcome:
        """There was no way to it; it ``is_down`` where there is no other either."""
        if is_down:
            self.down = outcome
        if outcome.code == CLOSING:
            self.complained(Reply(outcome.code, outcome.text.encode("utf-8", "replace")))
        self.cleared(slow_is_good=False)
        return outcome

    # ── Whether it keeps what it offers ──────────────────────────────────────────────────────────

    @property
    def trusted(self) -> bool:
        """Whether commands are written without waiting for replies."""
        return self.trust in (Trust.UNPROVEN, Trust.PROVEN)

    @property
    def is_proven(self) -> bool:
        """Whether it was seen to keep its place."""
        return self.trust is Trust.PROVEN

    def proven(self) -> None:
        """It answered commands that were written ahead, each in its turn."""
        if self.trust is Trust.UNPROVEN:
            self.trust = Trust.PROVEN

    def suspect(self, reason: str, *, sure: bool) -> None:
        """It went wrong as it does with a server that was spoken to too fast.

        Where that is not ``sure``, it says nothing about one that has proven itself.
        """
        if self.trust is Trust.UNPROVEN or (sure and self.is_proven):
            self.trust = Trust.SUSPECT
            _log.warning("smtp relay=%s is asked slowly: %s", self.where, one_line(reason))

    def cleared(self, *, slow_is_good: bool) -> None:
        """How it went, one command at a time."""
        if self.trust is Trust.SUSPECT:
            self.trust = Trust.LIAR if slow_is_good else Trust.UNPROVEN
