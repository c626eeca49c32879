"""Webhooks: believed once the provider's signature fits, and closed to everybody else."""

import hmac
import json
from base64 import b64encode
from datetime import timedelta
from functools import cache
from hashlib import sha256

import httpx2
import pytest
from bounced import READER
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from make import NOON
from website import website

from digest import links
from digest.model import SubscriberState
from digest.verp import Mailbox, mark, verp

TOPIC = "arn:aws:sns:eu-west-1:123456789012:digest-feedback"
CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-abc.pem"
CONFIRM = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
KEY = "an invented signing key"
BOX = Mailbox(local="bounce", domain="bounce.example.org")


@cache
def amazon(kind="rsa"):
    """A key of Amazon's, as the tests have it, and its certificate."""
    elliptic = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else None
    key = elliptic or rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, NOON, NOON.replace(year=2036)
    )
    return key, builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


class Amazon:
    """What answers at amazonaws.com; ``asked`` are the addresses."""

    def __init__(self):
        self.asked, self.answer = [], lambda: httpx2.Response(200, content=amazon()[1])

    def __call__(self, request):
        self.asked.append(str(request.url))
        return self.answer()


@pytest.fixture
def outside():
    return Amazon()


@pytest.fixture
def site(tmp_path, outside):
    """An installation with both webhooks; ada is an active reader."""
    hooks = {"ses": {"topic_arn": TOPIC}, "mailgun": {"signing_key": KEY}}
    transport = httpx2.MockTransport(outside)
    with website(tmp_path, transport=transport, webhooks=hooks) as there:
        there.reader(READER)
        yield there


def suppressed(site):
    return f"'{mark(site.app.signer, READER)}','" in site.dump().partition("suppression")[2]


def rows(site, table):
    return site.dump().count(f'INSERT INTO "{table}"') + site.dump().count(f"INSERT INTO {table} ")


def message_id(site):
    key = site.find(READER).key
    return links.message_id(site.app.signer, "2026011512", key, "digest.example.org")


# ── Amazon SES ───────────────────────────────────────────────────────────────────────────────────


def signed(kind="Notification", version="2", key=None, **over):
    """A message of SNS, signed as its version says; what is ``over`` is changed before that."""
    values = {
        "Type": kind,
        "MessageId": "22b80b92",
        "TopicArn": TOPIC,
        "Message": "{}",
        "Timestamp": "2026-01-15T12:00:00.000Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE,
    }
    if kind != "Notification":
        values |= {"Token": "t", "SubscribeURL": CONFIRM}
    values |= over
    names = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token")
    names = (*names, "TopicArn", "Type")
    text = "".join(f"{name}\n{values[name]}\n" for name in names if name in values)
    digest = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303 - Amazon's default
    signature = (key or amazon()[0]).sign(text.encode(), padding.PKCS1v15(), digest)
    return values | {"Signature": b64encode(signature).decode()}


def report(site, kind="Bounce", name="notificationType", source="", **over):
    bounce = {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {
                "emailAddress": READER,
                "action": "failed",
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            }
        ],
    }
    complaint = {
        "complainedRecipients": [{"emailAddress": READER}],
        "complaintFeedbackType": "abuse",
    }
    mail = {
        "source": source or "digest@digest.example.org",
        "messageId": "0102018-000000",
        "destination": [READER],
        "headers": [{"name": "Message-ID", "value": message_id(site)}],
    }
    values = {name: kind, "mail": mail, "bounce": bounce | over, "complaint": complaint | over}
    return json.dumps(values)


def ses(site, values):
    return site.client.post(
        "/webhooks/ses", content=json.dumps(values), headers={"content-type": "text/plain"}
    ).status_code


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("name", ["notificationType", "eventType"])
@pytest.mark.parametrize("kind", ["Bounce", "Complaint"])
def test_amazons_reports_count(site, version, name, kind):
    assert ses(site, signed(version=version, Message=report(site, kind, name))) == 200
    assert suppressed(site)


def test_the_envelope_sender_in_it_is_enough(site):
    sender = verp(site.app.signer, 7, READER, BOX)
    text = report(site, source=sender).replace(message_id(site), "<rewritten@amazonses.com>")
    assert ses(site, signed(Message=text)) == 200
    assert suppressed(site)


def test_a_report_sent_again_is_one_event_and_the_certificate_is_asked_for_once(site, outside):
    for _ in range(3):
        assert ses(site, signed(Message=report(site))) == 200
    assert outside.asked == [CERTIFICATE]
    assert rows(site, "feedback") == 1


def test_a_subject_is_signed_too(site):
    assert ses(site, signed(Message=report(site), Subject="Amazon SES")) == 200
    assert ses(site, signed(Message=report(site)) | {"Subject": "added"}) == 403


@pytest.mark.parametrize(
    ("kind", "over"),
    [
        ("Delivery", {}),
        ("DeliveryDelay", {}),
        ("Complaint", {"complaintFeedbackType": "not-spam"}),
        ("Bounce", {"bounceType": "Transient", "bouncedRecipients": [{"emailAddress": READER}]}),
        ("Bounce", {"bouncedRecipients": "nonsense"}),
        ("Bounce", {"bouncedRecipients": [7, None, {}]}),
    ],
)
def test_other_reports_suppress_nobody(site, kind, over):
    assert ses(site, signed(Message=report(site, kind, **over))) == 200
    assert not suppressed(site)


def test_a_subscription_is_confirmed_at_amazons_own_address(site, outside):
    assert ses(site, signed("SubscriptionConfirmation")) == 200
    assert outside.asked == [CERTIFICATE, CONFIRM]
    assert ses(site, signed("UnsubscribeConfirmation")) == 200
    assert outside.asked == [CERTIFICATE, CONFIRM]


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/x.pem",
        "https://bucket.s3.amazonaws.com/x.pem",  # anybody's files are there
        "https://sns.eu-west-1.amazonaws.com:8443/x.pem",
        "https://sns.eu-west-1.amazonaws.com:99999/x.pem",
        "https://sns.evil.example#.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com/x.html",
        "https://[::1/x.pem",
        "file:///etc/passwd.pem",
        "",
        7,
    ],
)
def test_a_certificate_from_elsewhere_is_not_asked_for(site, outside, url):
    assert ses(site, signed(Message=report(site)) | {"SigningCertURL": url}) == 403
    assert outside.asked == []
    assert not suppressed(site)


def test_a_subscription_is_not_confirmed_elsewhere(site, outside):
    wrong = signed("SubscriptionConfirmation", SubscribeURL="https://169.254.169.254/latest")
    assert ses(site, wrong) == 403
    assert outside.asked == [CERTIFICATE]


@pytest.mark.parametrize(
    "change",
    [
        {"Message": "{}"},
        {"Timestamp": "2027"},
        {"TopicArn": TOPIC + "x"},
        {"Signature": "AAAA"},
        {"Signature": "é"},
        {"Signature": None},
        {"SignatureVersion": "3"},
        {"Type": "SubscriptionConfirmation"},
    ],
)
def test_an_altered_message_is_refused(site, change):
    assert ses(site, signed(Message=report(site)) | change) == 403
    assert not suppressed(site)


def test_another_topic_with_a_good_signature_is_refused(site, outside):
    other = signed(Message=report(site), TopicArn="arn:aws:sns:eu-west-1:999999999999:mine")
    assert ses(site, other) == 403
    assert outside.asked == []


def test_another_key_is_refused(site):
    key = rsa.generate_private_key(65537, 2048)
    assert ses(site, signed(Message=report(site), key=key)) == 403


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (lambda: httpx2.Response(404), 503),
        (lambda: httpx2.Response(302, headers={"location": "https://evil.example/x.pem"}), 503),
        (lambda: httpx2.Response(200, content=b"no certificate"), 403),
        (lambda: httpx2.Response(200, content=b"a" * 100_000), 403),
        (lambda: httpx2.Response(200, content=amazon("ec")[1]), 403),
    ],
)
def test_without_a_certificate_nothing_is_believed(site, outside, answer, status):
    outside.answer = answer
    assert ses(site, signed(Message=report(site))) == status
    assert not suppressed(site)
    outside.answer = Amazon().answer
    assert ses(site, signed(Message=report(site))) == 200  # asked for again


# ── Mailgun ──────────────────────────────────────────────────────────────────────────────────────


def mailgun(site, event="failed", *, token="t1", at=NOON, key=KEY, **over):
    stamp = str(int(at.timestamp()))
    right = hmac.new(key.encode(), f"{stamp}{token}".encode(), sha256).hexdigest()
    data = {
        "event": event,
        "severity": "permanent",
        "recipient": READER,
        "delivery-status": {"code": 550, "message": "5.1.1 no such user"},
        "message": {"headers": {"message-id": message_id(site).strip("<>")}},
        "envelope": {"sender": "digest@digest.example.org"},
    }
    values = {
        "signature": {"timestamp": stamp, "token": token, "signature": right},
        "event-data": data | over,
    }
    return site.client.post("/webhooks/mailgun", json=values).status_code


@pytest.mark.parametrize(
    ("event", "over", "counts"),
    [
        ("failed", {}, True),
        ("failed", {"delivery-status": {"code": 605, "message": "previously bounced"}}, True),
        ("failed", {"delivery-status": {"code": 607}}, True),
        ("complained", {}, True),
        ("failed", {"severity": "temporary"}, False),
        ("failed", {"delivery-status": {"code": 452, "message": "4.2.2 full"}}, False),
        ("failed", {"delivery-status": "nonsense", "message": []}, False),
        ("delivered", {}, False),
        ("opened", {}, False),
    ],
)
def test_mailguns_reports_count(site, event, over, counts):
    assert mailgun(site, event, **over) == 200
    assert suppressed(site) == counts


@pytest.mark.parametrize(
    ("event", "over"), [("unsubscribed", {}), ("failed", {"delivery-status": {"code": 606}})]
)
def test_who_left_at_mailgun_has_left(site, event, over):
    assert mailgun(site, event, **over) == 200
    assert site.find(READER).state is SubscriberState.LEFT


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "another key"},
        {"at": NOON - timedelta(hours=13)},
        {"at": NOON + timedelta(hours=1)},
    ],
)
def test_what_is_not_mailguns_or_too_old_is_refused(site, wrong):
    assert mailgun(site, **wrong) == 403
    assert not suppressed(site)


def test_a_signature_is_good_for_one_message(site):
    # It does not cover the event: who saw one could say anything with it.
    assert mailgun(site, "delivered") == 200
    assert mailgun(site, "complained") == 403
    assert not suppressed(site)
    assert mailgun(site, "complained", token="t2") == 200


def test_a_message_that_could_not_be_taken_may_come_again(site):
    broken = site.app.intake.returns.take
    site.app.intake.returns.take = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        mailgun(site)
    site.app.intake.returns.take = broken
    assert mailgun(site) == 200
    assert suppressed(site)


# ── Both ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["ses", "mailgun"])
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b"[" * 60_000, b'{"a":' * 9000])
def test_what_is_no_message_is_refused(site, name, body):
    before = site.dump()
    assert site.client.post(f"/webhooks/{name}", content=body).status_code == 403
    assert site.dump() == before


@pytest.mark.parametrize("name", ["ses", "mailgun"])
def test_a_webhook_that_is_not_configured_is_not_there(tmp_path, name):
    with website(tmp_path) as there:
        assert there.client.post(f"/webhooks/{name}", json={}).status_code == 404


@pytest.mark.parametrize("name", ["ses", "mailgun", "other"])
def test_looking_at_a_webhook_does_nothing(site, name):
    assert site.client.get(f"/webhooks/{name}").status_code in {404, 405}
