"""Amazon SES over SNS: its messages, believed once their signature is checked.

    body ─▶ topic is ours ─▶ certificate from amazonaws.com ─▶ signature ─▶ Notice, or confirmation

Anybody can have a topic and with it a good signature, so the name of ours is asked first.
Format and signature: "Verifying the signatures of Amazon SNS messages" and "Amazon SNS notification
contents for Amazon SES" in Amazon's developer guides.
"""

import logging
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx2
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from digest.bounces.fields import parsed, table, tables, text
from digest.errors import SignatureError, SourceError
from digest.model import DeliveryReport, Notice, NoticeKind

HOST = re.compile(r"sns\.[a-z0-9-]{1,40}\.amazonaws\.com(\.cn)?")
# In this order; the subject only where there is one.
NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
DIGESTS = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - Amazon's default is still 1
MOST_BYTES = 64 * 1024  # of a certificate
MOST_KEYS = 16
SECONDS = 10.0
# What SES says of a bounce where the remote server gave no status.
STATUSES = {
    "NoEmail": "5.1.1",
    "Suppressed": "5.1.1",
    "OnAccountSuppressionList": "5.1.1",
    "MailboxFull": "5.2.2",
    "MessageTooLarge": "5.3.4",
    "ContentRejected": "5.7.1",
    "AttachmentRejected": "5.7.1",
}

_log = logging.getLogger(__name__)


class Sns:
    """The topic to which SES reports. ``transport`` carries the requests instead of the network."""

    def __init__(
        self, topic_arn: str, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._topic = topic_arn
        self._transport = transport
        self._keys: dict[str, RSAPublicKey] = {}

    async def receive(self, body: bytes) -> Notice | None:
        """What a message says; None where it was about the subscription itself.

        Raises:
            SignatureError: it is not Amazon's, or not of our topic.
            SourceError: Amazon does not answer; it will send the message again.
        """
        values = parsed(body)
        kind = text(values, "Type")
        if text(values, "TopicArn") != self._topic:
            raise SignatureError("sns: another topic")
        names = NOTIFICATION if kind == "Notification" else CONFIRMATION
        await self._verify(values, names)
        if kind == "Notification":
            return _notice(parsed(str(values.get("Message", ""))))
        if kind == "SubscriptionConfirmation":
            await self._get(_amazon(text(values, "SubscribeURL")))
            _log.info("sns: the subscription of the topic is confirmed")
        else:
            _log.warning("sns: %s: feedback may stop coming", kind[:40])
        return None

    async def _verify(self, values: Mapping[str, Any], names: tuple[str, ...]) -> None:
        there = [name for name in names if isinstance(values.get(name), str)]
        signed = "".join(f"{name}\n{values[name]}\n" for name in there)
        digest = DIGESTS.get(text(values, "SignatureVersion"))
        if digest is None:
            raise SignatureError("sns: a signature of an unknown version")
        key = await self._key(_amazon(text(values, "SigningCertURL"), ending=".pem"))
        try:
            signature = b64decode(str(values.get("Signature")), validate=True)
            key.verify(signature, signed.encode("utf-8", "replace"), PKCS1v15(), digest)
        except (InvalidSignature, ValueError) as error:
            raise SignatureError("sns: the signature does not fit the message") from error

    async def _key(self, url: str) -> RSAPublicKey:
        if url not in self._keys:
            try:
                key = x509.load_pem_x509_certificate(await self._get(url)).public_key()
            except ValueError as error:
                raise SignatureError("sns: there is no certificate where it should be") from error
            if not isinstance(key, RSAPublicKey):
                raise SignatureError("sns: the certificate has another kind of key")
            while len(self._keys) >= MOST_KEYS:
                del self._keys[next(iter(self._keys))]
            self._keys[url] = key
        return self._keys[url]

    async def _get(self, url: str) -> bytes:
        """What is there, up to a limit; redirects are not followed."""
        found = b""
        try:
            async with (
                httpx2.AsyncClient(transport=self._transport, timeout=SECONDS) as client,
                client.stream("GET", url) as response,
            ):
                response.raise_for_status()
                async for piece in response.aiter_bytes():
                    found += piece
                    if len(found) > MOST_BYTES:
                        raise SignatureError("sns: a certificate without end")
        except httpx2.HTTPError as error:
            raise SourceError("sns", f"amazonaws.com: {type(error).__name__}") from error
        return found


def _amazon(url: str, ending: str = "") -> str:
    """The address, if it is SNS's own over https. Raises SignatureError for every other."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SignatureError("sns: an address that is none") from error
    plain = parts.scheme == "https" and port in {None, 443} and "@" not in parts.netloc
    if not plain or not HOST.fullmatch(parts.hostname or "") or not parts.path.endswith(ending):
        raise SignatureError("sns: an address that is not Amazon's")
    return url


def _notice(values: Mapping[str, Any]) -> Notice:
    """What SES reports, as identities (notificationType) or configuration sets (eventType) do."""
    kind = text(values, "notificationType") or text(values, "eventType")
    mail = table(values, "mail")
    original = {text(one, "name").lower(): text(one, "value") for one in tables(mail, "headers")}
    notice = Notice(
        kind=NoticeKind.AUTOMATIC,
        addresses=(text(mail, "source"),),
        message_id=original.get("message-id") or text(table(mail, "commonHeaders"), "messageId"),
        signed=True,
        note=f"SES: {kind[:40]}",
    )
    complaint = table(values, "complaint")
    if kind == "Bounce":
        reports = tuple(_bounces(table(values, "bounce")))
        return replace(notice, kind=NoticeKind.DELIVERY, reports=reports)
    if kind == "Complaint" and text(complaint, "complaintFeedbackType") != "not-spam":
        reports = tuple(
            DeliveryReport(action="complaint", status="", recipient=text(one, "emailAddress"))
            for one in tables(complaint, "complainedRecipients")
        )
        return replace(notice, kind=NoticeKind.COMPLAINT, reports=reports)
    return notice


def _bounces(bounce: Mapping[str, Any]) -> Iterator[DeliveryReport]:
    final = {"Permanent": "5.0.0", "Transient": "4.0.0"}.get(text(bounce, "bounceType"), "4.0.0")
    otherwise = STATUSES.get(text(bounce, "bounceSubType"), final)
    for one in tables(bounce, "bouncedRecipients"):
        yield DeliveryReport(
            action="failed",  # also where it is transient: SES has given up
            status=text(one, "status") or otherwise,
            text=text(one, "diagnosticCode").removeprefix("smtp; "),
            recipient=text(one, "emailAddress"),
        )
