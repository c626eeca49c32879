"""The bytes of a mail: what the standards ask for holds for whatever a feed or a form says."""

import email
import email.policy
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email.header import decode_header, make_header
from email.utils import getaddresses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import InputError
from digest.mime import Mail, compose, list_headers, wire_address
from digest.quoted import encode_part

MAILCHECK = Path(__file__).parents[2] / "shared" / "tools" / "mailcheck" / "mailcheck.py"
NOW = datetime(2026, 3, 14, 6, 30, tzinfo=UTC)
TOKEN = "c29tZS1vcGFxdWUtdG9rZW4tb2YtbWFueS1iaXRz.c2lnbmF0dXJl"
LIST = {
    "list_id": "daily.digest.example.org",
    "list_name": "Trending Papers",
    "unsubscribe_url": f"https://digest.example.org/unsubscribe/{TOKEN}",
    "help_url": "https://digest.example.org/help",
    "owner": "hello@digest.example.org",
    "feedback": ("2026-03-14", "daily", "digest", "example"),
}
MAIL = Mail(
    sender_name="Trending Papers",
    sender_address="digest@digest.example.org",
    reply_to="hello@digest.example.org",
    recipient="ada@reader.example.net",
    subject="12 papers for Saturday",
    html="<p>Hello</p>\n",
    text="Hello\n",
    message_id="<d.2026-03-14.0123456789abcdef@digest.example.org>",
    date=NOW,
    headers=list_headers(**LIST),
)


def parsed(raw):
    return email.message_from_bytes(raw, policy=email.policy.SMTP)


def lines(raw, name):
    """The lines of a header as they are on the wire."""
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii")
    found = re.search(rf"^{name}:[^\r]*(?:\r\n[ \t][^\r]*)*", head, re.MULTILINE)
    return found[0].split("\r\n")


def shown(raw, name):
    """A header as a reader sees it."""
    value = email.message_from_bytes(raw, policy=email.policy.compat32)[name]
    return str(make_header(decode_header(value)))


# ── The whole message ────────────────────────────────────────────────────────────────────────────


def test_a_mail_is_text_then_html_and_both_arrive_as_they_were_written():
    text = "Schrödinger, 𝒪(ϵ⁻³)\n\n" + "long " * 40 + "\n.\n..dots \nFrom here\t\nend"
    html = '<p style="a=b">' + "é" * 300 + "</p>\n"
    message = parsed(compose(replace(MAIL, text=text, html=html)))
    first, last = message.iter_parts()
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in (first, last)] == ["text/plain", "text/html"]
    assert first.get_payload(decode=True).decode() == text.replace("\n", "\r\n")
    assert last.get_payload(decode=True).decode() == html.replace("\n", "\r\n")
    assert not [part.defects for part in message.walk() if part.defects]


def test_the_same_mail_has_the_same_bytes_and_another_message_id_another_boundary():
    again, other = replace(MAIL), replace(MAIL, message_id="<other@digest.example.org>")
    boundaries = [parsed(compose(mail)).get_boundary() for mail in (MAIL, again, other)]
    assert compose(MAIL) == compose(again)
    assert boundaries[0] == boundaries[1] != boundaries[2]


def test_the_headers_are_these_in_this_order():
    assert [name for name, _ in parsed(compose(MAIL)).items()] == [
        *("From", "To", "Reply-To", "Subject", "Date", "Message-ID"),
        *("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Help", "List-Owner"),
        *("Auto-Submitted", "Precedence", "Feedback-ID", "MIME-Version", "Content-Type"),
    ]


def test_without_a_reply_to_there_is_no_such_header():
    assert parsed(compose(replace(MAIL, reply_to="")))["Reply-To"] is None


def test_the_date_is_told_in_utc_with_a_numeric_zone():
    east = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert lines(compose(replace(MAIL, date=east)), "Date") == [
        "Date: Sat, 14 Mar 2026 06:30:00 +0000"
    ]


@given(text=st.text(), html=st.text(), subject=st.text(), name=st.text())
def test_whatever_is_said_the_wire_is_7_bit_crlf_and_short_lines(text, html, subject, name):
    clean = re.compile(r"[\r\n\0]")
    raw = compose(
        replace(
            MAIL,
            text=text,
            html=html,
            subject=clean.sub(" ", subject) + ".",
            sender_name=clean.sub(" ", name),
            headers=(),
        )
    )
    assert raw.isascii()
    assert b"\0" not in raw
    assert raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r")
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    assert max(map(len, re.findall(rb"=\?\S*\?=", raw)), default=0) <= 75
    assert len(list(parsed(raw).iter_parts())) == 2


# ── Parts ────────────────────────────────────────────────────────────────────────────────────────


# Dots and what makes lines long, more often than by chance.
LINES = st.lists(
    st.text(st.characters(codec="utf-8"))
    | st.sampled_from([".", "= ", "é", "\n", "." * 75, "." * 80, "a" * 74, " "])
).map("".join)


@given(LINES)
def test_a_part_decodes_to_what_it_was_with_crlf(text):
    encoded = encode_part(text)
    decoded = parsed(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + encoded)
    assert decoded.get_payload(decode=True).decode() == re.sub("\r\n|\r|\n", "\r\n", text)
    lines = encoded.split(b"\r\n")
    assert max(map(len, lines)) <= 76
    assert not any(line.startswith(b".") for line in lines)  # there is nothing to stuff


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_parts_that_end_with_a_line_break_may_be_joined(texts):
    texts = [f"{text}\n" for text in texts if not text.endswith("\r")]
    assert b"".join(map(encode_part, texts)) == encode_part("".join(texts))


def test_half_a_character_does_not_stop_a_mail():
    assert encode_part("\ud835 and more") == b"? and more"


# ── From and Subject ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("Papers", "From: Papers <digest@digest.example.org>"),
        ("", "From: digest@digest.example.org"),
        ("Lab, Inc.", 'From: "Lab, Inc." <digest@digest.example.org>'),
        ('A "B" \\C', 'From: "A \\"B\\" \\\\C" <digest@digest.example.org>'),
        ("Ökologie", "From: =?utf-8?b?w5Zrb2xvZ2ll?= <digest@digest.example.org>"),
        (" two \t words ", "From: two words <digest@digest.example.org>"),
    ],
)
def test_a_sender_is_written_as_the_standard_has_it(name, line):
    assert lines(compose(replace(MAIL, sender_name=name)), "From") == [line]


@pytest.mark.parametrize(
    "name",
    [
        "機械学習の論文を毎日お届けします、東京大学情報理工学系研究室より",
        "Ada Lovelace " * 9 + "& co",  # ASCII, too long for one line
        "=?utf-8?q?evil?=",  # looks like an encoded-word, and is a name
        "a" * 200,
        "Zoë <boss@bank.example>",
    ],
)
def test_any_name_is_read_as_it_was_meant_and_adds_no_address(name):
    raw = compose(replace(MAIL, sender_name=name))
    assert all(len(line) <= 76 for line in lines(raw, "From"))
    value = email.message_from_bytes(raw)["From"]
    ((words, address),) = getaddresses([value])
    assert address == "digest@digest.example.org"
    assert str(make_header(decode_header(words))) == name.strip()


@pytest.mark.parametrize(
    ("subject", "wire"),
    [
        ("12 papers", ["Subject: 12 papers"]),
        (
            "Sparse models, and eleven more papers for a quiet Saturday in the middle of March",
            [
                "Subject: Sparse models, and eleven more papers for a quiet Saturday in the",
                " middle of March",
            ],
        ),
        ("Σ-protocols", ["Subject: =?utf-8?q?=CE=A3-protocols?="]),
        ("a\x0bb\u2028c\x1b\x85d", ["Subject: a b c d"]),  # what would break or hide a line
        ("=?utf-8?q?x?=", ["Subject: =?utf-8?b?PT91dGYtOD9xP3g/PQ==?="]),
    ],
)
def test_a_subject_is_folded_or_encoded_only_where_it_must_be(subject, wire):
    assert lines(compose(replace(MAIL, subject=subject)), "Subject") == wire


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1))
def test_a_subject_is_read_as_it_was_written(subject):
    words = " ".join(subject.split())
    if words:
        assert shown(compose(replace(MAIL, subject=subject)), "Subject") == words


# ── What is refused ──────────────────────────────────────────────────────────────────────────────

HEADER_FIELDS = (
    *("sender_name", "sender_address", "reply_to", "recipient", "subject", "message_id"),
)


@pytest.mark.parametrize("field", HEADER_FIELDS)
@pytest.mark.parametrize("evil", ["\r\nBcc: all@example.net", "\n", "\r", "\0"])
def test_a_line_break_or_nul_in_a_header_is_refused_by_the_name_of_its_field(field, evil):
    for value in (getattr(MAIL, field) + evil, evil + getattr(MAIL, field)):
        with pytest.raises(InputError, match=field) as caught:
            compose(replace(MAIL, **{field: value}))
        assert caught.value.field == field


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ((("X-A", "1\r\nBcc: all@example.net"),), "X-A"),
        ((("X-A", "ünicode"),), "X-A"),
        ((("X-A", ""),), "X-A"),
        ((("X-A", "x" * 1000),), "X-A"),
        ((("X A", "1"),), "X A"),
        ((("X-A:\r\nBcc", "1"),), "X-A:\r\nBcc"),
        ((("Subject", "another"),), "Subject"),  # there is one already
        ((("bcc", "all@example.net"),), "bcc"),
        ((("X-A", "1"), ("x-a", "2")), "x-a"),
    ],
)
def test_a_header_that_would_be_more_or_other_than_itself_is_refused(headers, field):
    with pytest.raises(InputError) as caught:
        compose(replace(MAIL, headers=headers))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"date": NOW.replace(tzinfo=None)}, "date"),
        ({"subject": " \t "}, "subject"),
        ({"message_id": "d.1@digest.example.org"}, "message_id"),  # no angle brackets
        ({"message_id": "<two words@digest.example.org>"}, "message_id"),
        ({"message_id": f"<{'x' * 990}@digest.example.org>"}, "message_id"),
        ({"recipient": "müller@example.net"}, "recipient"),
        ({"recipient": "a@example.net, b@example.net"}, "recipient"),
        ({"recipient": ""}, "recipient"),
    ],
)
def test_a_mail_that_cannot_be_written_names_the_field(over, field):
    with pytest.raises(InputError, match=field) as caught:
        compose(replace(MAIL, **over))
    assert caught.value.field == field


# ── Addresses ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("ada@example.net", "ada@example.net"),
        ("Ada.L+papers@Example.NET", "Ada.L+papers@Example.NET"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),  # UTS 46
        ("ada@例え.jp", "ada@xn--r8jz45g.jp"),
        ("reader@localhost", "reader@localhost"),
        ("o'neil_{x}@a-b.example", "o'neil_{x}@a-b.example"),
    ],
)
def test_an_address_goes_over_the_wire_in_ascii(address, wire):
    assert wire_address(address) == wire


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@example.net",
        "ada@",
        "müller@example.net",  # would need SMTPUTF8
        "a b@example.net",
        '"a b"@example.net',  # legal, and more trouble than it is worth
        "a..b@example.net",
        "<ada@example.net>",
        "ada@example.net>",
        "ada(comment)@example.net",
        "a@b@example.net",
        "ada@-example.net",
        "ada@example..net",
        "ada@[127.0.0.1]",
        "ada@\u2024example.net",  # a dot leader, which is no dot
        "ada@xn--\ud800.net",
        "a" * 65 + "@example.net",
        "ada@" + "a" * 64 + ".net",
        "a" * 60 + "@" + ("b" * 60 + ".") * 4 + "example",
    ],
)
def test_an_address_that_cannot_be_written_is_refused(address):
    with pytest.raises(InputError, match="recipient") as caught:
        wire_address(address, "recipient")
    assert caught.value.field == "recipient"


# ── Headers of the list ──────────────────────────────────────────────────────────────────────────


def test_the_headers_of_a_list_are_never_encoded_or_broken_inside_a_uri():
    long = f"https://digest.example.org/unsubscribe/{'t' * 200}"
    headers = list_headers(
        **LIST | {"unsubscribe_url": long}, unsubscribe_mailto="unsub+t1@digest.example.org"
    )
    raw = compose(replace(MAIL, headers=headers, message_id=f"<{'m' * 120}@example.org>"))
    assert lines(raw, "List-Unsubscribe") == [
        f"List-Unsubscribe: <{long}>,",
        " <mailto:unsub+t1@digest.example.org?subject=unsubscribe>",
    ]
    assert lines(raw, "Message-ID") == [f"Message-ID: <{'m' * 120}@example.org>"]
    assert b"=?" not in raw.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    ("base", "announced"),
    [
        ("https://digest.example.org", True),
        ("http://127.0.0.1:8000", True),  # to try it out
        ("http://localhost:8000", True),
        ("http://digest.example.org", False),
        ("http://127.0.0.1.example.org", False),
    ],
)
def test_one_click_is_announced_with_https_or_on_this_machine_only(base, announced):
    headers = dict(list_headers(**LIST | {"unsubscribe_url": f"{base}/unsubscribe/{TOKEN}"}))
    assert headers["List-Unsubscribe"] == f"<{base}/unsubscribe/{TOKEN}>"
    assert ("List-Unsubscribe-Post" in headers) == announced


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("Trending Papers", "Trending Papers <daily.digest.example.org>"),
        ("Papers, daily", '"Papers, daily" <daily.digest.example.org>'),
        ("Tägliche Artikel", "<daily.digest.example.org>"),  # no encoded-word in List-*
        ("", "<daily.digest.example.org>"),
    ],
)
def test_the_list_keeps_its_id_whatever_its_name(name, header):
    assert dict(list_headers(**LIST | {"list_name": name}))["List-Id"] == header


def test_an_idn_host_stands_in_a_uri_in_its_a_labels():
    url = "https://bücher.example:8443/help"
    headers = dict(list_headers(**LIST | {"help_url": url}))
    assert headers["List-Help"] == "<https://xn--bcher-kva.example:8443/help>"


def test_a_mailto_uri_escapes_what_means_something_there():
    headers = dict(list_headers(**LIST | {"owner": "a&b?c%d@example.org"}))
    assert headers["List-Owner"] == "<mailto:a%26b%3Fc%25d@example.org>"


@pytest.mark.parametrize(
    "over",
    [
        {"list_id": "daily"},
        {"list_id": "a b.example.org"},
        {"list_name": "a\r\nBcc: all@example.net"},
        {"unsubscribe_url": "javascript:alert(1)"},
        {"unsubscribe_url": "mailto:a@example.org"},
        {"unsubscribe_url": "https://digest.example.org/a b"},
        {"unsubscribe_url": "https://digest.example.org/a>,<http://evil.example"},
        {"unsubscribe_url": "https://digest.example.org/\r\nBcc: x"},
        {"unsubscribe_url": "https://[digest.example.org/"},
        {"unsubscribe_url": "https:///nowhere"},
        {"help_url": "https://digest.example.org/hilfe/für"},
        {"owner": "nobody"},
        {"unsubscribe_mailto": "müller@example.org"},
        {"feedback": ("a", "b", "c")},
        {"feedback": ("a", "b:x", "c", "d")},
        {"feedback": ("a", "b", "ada@example.net", "d")},
    ],
)
def test_a_list_header_that_cannot_be_written_names_the_argument(over):
    ((field, _),) = over.items()
    with pytest.raises(InputError, match=field) as caught:
        list_headers(**LIST | over)
    assert caught.value.field == field


# ── The judge of the field ───────────────────────────────────────────────────────────────────────

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Trending Papers</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<style>@media (prefers-color-scheme: dark) { body { background: #111 } }</style></head>
<body><div style="display:none">Twelve papers, and the reason why each of them is here.</div>
<h1>Trending Papers</h1>
<h2><a href="https://arxiv.org/abs/2603.00001">Schrödinger bridges</a></h2>
<h2><a href="https://arxiv.org/abs/2603.00002">Sparse models in 𝒪(n log n)</a></h2>
<p>You get this mail because you subscribed. Example Lab, 1 Main Street, 12345 Town
<a href="https://digest.example.org/preferences/TOKEN">Preferences</a>
<a href="https://digest.example.org/unsubscribe/TOKEN">Unsubscribe</a></p></body></html>
"""
PLAIN = """Schrödinger bridges
https://arxiv.org/abs/2603.00001
Sparse models in 𝒪(n log n)
https://arxiv.org/abs/2603.00002
Preferences: https://digest.example.org/preferences/TOKEN
Unsubscribe: https://digest.example.org/unsubscribe/TOKEN
Example Lab, 1 Main Street, 12345 Town
"""


def test_two_readers_mails_pass_the_conformance_checker(tmp_path):
    if not MAILCHECK.exists():
        pytest.skip("mailcheck is not beside this checkout")
    for reader in ("ada", "bob"):
        token = TOKEN.replace("c29", reader)
        url = f"https://digest.example.org/unsubscribe/{token}"
        mailto = f"unsub+{reader}@digest.example.org"
        mail = replace(
            MAIL,
            recipient=f"{reader}@reader.example.net",
            message_id=f"<d.2026-03-14.{reader}@digest.example.org>",
            subject="Schrödinger bridges and 𝒪(n log n): two papers for Saturday",
            text=PLAIN.replace("TOKEN", token),
            html=PAGE.replace("TOKEN", token),
            headers=list_headers(**LIST | {"unsubscribe_url": url}, unsubscribe_mailto=mailto),
        )
        (tmp_path / f"{reader}.eml").write_bytes(compose(mail))
    judged = subprocess.run(
        [sys.executable, MAILCHECK, "--no-tools", *sorted(tmp_path.glob("*.eml"))],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    # A03 asks for lines of 78, and a URI with its token is one word that cannot be folded.
    complaints = re.findall(r"^(?:FAIL|WARN) (?!A03)[A-CX].*", judged.stdout, re.MULTILINE)
    assert complaints == []
    assert len(re.findall(r"^PASS [ABC]", judged.stdout, re.MULTILINE)) > 60
