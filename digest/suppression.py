"""What follows from bounces and complaints: a rule. It decides on values; the story acts.

    status or reply ─▶ kind_of ─▶ judge(event, history) ─▶ Ruling: the reader's, and a domain's

reader   complaint ─▶ suppressed, for ever          hard bounce ─▶ suppressed, until a new opt-in
         refused 2, soft and full 1 point, one increment a day ─▶ suppressed at 5
         points go after 30 days without a bounce, or 7 days on which mail was accepted
         policy ─▶ nothing: it is the sender who was refused
domain   complaints above their rate, or many equal refusals ─▶ paused for hours, with an alert

Status codes are those of RFC 3463 and its registry. Delivery reports with ``4.x.x`` that say
``failed`` are soft: the relay gave up, which says little about the address.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from digest.membership import BOUNCE
from digest.model import Action, Alert, Feedback, FeedbackKind, History, Ruling

HARD = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")
FULL = ("4.2.2", "5.2.2")
OURS = ("5.1.7", "5.1.8")  # about the sender's address, whatever their number suggests
TOO_LARGE = "5.3.4"
POINTS = {FeedbackKind.REFUSED: 2, FeedbackKind.SOFT: 1, FeedbackKind.FULL: 1}
# Which refusals, when many are equal, say something about the domain or about us.
TOGETHER = (FeedbackKind.POLICY, FeedbackKind.HARD, FeedbackKind.REFUSED, FeedbackKind.SOFT)

# "550 5.1.1 …" and "550-5.1.1 …", but not an IP address.
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.])([45])\d\d(?![\d.])")
_ADDRESS = re.compile(r"<?[^\s<>@]+@[^\s<>@,;]+>?")
_VARIES = re.compile(r"\S*\d\S*")  # queue numbers, addresses of machines, times
_LONGEST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The numbers of the rule; days and hours as spans of time."""

    points: int = 5
    forget: timedelta = timedelta(days=30)
    proven_days: int = 7
    window: timedelta = timedelta(hours=24)
    equal_refusals: int = 10
    refusal_share: float = 0.1
    complaint_rate: float = 0.001
    pause: timedelta = timedelta(hours=6)


def status_of(status: str, text: str = "", code: int = 0) -> str:
    """The status a report or a reply means, like ``5.1.1``.

    ``x.0.0`` says nothing (Exim writes it always), so the words are looked at, then the reply's
    code; empty where there is neither.
    """
    found = _STATUS.search(status)
    better = _STATUS.search(text)
    if better and (found is None or (found[0].endswith(".0.0") and found[1] == better[1])):
        found = better
    if found:
        return ".".join(str(int(part)) for part in found.groups())
    digit = str(code)[0] if code else (_REPLY.search(text) or " ")[0][0]
    return f"{digit}.0.0" if digit in {"4", "5"} else ""


def kind_of(status: str) -> FeedbackKind:
    """What a final failure with this status says."""
    whole, subject, _ = (status or "5.0.0").split(".")
    if subject == "7" or status in OURS:
        return FeedbackKind.POLICY
    if status in HARD:
        return FeedbackKind.HARD
    if status in FULL:
        return FeedbackKind.FULL
    if whole == "4" or status == TOO_LARGE:
        return FeedbackKind.SOFT
    return FeedbackKind.REFUSED


def anonymous(text: str) -> str:
    """A server's words for logs and tables: one line, cut, and without anybody's address."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * _LONGEST])
    return " ".join(_ADDRESS.sub("<address>", shown).split())[:_LONGEST]


def sameness(status: str, text: str) -> str:
    """What equal refusals have in common: the status, and the words without what varies."""
    return f"{status} {' '.join(_VARIES.sub('#', anonymous(text).lower()).split())}"[:_LONGEST]


def judge(event: Feedback, history: History, policy: Policy) -> Ruling:
    """What follows from an event, given what is known of its address and its domain."""
    why, until = _pause(event, history, policy), event.at + policy.pause
    pause = Alert(domain=history.domain, reason=why, since=event.at, until=until) if why else None
    match event.kind:
        case FeedbackKind.COMPLAINT:
            action, reason = Action.SUPPRESS, "complaint"
        case FeedbackKind.UNSUBSCRIBE:
            action, reason = Action.LEAVE, "unsubscribed by mail"
        case FeedbackKind.HARD:
            action, reason = Action.SUPPRESS, _because(event)
        case FeedbackKind.POLICY:
            action, reason = Action.COUNT, "the sender was refused, not the reader"
        case FeedbackKind.UNVERIFIED:
            action, reason = Action.IGNORE, "nothing proves that it is about a mail of ours"
        case _:
            points = score([*history.events, event], history.delivered, policy)
            full = points >= policy.points
            action = Action.SUPPRESS if full else Action.COUNT
            reason = _because(event) if full else f"{points} of {policy.points} points"
    return Ruling(action=action, reason=reason, pause=pause)


def score(events: Sequence[Feedback], delivered: Sequence[date], policy: Policy) -> int:
    """The points of an address after ``events`` (oldest first).

    A day counts once, by its gravest event. All points go after ``forget`` without a bounce, and
    after ``proven_days`` dates between two bounces on which a mail was accepted.
    """
    days: dict[date, int] = {}
    for event in events:
        if points := POINTS.get(event.kind, 0):
            day = event.at.date()
            days[day] = max(points, days.get(day, 0))
    total, last = 0, None
    for day in sorted(days):
        if last is not None:
            proven = sum(last < one < day for one in set(delivered))
            if day - last >= policy.forget or proven >= policy.proven_days:
                total = 0
        total, last = total + days[day], day
    return total


def _pause(event: Feedback, history: History, policy: Policy) -> str:
    """Why mail to the whole domain should wait; empty where it need not."""
    if not history.domain:
        return ""
    if event.kind is FeedbackKind.COMPLAINT:
        # Of a hundred mails one complaint is ten times too much; of a million, a day's noise.
        if history.complaints > policy.complaint_rate * history.offered():
            return f"complaints: {history.complaints} within {_hours(policy.window)}"
        return ""
    if event.kind not in TOGETHER or history.equal < policy.equal_refusals:
        return ""
    if history.equal < policy.refusal_share * history.offered():
        return ""
    return f"{history.equal} equal refusals: {event.status} {event.text}".strip()[:_LONGEST]


def _because(event: Feedback) -> str:
    """The reason of a suppression that a new double opt-in lifts: see ``membership.BOUNCE``."""
    return f"{BOUNCE}: {event.kind} {event.status}".strip()


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:g} hours"
