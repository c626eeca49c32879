"""What keeps the sending slow enough: a rule. Seconds are those of a monotonic clock.

A ``Bucket`` spaces what goes out so that it is no more than so much a second; ``Pacer`` finds out
how much that is where the other side says "slower": every such word halves the rate, every success
raises it, as TCP does (additive increase, multiplicative decrease).
"""

from dataclasses import dataclass
from math import inf

BURST = 0.1  # of what may go in the period goes at once, should nothing have gone before
UNMEASURED = 2.0  # a second: taken for the rate where nothing went before the complaint
LEAST = 0.1  # a second: no relay is left alone for good
ONE_BURST = 5.0  # seconds: complaints that come together are one
RECOVERY = 30.0  # seconds from half the rate to the whole
INTERVAL = 1.0  # seconds over which the rate is measured
STALE = 10.0  # seconds after which a measured rate says nothing any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast mails go to the relay; ``per_second`` is infinite unless it asked for less.

    ``reason`` is what it said when it last did.
    """

    per_second: float = inf
    reason: str = ""

    @property
    def slowed(self) -> bool:
        """Whether mails are being held back."""
        return self.per_second < inf

    def __str__(self) -> str:
        """For the log: ``slowed to 12.5/s: 451 4.7.1 too fast``; empty where nothing is slowed."""
        return f"slowed to {self.per_second:.3g}/s: {self.reason}" if self.slowed else ""


class Bucket:
    """At most ``limit`` in ``period`` seconds on average, and a tenth of them at once.

    The generic cell rate algorithm: a token bucket that is one instant, the one at which the next
    would go if all went evenly.
    """

    __slots__ = ("_next", "_promised", "_slack", "interval")

    def __init__(self, limit: float, period: float = 1.0) -> None:
        self.interval = period / limit
        self._slack = max(0.0, BURST * period - self.interval)
        self._next = self._promised = -inf

    @property
    def next(self) -> float:
        """When it is as good as new, if nothing more goes."""
        return self._next

    def wait(self, now: float) -> float:
        """Seconds until one more may go."""
        return max(0.0, self._next - self._slack - now)

    def book(self, now: float) -> None:
        """One more goes, as soon as it may."""
        self._next = max(now, self._next) + self.interval

    def promise(self, now: float, patience: float) -> float:
        """Seconds after which somebody may ask again who will not wait for their turn.

        Everyone gets another instant, one after the other, so that they do not come back together.
        """
        self._promised = max(self._promised, now + patience, now + self.wait(now)) + self.interval
        return self._promised - now


class Pacer:
    """The rate that one relay bears."""

    def __init__(self) -> None:
        self._bucket: Bucket | None = None  # none: as fast as it goes
        self._rate = self._goal = inf
        self._reason = ""
        self._slowed_at = -inf
        self._count, self._since, self._measured = 0, -inf, 0.0

    @property
    def bucket(self) -> Bucket | None:
        """What every mail has to pass while the pace is slowed."""
        return self._bucket

    @property
    def pace(self) -> Pace:
        """For people."""
        return Pace(per_second=self._rate, reason=self._reason)

    def succeeded(self, now: float) -> None:
        """A mail was taken."""
        self._count += 1
        if self._since == -inf:
            self._since = now
        if now - self._since >= INTERVAL:
            self._measured = self._count / (now - self._since)
            self._count, self._since = 0, now
        if self._bucket:
            # At the full rate the goal is reached within the time of recovery.
            self._set(self._rate + self._goal / 2 / RECOVERY / self._rate)

    def complained(self, now: float, reason: str) -> None:
        """The relay said "slower", in these words."""
        self._reason = reason
        if now - self._slowed_at < ONE_BURST:
            return
        self._slowed_at = now
        rate = min(self._rate, self._speed(now))
        self._goal = max(2 * LEAST, rate if rate < inf else UNMEASURED)
        self._bucket = self._bucket or Bucket(self._goal)
        self._set(self._goal / 2)

    def _speed(self, now: float) -> float:
        """Mails a second just now; infinite where nothing went lately to measure it by."""
        elapsed = now - self._since
        if elapsed > STALE:
            return inf
        lately = self._count / max(elapsed, INTERVAL / 10)
        return max(self._measured, lately) if elapsed < 2 * INTERVAL else lately

    def _set(self, rate: float) -> None:
        if rate >= self._goal:
            self._rate, self._bucket, self._goal = inf, None, inf
            return
        self._rate = rate
        assert self._bucket
        self._bucket.interval = 1 / self._rate
