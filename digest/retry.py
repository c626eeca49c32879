"""What follows from an outcome: a rule. Retry is a value, not a loop.

accepted ─▶ sent
refused  ─▶ refused                      the server said no to this reader or this mail
in doubt ─▶ unknown                      it may have arrived: never again by itself
deferred, unsent ─▶ deferred(again_at)   definitely not delivered; twice as long each time,
                 └▶ refused              once the next try would come after the deadline
held     ─▶ deferred(again_at)           by a limit of our own, for as long as that says: no try
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.model import DeliveryState, Outcome, OutcomeKind, Verdict

LONGEST = timedelta(hours=2)  # between two tries
SPREAD = 0.5  # a wait is drawn from ±25 % of itself, so that retries do not come in waves


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long to wait at first, and for how long a mail is worth sending at all."""

    first: timedelta = timedelta(seconds=60)
    deadline: timedelta = timedelta(hours=24)


def decide(
    outcome: Outcome,
    *,
    attempts: int,
    due_at: datetime,
    now: datetime,
    policy: Policy,
    jitter: float,
) -> Verdict:
    """What becomes of a delivery.

    Args:
        outcome: what the server did.
        attempts: tries so far, this one included (from 1).
        due_at: when the mail was due: its deadline counts from here.
        now: the instant of the outcome.
        policy: the waits.
        jitter: from 0 to 1, drawn by the caller.
    """
    said = f"{outcome.code} {outcome.text}".strip() if outcome.code else outcome.text
    match outcome.kind:
        case OutcomeKind.ACCEPTED:
            return Verdict(state=DeliveryState.SENT, reason=said)
        case OutcomeKind.REFUSED:
            return Verdict(state=DeliveryState.REFUSED, reason=said)
        case OutcomeKind.IN_DOUBT:
            return Verdict(state=DeliveryState.UNKNOWN, reason=said)
    held = outcome.kind is OutcomeKind.HELD
    tries = attempts - 1 if held else attempts
    if held:
        wait = timedelta(seconds=outcome.wait)
    else:
        doublings = min(attempts - 1, 20)
        wait = min(LONGEST, policy.first * 2**doublings) * (1 + SPREAD * (jitter - 0.5))
    if now + wait > due_at + policy.deadline:
        said = f"gave up after {tries} tr{'y' if tries == 1 else 'ies'}: {said}"
        return Verdict(state=DeliveryState.REFUSED, reason=said, counted=not held)
    return Verdict(state=DeliveryState.DEFERRED, again_at=now + wait, reason=said, counted=not held)
