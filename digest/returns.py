"""What comes back, in order: read, believed or not, recorded, acted upon.

    mail ─▶ bounces.read ─┐
    webhook ──────────────┴─▶ whose? ─▶ store.record ─▶ suppression.judge ─▶ suppressed · counted …
    refused at the relay's door ──┘

Believed is only what carries a token that we made, or a provider's signature with a Message-ID that
we made. Everything else is remembered and changes nothing.
"""

import hashlib
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote, urlsplit

from digest import bounces, links, suppression, verp
from digest.errors import LinkError
from digest.links import Signer
from digest.model import (
    Action,
    Claim,
    Consent,
    Feedback,
    FeedbackKind,
    History,
    Notice,
    NoticeKind,
    Outcome,
    OutcomeKind,
    Ruling,
)
from digest.store import Store
from digest.suppression import Policy
from digest.verp import Ticket

# ``links.message_id``: what was sent, then a hash of it and the reader.
_MESSAGE_ID = re.compile(r"<?d\.([^@\s]{1,100})\.[0-9a-f]{24}@([^@\s<>]{1,255})>?")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of one thing that came back, for logs and tables."""

    kind: str
    action: Action
    note: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.action}" + (f" ({self.note})" if self.note else "")


class Returns:
    """Takes what comes back. All methods may be called twice with the same, from any thread."""

    def __init__(self, store: Store, signer: Signer, policy: Policy) -> None:
        self._store = store
        self._signer = signer
        self._policy = policy

    def mail(self, data: bytes, recipients: Sequence[str], now: datetime) -> Taken:
        """A mail that came to a mailbox of ours, whatever it is. Raises StoreError only."""
        notice = bounces.read(data, recipients)
        return self.take(notice, "mail", now, mark=hashlib.sha256(data).hexdigest())

    def take(self, notice: Notice, source: str, now: datetime, mark: str = "") -> Taken:
        """What a notice says, if it can be believed.

        Args:
            notice: a mail or a webhook's message, read.
            source: how it came.
            now: when.
            mark: tells it from others where it names no delivery.
        """
        match notice.kind:
            case NoticeKind.DELIVERY:
                taken = self._bounce(notice, source, now, mark)
            case NoticeKind.COMPLAINT:
                taken = self._complaint(notice, source, now, mark)
            case NoticeKind.MESSAGE | NoticeKind.UNSUBSCRIBE | NoticeKind.UNREADABLE:
                taken = self._leave(notice, source, now)
            case _:
                note = notice.note
                taken = Taken(kind=notice.kind, action=Action.IGNORE, note=note)
        lost = notice.kind is NoticeKind.UNREADABLE and taken and taken.action is Action.IGNORE
        if taken is None or lost:
            taken = self._unverified(notice, source, now, mark)
        _log.info("source=%s %s", source, taken)
        return taken

    def refused(self, refusals: Iterable[tuple[Claim, Outcome]], now: datetime) -> list[Taken]:
        """Mails that were given up: refused by a server, or put off until their deadline.

        Others than refusals by a server (a fault of ours, a relay that is down) are passed over.
        """
        taken = []
        for claim, outcome in refusals:
            answered = outcome.kind in (OutcomeKind.REFUSED, OutcomeKind.DEFERRED)
            if not answered or not outcome.code:
                continue
            status = suppression.status_of("", outcome.text, outcome.code)
            event = self._event(
                Ticket(claim.delivery_id, verp.mark(self._signer, claim.address)),
                suppression.kind_of(status),
                now,
                status=status,
                text=outcome.text,
                source="smtp",
            )
            taken.append(self._record(event))
        return taken

    # ── What is believed ─────────────────────────────────────────────────────────────────────────

    def _bounce(self, notice: Notice, source: str, now: datetime, mark: str) -> Taken | None:
        ticket = self._ticket(notice)
        if ticket is None:
            return None
        failed = [report for report in notice.reports if report.action == "failed"]
        if not failed:  # delayed: the relay goes on; delivered, relayed, expanded: good news
            actions = ", ".join(sorted({report.action[:20] for report in notice.reports}))
            return Taken(kind=notice.kind, action=Action.IGNORE, note=actions)
        report = failed[0]
        status = suppression.status_of(report.status, report.text)
        kind = suppression.kind_of(status)
        said = {"status": status, "text": report.text}
        event = self._event(ticket, kind, now, source=source, mark=mark, **said)
        return self._record(event)

    def _complaint(self, notice: Notice, source: str, now: datetime, mark: str) -> Taken | None:
        """Providers hide who complained; the mail that they send along shows it to us."""
        ticket = self._ticket(notice)
        if ticket is None:
            key = self._reader_of(notice.links, now)
            reader = self._store.roster.find(key=key) if key else None
            if reader is None:
                return None
            ticket = Ticket(0, verp.mark(self._signer, reader.email))
        what, said = FeedbackKind.COMPLAINT, notice.note
        event = self._event(ticket, what, now, source=source, mark=mark, text=said)
        return self._record(event)

    def _leave(self, notice: Notice, source: str, now: datetime) -> Taken | None:
        texts = (*notice.addresses, notice.subject)
        key = next(filter(None, (verp.read_unsubscribe(self._signer, one) for one in texts)), None)
        if key is None and notice.kind is NoticeKind.UNSUBSCRIBE:
            ticket = self._ticket(notice)
            mine = ticket and self._store.roster.find(fingerprint=ticket.fingerprint)
            key = mine.key if mine else None
        if key is None:
            if any(verp.read_verp(self._signer, one) for one in notice.addresses):
                # Somebody answered, or a server bounced in words of its own.
                note = "to the mailbox of bounces"
                return Taken(kind=notice.kind, action=Action.IGNORE, note=note)
            return None
        left = self._store.subscribers.leave(key, Consent(action="left", at=now, source=source))
        note = "unsubscribed by mail" if left else "left before"
        return Taken(kind=FeedbackKind.UNSUBSCRIBE, action=Action.LEAVE, note=note)

    # ── Whose it is ──────────────────────────────────────────────────────────────────────────────

    def _ticket(self, notice: Notice) -> Ticket | None:
        """Which mail it is about, proven; None where nothing proves it."""
        for address in notice.addresses:
            if ticket := verp.read_verp(self._signer, address):
                return ticket
        found = _MESSAGE_ID.fullmatch(notice.message_id.strip())
        if not notice.signed or found is None:
            return None
        for report in notice.reports:
            mark = verp.mark(self._signer, report.recipient)
            reader = self._store.roster.find(fingerprint=mark)
            if reader is None:
                continue
            ours = links.message_id(self._signer, found[1], reader.key, found[2])
            if ours == f"<{notice.message_id.strip().strip('<>')}>":
                return Ticket(self._store.bounces.delivery_of(found[1], mark) or 0, mark)
        return None

    def _reader_of(self, uris: Sequence[str], now: datetime) -> str | None:
        """The reader's key in the List-Unsubscribe of a mail that came back."""
        for uri in uris:
            try:
                path = unquote(urlsplit(uri).path)
            except ValueError:
                continue
            if key := verp.read_unsubscribe(self._signer, path):
                return key
            try:
                return self._signer.read(links.UNSUBSCRIBE, path.rpartition("/")[2], now)[0]
            except LinkError:
                continue
        return None

    # ── What is kept ─────────────────────────────────────────────────────────────────────────────

    def _event(
        self,
        ticket: Ticket,
        kind: FeedbackKind,
        now: datetime,
        *,
        status: str = "",
        text: str = "",
        source: str,
        mark: str = "",
    ) -> Feedback:
        """The same mail bounces once, by whatever way it is told.

        Without a number of the ledger the report is told by its ``mark``, or by its day.
        """
        what = ticket.delivery_id or mark or f"{now:%Y-%m-%d}"
        once = "complaint" if kind is FeedbackKind.COMPLAINT else "bounce"
        return Feedback(
            key=f"{once}:{what}:{ticket.fingerprint}",
            kind=kind,
            at=now,
            fingerprint=ticket.fingerprint,
            delivery_id=ticket.delivery_id or None,
            status=status,
            text=suppression.anonymous(text),
            source=source,
        )

    def _record(self, event: Feedback) -> Taken:
        def judge(event: Feedback, history: History) -> Ruling:
            return suppression.judge(event, history, self._policy)

        same = suppression.sameness(event.status, event.text)
        ruling = self._store.bounces.record(event, same, self._policy.window, judge)
        if ruling is None:
            return Taken(kind=event.kind, action=Action.IGNORE, note="known already")
        if ruling.pause:
            alert = ruling.pause
            _log.warning("domain=%s paused until %s: %s", alert.domain, alert.until, alert.reason)
        return Taken(kind=event.kind, action=ruling.action, note=ruling.reason)

    def _unverified(self, notice: Notice, source: str, now: datetime, mark: str) -> Taken:
        """Kept for the operator's eyes, a thousand a day at most."""
        said = next((f"{report.status} {report.text}" for report in notice.reports), notice.note)
        event = Feedback(
            key=f"unverified:{mark or now.isoformat()}",
            kind=FeedbackKind.UNVERIFIED,
            at=now,
            text=suppression.anonymous(f"{notice.kind}: {said}"),
            source=source,
        )
        self._store.bounces.remember(event)
        return Taken(kind=notice.kind, action=Action.IGNORE, note="nothing proves that it is ours")
