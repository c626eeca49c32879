"""Reading what comes back: every server's own shape, and whatever else anybody sends."""

import random
import time

import pytest
from bounced import (
    READER,
    complaint,
    crlf,
    dsn,
    exchange,
    exim,
    gmail,
    internationalised,
    old_exim,
    original,
    written,
)
from hypothesis import given
from hypothesis import strategies as st

from digest.bounces import read
from digest.bounces.reading import MOST_BYTES, MOST_REPORTS
from digest.model import NoticeKind

TO = "bounce+token@bounce.example.org"


@pytest.mark.parametrize(
    ("mail", "action", "status", "text"),
    [
        (dsn(TO), "failed", "5.1.1", "550 5.1.1 <ada@reader.example.net>: no such user"),
        (dsn(TO, back="text/rfc822-headers"), "failed", "5.1.1", "550 5.1.1"),
        (dsn(TO, action="delayed", status="4.4.1"), "delayed", "4.4.1", ""),
        (dsn(TO, action="Relayed (to a machine)"), "relayed", "5.1.1", ""),
        (dsn(TO, action="delivered", status="2.0.0"), "delivered", "2.0.0", ""),
        (dsn(TO, action="FAILED", diagnostic=""), "failed", "5.1.1", ""),
        (exim(TO), "failed", "5.0.0", "550 Unrouteable address"),
        (old_exim(TO), "failed", "", "550 5.1.1 unknown user"),
        (exchange(TO), "failed", "5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recip"),
        (gmail(TO), "failed", "4.2.2", "452-4.2.2 The recipient's inbox is out of storage"),
        (internationalised(TO), "failed", "5.1.1", "550 5.1.1 "),
        (dsn(TO).replace(b"\r\n", b"\n"), "failed", "5.1.1", "550"),  # through a pipe
        (dsn(TO).replace(b"\r\n", b"\r"), "failed", "5.1.1", "550"),
    ],
)
def test_a_delivery_report_is_read_from_every_server(mail, action, status, text):
    notice = read(mail)
    assert notice.kind is NoticeKind.DELIVERY
    (report,) = notice.reports
    assert (report.action, report.status) == (action, status)
    assert report.text.startswith(text)
    assert TO in notice.addresses


def test_the_envelope_comes_first_and_the_mail_that_came_back_last():
    found = read(dsn("postmaster@relay.example.org", sender=TO), ["envelope@example.org"])
    assert found.addresses == ("envelope@example.org", "postmaster@relay.example.org", TO)
    assert found.reports[0].recipient == READER


def test_the_notes_of_servers_about_the_recipient_are_read():
    head = f"Delivered-To: <{TO}>\nX-Original-To: one@example.org\n"
    assert read(dsn("list@example.org", head=head)).addresses[:2] == (TO, "one@example.org")


@pytest.mark.parametrize("kind", ["abuse", "Fraud", "opt-out", "virus", "other"])
def test_a_complaint_names_the_mail_it_is_about(kind):
    mail = complaint("fbl@example.org", kind=kind, mail_from=TO, inside=original("in@side.example"))
    notice = read(mail)
    assert notice.kind is NoticeKind.COMPLAINT
    assert notice.addresses == ("fbl@example.org", "in@side.example", TO)
    assert notice.links == ("https://x.example/u/t",)


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "", "dmarc"])
def test_not_every_feedback_report_is_a_complaint(kind):
    assert read(complaint("fbl@example.org", kind=kind)).kind is NoticeKind.AUTOMATIC


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-replied (vacation)"},
        {"X_Autoreply": "yes"},
        {"X_Autorespond": ""},
        {"Precedence": "auto_reply"},
    ],
)
def test_answers_of_machines_are_told_from_those_of_people(headers):
    assert read(written(TO, "Re: 12 papers", **headers)).kind is NoticeKind.AUTOMATIC


@pytest.mark.parametrize("subject", ["Out of office", "Automatic reply: 12 papers", "Auto: away"])
def test_out_of_office_is_told_by_its_subject_too(subject):
    assert read(written(TO, subject)).kind is NoticeKind.AUTOMATIC


def test_a_read_receipt_is_no_bounce():
    mail = dsn(TO).replace(b"delivery-status", b"disposition-notification")
    assert read(mail).kind is NoticeKind.AUTOMATIC


@pytest.mark.parametrize("headers", [{}, {"Auto_Submitted": "no"}, {"Precedence": "bulk"}])
def test_what_somebody_wrote_is_a_message(headers):
    notice = read(written(TO, "please  stop", **headers))
    assert (notice.kind, notice.subject) == (NoticeKind.MESSAGE, "please stop")


# ── Hostile ──────────────────────────────────────────────────────────────────────────────────────


def nested(depth: int, kind: str = "multipart/mixed") -> bytes:
    lines = [f'Content-Type: {kind}; boundary="b{n}"\n\n--b{n}' for n in range(depth)]
    return crlf("\n".join(lines) + "\n\ntext\n")


def many_reports() -> bytes:
    block = b"\r\nFinal-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    return dsn(TO).replace(b"X-Queue-ID: 4F2A\r\n", block * 5000)


HOSTILE = {
    "nothing": b"",
    "NULs": b"\0" * 10_000,
    "no header": b"\r\n\r\n\r\n",
    "binary": bytes(range(256)) * 100,
    "too large": b"a" * (MOST_BYTES + 1),
    "deep": nested(2000),
    "deep messages": b"Content-Type: message/rfc822\r\n\r\n" * 5000,
    "a type without end": b'Content-Type: a/b; x="' + b";" * 500_000,
    "a folded type without end": b"Content-Type: a/b" + b'\r\n ;x="' * 100_000,
    "a line without end": b"Subject: " + b"x" * 900_000,
    "many headers": b"To: a@b.example\r\n" * 50_000,
    "a header full of addresses": b"To: " + b"a@b.example," * 80_000,
    "many reports": many_reports(),
    "an unknown charset": dsn(TO).replace(b"us-ascii", b"no-such-charset"),
    "a charset that is none": old_exim(TO)
    .replace(b"MIME", b"x")
    .replace(b"Subject:", b"Content-Type: text/plain; charset=idna\r\nSubject:"),
    "an encoding that is none": dsn(TO).replace(b"charset=", b"charset*=utf-99''%ff; x="),
    "no boundary": dsn(TO).replace(b"boundary=", b"bound="),
    "no end": dsn(TO)[:900],
    "base64 that is none": b"Content-Transfer-Encoding: base64\nX-Failed-Recipients: a\n\n%%%",
    "an empty status part": dsn(TO).replace(b"Action:", b"Axtion:"),
    "words that lie": b'Content-Type: multipart/report; boundary=""\r\n\r\n--\r\n--\r\n',
    "half a surrogate": b"Subject: =?utf-8?b?7aCA?=\r\n\r\n",
    "raw 8-bit headers": b"Subject: \xff\xfe\xc3\r\nTo: <\xe9@\xe9>\r\n\r\n",
}


@pytest.mark.parametrize("mail", HOSTILE.values(), ids=HOSTILE)
def test_nothing_breaks_the_reading_or_holds_it_up(mail):
    started = time.perf_counter()
    notice = read(mail, [TO])
    assert time.perf_counter() - started < 5  # of a machine that is busy; usually far below one
    assert notice.addresses[0] == TO
    assert len(notice.reports) <= MOST_REPORTS + 1
    assert len(notice.addresses) < 5000


@pytest.mark.parametrize(
    "name", ["too large", "deep", "a type without end", "an empty status part"]
)
def test_what_cannot_be_read_says_so(name):
    notice = read(HOSTILE[name])
    assert notice.kind is NoticeKind.UNREADABLE
    assert notice.note


@given(st.binary(max_size=2000))
def test_no_bytes_break_it(data):
    read(data)


SHAPES = [dsn(TO), exim(TO), old_exim(TO), exchange(TO), gmail(TO), complaint(TO)]


def test_no_damage_breaks_it():
    draw = random.Random(3464)  # noqa: S311 - guards nothing
    for number in range(600):
        mail = bytearray(SHAPES[number % len(SHAPES)])
        for _ in range(draw.randrange(1, 30)):
            at = draw.randrange(len(mail))
            if draw.random() < 0.5:
                mail[at] = draw.randrange(256)
            else:
                del mail[at : at + draw.randrange(1, 60)]
        assert read(bytes(mail)).kind in NoticeKind
