"""Mailgun's webhooks: believed once the HMAC over their timestamp and token is checked.

Format and signature: "Webhooks" and "Events" in Mailgun's documentation. The signature does not
cover the event, so each token must be taken once only: ``receive`` gives it to be remembered.
"""

import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from digest.bounces.fields import parsed, table, text
from digest.errors import SignatureError
from digest.model import DeliveryReport, Notice, NoticeKind

# Retries go on for eight hours. Tokens have to be remembered for so long.
OLDEST = timedelta(hours=12)
AHEAD = timedelta(minutes=5)  # clocks differ
# Mailgun's own codes for mails that it did not even try to deliver.
NEVER_TRIED = {"605": "5.1.1"}
COMPLAINED, LEFT = "607", "606"


class Mailgun:
    """Reads what the account with this signing key reports."""

    def __init__(self, signing_key: str) -> None:
        self._key = signing_key.encode("utf-8")

    def receive(self, body: bytes, now: datetime) -> tuple[str, Notice]:
        """A message's token, good for one message, and what it says.

        Raises:
            SignatureError: it is not Mailgun's, or too old.
        """
        values = parsed(body)
        self._verify(table(values, "signature"), now)
        return text(table(values, "signature"), "token"), _notice(table(values, "event-data"))

    def _verify(self, signature: Mapping[str, Any], now: datetime) -> None:
        stamp, token = text(signature, "timestamp"), text(signature, "token")
        right = hmac.new(self._key, f"{stamp}{token}".encode(), sha256).hexdigest()
        if not hmac.compare_digest(right.encode(), text(signature, "signature").encode()):
            raise SignatureError("mailgun: the signature does not fit the message")
        try:
            sent = datetime.fromtimestamp(int(stamp), UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise SignatureError("mailgun: a timestamp that is none") from error
        if not now - OLDEST <= sent <= now + AHEAD:
            raise SignatureError("mailgun: the message is too old")


def _notice(event: Mapping[str, Any]) -> Notice:
    status, recipient = table(event, "delivery-status"), text(event, "recipient")
    code, kind = text(status, "code"), text(event, "event")
    identity = text(table(event, "message", "headers"), "message-id").strip("<>")
    plain = DeliveryReport(action=kind, status="", recipient=recipient)
    notice = Notice(
        kind=NoticeKind.AUTOMATIC,
        reports=(plain,),
        addresses=(text(table(event, "envelope"), "sender"),),
        message_id=f"<{identity}>" if identity else "",
        signed=True,
        note=f"Mailgun: {kind[:40]}",
    )
    if kind == "complained" or (kind == "failed" and code == COMPLAINED):
        return replace(notice, kind=NoticeKind.COMPLAINT)
    if kind == "unsubscribed" or (kind == "failed" and code == LEFT):
        return replace(notice, kind=NoticeKind.UNSUBSCRIBE)
    if kind != "failed" or text(event, "severity") != "permanent":  # temporary: it will try again
        return notice
    words = text(status, "message") or text(status, "description")
    report = DeliveryReport(
        action="failed",
        status=NEVER_TRIED.get(code) or text(status, "enhanced-code"),
        text=f"{code} {words}".strip(),
        recipient=recipient,
    )
    return replace(notice, kind=NoticeKind.DELIVERY, reports=(report,))
