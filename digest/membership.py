"""Who is a reader, and what may be written to whom: rules of joining and leaving."""

from dataclasses import dataclass
from datetime import date

from digest.model import MailKind, Subscriber, SubscriberState

BOUNCE = "bounce"  # reasons for a suppression that begin so are lifted by a new double opt-in
# Letters that go out all the same: one tries the address anew, one goes to another address.
BEYOND_BOUNCES = (MailKind.CONFIRM, MailKind.CHANGE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a sign-up leads to: the reader's state from now on, and the letter to write, if any."""

    state: SubscriberState
    letter: MailKind | None


def on_sign_up(
    state: SubscriberState | None, asked_today: int, most: int, suppressed: str | None = None
) -> Answer:
    """The answer to a sign-up; the page says the same whatever it is.

    Args:
        state: where the address stands now (None: unknown).
        asked_today: sign-ups for this address within a day, this one included.
        most: so many of them write a letter; later ones are silent, since forms are used to flood
            third parties with confirmation mails.
        suppressed: the reason why nothing may be sent to the address, if any. Whose mail bounced
            gets none although they are active, and confirms anew.
    """
    silent = asked_today > most
    bounced = suppressed is not None and suppressed.startswith(BOUNCE)
    if state is SubscriberState.ACTIVE and not bounced:
        return Answer(state, None if silent else MailKind.KNOWN)
    return Answer(SubscriberState.PENDING, None if silent else MailKind.CONFIRM)


def on_confirm(state: SubscriberState | None) -> SubscriberState | None:
    """The state after a good confirmation link; None where the link means nothing any more.

    A link from before somebody left must not bring them back.
    """
    return None if state in (None, SubscriberState.LEFT) else SubscriberState.ACTIVE


def barred(
    subscriber: Subscriber, kind: MailKind, suppressed: str | None, today: date | None
) -> str:
    """Why this mail must not go to this reader now; empty where it may.

    Args:
        subscriber: as stored at this moment.
        kind: of the mail.
        suppressed: the reason why nothing may be sent to the address, if any.
        today: the local date of a digest.
    """
    if suppressed and not (kind in BEYOND_BOUNCES and suppressed.startswith(BOUNCE)):
        return f"suppressed: {suppressed}"
    if kind is MailKind.CONFIRM:
        return "" if subscriber.state is SubscriberState.PENDING else "confirmed already, or left"
    if subscriber.state is not SubscriberState.ACTIVE:
        return "left before it was sent"
    if kind is MailKind.CHANGE and not subscriber.pending_email:
        return "the change of address was withdrawn"
    paused = subscriber.preferences.paused_until
    if kind is MailKind.DIGEST and paused and today and today < paused:
        return f"paused until {paused}"
    return ""
