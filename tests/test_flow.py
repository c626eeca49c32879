"""A batch on its way, when its ledger fails: nothing is claimed that nobody will send."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from digest import loop
from digest.credit import Credit
from digest.errors import StoreError
from digest.flow import Flow, Trade
from digest.model import (
    Claim,
    DeliveryState,
    Envelope,
    MailKind,
    Outcome,
    OutcomeKind,
    Preferences,
    Subscriber,
    SubscriberState,
    Verdict,
)

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
READER = Subscriber(
    id=1,
    key="ann",
    email="ann@example.net",
    state=SubscriberState.ACTIVE,
    preferences=Preferences(),
    created_at=NOON,
)
TAKEN = Outcome(kind=OutcomeKind.ACCEPTED, code=250, text="2.0.0 taken")


def claim(number):
    return Claim(
        delivery_id=number,
        kind=MailKind.DIGEST,
        edition_id="e",
        subscriber=READER,
        address=READER.email,
        paper_ids=(),
        attempts=1,
        due_at=NOON,
    )


class Ledger:
    """An account of two batches: the answer of a claim is lost, though it was committed."""

    def __init__(self, fails_at):
        self.sending, self.claims, self._fails_at = set(), 0, fails_at

    async def claim(self, limit, settled):
        await self.record(settled)
        await asyncio.sleep(0)  # as in a thread: others go on meanwhile
        taken = range(self.claims * 1000, self.claims * 1000 + limit)
        self.claims += 1
        self.sending.update(taken)
        if self.claims == self._fails_at:
            raise StoreError("the answer was lost")
        return [claim(number) for number in taken]

    async def record(self, settled):
        self.sending -= settled.verdicts.keys()


@pytest.mark.parametrize("fails_at", [1, 2, 3])
@pytest.mark.parametrize("takes_turns", [True, False])
def test_what_a_failed_flow_left_is_not_claimed_over(fails_at, takes_turns):
    ledger, lost = Ledger(fails_at), []

    async def send(mails, told):
        for number, _ in enumerate(mails):
            await asyncio.sleep(0)
            told(number, TAKEN)

    trade = Trade(
        write=lambda claim: Envelope("a@example.org", claim.address, "<a@b>", b"x\r\n"),
        send=send,
        decide=lambda _, __: Verdict(state=DeliveryState.SENT),
        stopping=lambda: bool(lost),
        failed=lambda: lost.append("here"),
        down=lambda: None,
        lanes=2,
    )

    async def both():
        credit, turn = Credit(10), Credit(1) if takes_turns else None
        with suppress(ExceptionGroup):
            async with asyncio.TaskGroup() as batches:
                for _ in range(2):
                    batches.create_task(Flow(ledger, trade, credit).run(turn))
        return credit

    credit = loop.run(both())
    assert lost == ["here"]
    assert 0 < len(ledger.sending) <= credit.total
    assert credit.spare() == credit.total
