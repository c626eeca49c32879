"""One batch on its way from the ledger to the relay, over as many connections as there are.

    feed:   record what is settled, claim as much again ─▶ ready        in one transaction
    lanes:  ready ─▶ write ─▶ a connection ─▶ outcome ─▶ verdict ─▶ settled

Connections do not wait for the ledger while anything is ready, and the ledger does not wait for a
connection. ``Credit`` bounds how many deliveries are ``sending`` at a time: what a kill leaves in
doubt.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from digest.credit import Credit
from digest.model import Claim, DeliveryState, Envelope, Outcome, Verdict

SOON = 0.5  # seconds: no outcome waits longer for the ledger

_AGAIN = Verdict(state=DeliveryState.QUEUED, counted=False)


class Settled(NamedTuple):
    """What the ledger is to be told: a verdict for each delivery, and what was given up."""

    verdicts: Mapping[int, Verdict]
    refused: Sequence[tuple[Claim, Outcome]]


class Account(Protocol):
    """A batch in the ledger."""

    async def claim(self, limit: int, settled: Settled) -> Sequence[Claim]:
        """Records what was settled and claims up to ``limit`` more, in one transaction."""
        ...

    async def record(self, settled: Settled) -> None:
        """Records what was settled."""
        ...


class Trade(NamedTuple):
    """How a batch is sent.

    Attributes:
        write: the mail of a claim, or why there is none.
        send: over one connection, see ``Mailer.send``.
        decide: what follows from an outcome.
        stopping: whether no more is to be claimed.
        failed: told that what was claimed may have been left behind, before others get its credit.
        down: why there was no way to the relay at the last attempt, where there was none.
        lanes: connections, at most.
    """

    write: Callable[[Claim], Envelope | Outcome]
    send: Callable[[Iterable[Envelope], Callable[[int, Outcome], None]], Awaitable[object]]
    decide: Callable[[Claim, Outcome], Verdict]
    stopping: Callable[[], bool]
    failed: Callable[[], None]
    down: Callable[[], Outcome | None]
    lanes: int


class Flow:
    """One batch under way."""

    def __init__(self, account: Account, trade: Trade, credit: Credit) -> None:
        self._account, self._trade, self._credit = account, trade, credit
        self._enough = max(1, credit.total // 2)  # settled: worth a transaction
        self._before = trade.down()  # may be over
        self._held = 0  # of the credit
        self._ready: deque[Claim] = deque()
        self._verdicts: dict[int, Verdict] = {}
        self._refused: list[tuple[Claim, Outcome]] = []
        self._under_way = 0  # claimed and not settled
        self._lanes: set[asyncio.Task[None]] = set()
        self._fault: Exception | None = None  # of a lane
        self._ended = self._due = self._tried = False
        self._news, self._more = asyncio.Event(), asyncio.Event()  # for who feeds, and for lanes
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, turn: Credit | None = None) -> None:
        """Sends the batch until it is done, or halted.

        Where only one at a time may claim, it waits for its ``turn``, and lets the next one begin
        when it has claimed its last.

        Raises:
            Exception: what went wrong in the ledger or in a lane; what is known is recorded.
        """
        try:
            if turn:
                await turn.take()
            try:
                await self._feed()
            finally:
                if turn:
                    turn.give(1)
            await self._drain()
        except BaseException as error:
            self._trade.failed()
            await self._break_off(told=isinstance(error, asyncio.CancelledError))
            raise
        finally:
            self._credit.give(self._held)
            self._forget_timer()
        if self._fault:
            raise self._fault

    # ── The ledger's side ────────────────────────────────────────────────────────────────────────

    async def _feed(self) -> None:
        self._held += await self._credit.take()
        while not self._halted():
            settled = self._collect()
            limit = self._held - self._under_way
            claims = await self._account.claim(limit, settled)
            if not claims:
                self._spare()
                return
            self._offer(claims)
            if len(claims) < limit:  # all there is, or some were skipped
                continue
            await self._news_or_end()
            if self._credit.wanted:  # others first
                await self._record()
                self._held += await self._credit.take()
            else:
                self._held += self._credit.spare()

    async def _drain(self) -> None:
        """Records what comes, until all is settled."""
        self._ended = True
        self._more.set()
        if self._halted():
            self._give_back()
        while self._verdicts or (self._under_way and self._lanes):
            await self._news_or_end()
            await self._record()
        self._give_back()  # there was no connection for it
        await self._record()

    async def _break_off(self, *, told: bool) -> None:
        """Ends the lanes at once; what is known is ``told``, if the ledger is there to hear it."""
        self._ended = True
        self._ready.clear()
        lanes = list(self._lanes)
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        if told and self._verdicts:
            await asyncio.shield(self._record())

    async def _record(self) -> None:
        if self._verdicts:
            await self._account.record(self._collect())
        self._spare()

    def _spare(self) -> None:
        """Gives back what is not used of the credit."""
        spare = self._held - self._under_way
        self._held -= spare
        self._credit.give(spare)

    async def _news_or_end(self) -> None:
        """Waits until it is time for the ledger, or until nothing will be settled any more."""
        while not self._is_due() and self._under_way and self._lanes:
            self._news.clear()
            await self._news.wait()

    def _is_due(self) -> bool:
        many = len(self._verdicts)
        # Where it has ended, nobody waits for more, and one transaction for all is enough.
        asked = not self._ended and (self._fault or (many > 0 and not self._ready))
        return bool(self._due or many >= self._enough or asked)

    def _halted(self) -> bool:
        down = self._trade.down()
        is_down = down is not None and (self._tried or down is not self._before)
        return is_down or self._fault is not None or self._trade.stopping()

    def _offer(self, claims: Sequence[Claim]) -> None:
        self._ready += claims
        self._under_way += len(claims)
        self._more.set()
        while len(self._lanes) < min(self._trade.lanes, self._under_way):
            lane = asyncio.create_task(self._lane())
            self._lanes.add(lane)
            lane.add_done_callback(self._left)

    def _left(self, lane: "asyncio.Task[None]") -> None:
        self._lanes.discard(lane)
        self._news.set()

    def _give_back(self) -> None:
        """What no connection has taken is nobody's again."""
        for claim in self._ready:
            self._verdicts[claim.delivery_id] = _AGAIN
        self._under_way -= len(self._ready)
        self._ready.clear()

    def _collect(self) -> Settled:
        settled = Settled(self._verdicts, self._refused)
        self._verdicts, self._refused, self._due = {}, [], False
        self._forget_timer()
        return settled

    def _forget_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    # ── A connection's side ──────────────────────────────────────────────────────────────────────

    async def _lane(self) -> None:
        """Sends what is ready over one connection, until nothing comes any more."""
        try:
            while await self._anything():
                mails = _Mails(self._next)
                await self._trade.send(mails, partial(self._tell_at, mails.taken))
                if not mails.ran_out:  # there is no connection for this lane, and others have one
                    return
        except Exception as error:  # noqa: BLE001 - raised again by ``run``
            self._fault = self._fault or error

    async def _anything(self) -> bool:
        while not self._ready:
            if self._ended:
                return False
            self._more.clear()
            await self._more.wait()
        return True

    def _next(self) -> tuple[Claim, Envelope] | None:
        """The next claim and its mail, written now; None where nothing is ready."""
        while self._ready:
            claim = self._ready.popleft()
            mail = self._trade.write(claim)
            if isinstance(mail, Envelope):
                return claim, mail
            self._tell(claim, mail)
        return None

    def _tell_at(self, taken: Sequence[Claim], at: int, outcome: Outcome) -> None:
        self._tell(taken[at], outcome)

    def _tell(self, claim: Claim, outcome: Outcome) -> None:
        """What became of a mail."""
        verdict = self._trade.decide(claim, outcome)
        self._verdicts[claim.delivery_id] = verdict
        self._under_way -= 1
        self._tried = True
        if verdict.state is DeliveryState.REFUSED:
            self._refused.append((claim, outcome))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SOON, self._wake)
        if len(self._verdicts) >= self._enough or not self._ready:
            self._news.set()

    def _wake(self) -> None:
        self._due = True
        self._news.set()


class _Mails(Iterator[Envelope]):
    """The mails of one lane. It runs out when nothing is ready, and goes on when there is more."""

    def __init__(self, following: Callable[[], tuple[Claim, Envelope] | None]) -> None:
        self._following = following
        self.taken: list[Claim] = []
        self.ran_out = False

    def __next__(self) -> Envelope:
        found = self._following()
        self.ran_out = found is None
        if found is None:
            raise StopIteration
        self.taken.append(found[0])
        return found[1]
