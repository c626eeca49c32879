"""Our signatures verify with other people's programs, and say what is not signed any more."""

import os
import random
import re
import shutil
import smtplib
import subprocess
from base64 import b64decode
from dataclasses import replace
from functools import cache

import pytest
from conftest import absent
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from make import NOON
from postfix import Postfix
from test_mime import MAIL

from digest import dkim
from digest.errors import ConfigError
from digest.intake import dkim_signer
from digest.mime import compose
from digest.settings import Dkim

try:
    import dkim as dkimpy
except ImportError:
    if os.environ.get("CI") == "true":
        raise
    pytest.skip("dkimpy is not installed (make test has it)", allow_module_level=True)

DOMAIN = "example.org"
BOTH = ("rsa", "ed25519")


def pem(private, secret=None) -> bytes:
    hidden = BestAvailableEncryption(secret) if secret else NoEncryption()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden)


@cache
def private_rsa(bits: int = 2048):
    return rsa.generate_private_key(65537, bits)


@cache
def signer(*kinds: str) -> dkim.Signer:
    keys = {
        "rsa": lambda: dkim.rsa_key(pem(private_rsa()), "one"),
        "ed25519": lambda: dkim.ed25519_key(pem(ed25519.Ed25519PrivateKey.generate()), "two"),
    }
    return dkim.Signer(DOMAIN, [keys[kind]() for kind in kinds])


def verified(signed: bytes, by: dkim.Signer, index: int = 0) -> bool:
    """What dkimpy says of a signature; DNS is what we said to publish."""
    records = {f"{name}.": text for name, text in by.records()}
    known = {name.encode(): text.encode() for name, text in records.items()}
    checker = dkimpy.DKIM(signed, minkey=1024)
    try:
        return checker.verify(idx=index, dnsfunc=lambda name, timeout=5: known.get(name))  # noqa: ARG005
    except dkimpy.DKIMException:
        return False


def signatures(signed: bytes) -> list[str]:
    """The signature fields, unfolded."""
    head = signed.partition(b"\r\n\r\n")[0].decode()
    fields = re.split(r"\r\n(?![ \t])", head)
    return [one.replace("\r\n", "") for one in fields if one.startswith("DKIM-Signature:")]


# ── It verifies, and only as it was ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("index", "algorithm"), [(0, "rsa-sha256"), (1, "ed25519-sha256")])
def test_both_signatures_of_a_mail_verify(index, algorithm):
    by = signer(*BOTH)
    signed = by.sign(compose(MAIL), NOON)
    assert verified(signed, by, index)
    assert f"a={algorithm};" in signatures(signed)[index]


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=400)
LINE = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=99
)


@settings(max_examples=60, deadline=None)
@given(text=TEXT, html=TEXT, subject=LINE, where=st.floats(0, 1), bit=st.integers(0, 7))
def test_whatever_a_mail_says_it_verifies_and_with_a_flipped_bit_it_does_not(
    text, html, subject, where, bit
):
    by = signer("rsa")
    mail = compose(replace(MAIL, text=text, html=html, subject=f"New: {subject}"))
    signed = by.sign(mail, NOON)
    assert verified(signed, by)
    body = signed.index(b"\r\n\r\n") + 4
    at = body + int(where * (len(signed) - body - 1))
    flipped = bytearray(signed)
    flipped[at] ^= 1 << bit
    # White space is relaxed, and a half of a line end is a whole one to the verifier.
    ends = {signed[at], flipped[at]} & set(b"\r\n")
    if not ends and dkim.relaxed_body(flipped[body:]) != dkim.relaxed_body(signed[body:]):
        assert not verified(bytes(flipped), by)


@pytest.mark.parametrize("name", dkim.SIGNED)
def test_no_signed_header_can_be_changed(name):
    by = signer("rsa")
    signed = by.sign(compose(MAIL), NOON)
    head, _, body = signed.partition(b"\r\n\r\n")
    field = re.compile(rb"^(" + name.encode() + rb": *[^\r]*)", re.IGNORECASE | re.MULTILINE)
    changed, count = field.subn(rb"\1x", head)
    assert count == 1
    assert not verified(changed + b"\r\n\r\n" + body, by)


@pytest.mark.parametrize("line", [b"From: other@example.net\r\n", b"Subject: Buy this\r\n"])
@pytest.mark.parametrize("first", [True, False])
def test_nobody_can_add_a_second_sender_or_subject(line, first):
    by = signer("rsa")
    signed = by.sign(compose(MAIL), NOON)
    at = 0 if first else signed.index(b"\r\n\r\n") + 2
    assert not verified(signed[:at] + line + signed[at:], by)


def test_what_relays_do_to_white_space_does_no_harm():
    by = signer("rsa")
    signed = by.sign(compose(replace(MAIL, text="two  spaces\n\n\n")), NOON)
    folded = signed.replace(b"List-Help: ", b"List-Help:  \t").replace(b"Date: ", b"DATE:\r\n  ")
    assert verified(folded + b"\r\n\r\n", by)


# Bodies and their relaxed form: RFC 6376 section 3.4.4 and 3.4.5.
@pytest.mark.parametrize(
    ("body", "relaxed"),
    [
        (b"", b""),
        (b"\r\n\r\n", b""),  # only empty lines: nothing
        (b" \t\r\n \r\n", b""),
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),  # the RFC's own example
        (b"no end", b"no end\r\n"),
        (b"a\t \t b   c  \r\n", b"a b c\r\n"),
    ],
)
def test_bodies_are_relaxed_as_the_rfc_says(body, relaxed):
    assert dkim.relaxed_body(body) == relaxed


def test_random_white_space_is_relaxed_as_by_dkimpy():
    draw = random.Random(6376)  # noqa: S311 - guards nothing
    for _ in range(500):
        body = b"".join(
            draw.choice([b" ", b"\t", b"\r\n", b"a"]) for _ in range(draw.randrange(30))
        )
        theirs = dkimpy.canonicalization.Relaxed.canonicalize_body(body)
        # dkimpy leaves a last line as it is that has no end; mails of ours have none such.
        assert dkim.relaxed_body(body).rstrip(b"\r\n") == theirs.rstrip(b" \r\n")


def test_the_signature_covers_what_it_must_and_its_lines_are_short():
    signed = signer(*BOTH).sign(compose(MAIL), NOON)
    for one in signatures(signed):
        names = re.search(r" h=([^;]+);", one)[1].replace(" ", "").split(":")
        assert sorted(names) == sorted([*dkim.SIGNED, "from", "subject"])
        assert "c=relaxed/relaxed" in one
        assert " l=" not in one
    ours = signed.partition(b"From: ")[0]
    assert max(map(len, ours.split(b"\r\n"))) <= 78


def test_a_header_that_is_not_there_is_not_named():
    by = signer("rsa")
    signed = by.sign(compose(replace(MAIL, reply_to="", headers=())), NOON)
    assert "reply-to" not in signatures(signed)[0]
    assert verified(signed, by)


def test_it_verifies_after_a_real_postfix_has_had_it(postfix_installed):  # noqa: ARG001
    by = signer("rsa")
    signed = by.sign(compose(replace(MAIL, text=".\n..dots \n\n" + "long " * 300)), NOON)
    with Postfix() as relay:
        with smtplib.SMTP("127.0.0.1", relay.port) as server:
            server.sendmail("a@example.org", ["ada@example.net"], signed)
        (arrived,) = relay.delivered(1)
    assert b"Received: " in arrived
    assert verified(arrived, by)
    assert not verified(arrived.replace(b"dots", b"dogs"), by)


# ── Debian's opendkim agrees ─────────────────────────────────────────────────────────────────────


def test_opendkim_verifies_it(tmp_path):
    program = os.environ.get("OPENDKIM") or shutil.which("opendkim", path="/usr/sbin:/usr/bin")
    if not program:
        absent("no opendkim (Debian's package, or its path in OPENDKIM)")
    by = signer("rsa")
    keys, config = tmp_path / "keys", tmp_path / "conf"
    keys.write_text("".join(f"{name} {text}\n" for name, text in by.records()))
    config.write_text(f"Mode v\nTestDNSData file:{keys}\n")
    good = by.sign(compose(MAIL), NOON)
    for name, mail in (("good", good), ("bad", good.replace(b"Hello", b"Hullo"))):
        (tmp_path / name).write_bytes(mail)
    said = {
        name: subprocess.run(
            [program, "-x", config, "-t", tmp_path / name, "-vv"],
            capture_output=True,
            text=True,
            check=False,
        )
        for name in ("good", "bad")
    }
    words = {name: (one.stdout + one.stderr).lower() for name, one in said.items()}
    assert "dkim=pass" in words["good"], words
    assert "dkim=pass" not in words["bad"], words


# ── Keys ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_record_is_the_public_key_and_fits_into_a_zone_file():
    (name, text), (second, edwards) = signer(*BOTH).records()
    assert (name, second) == ("one._domainkey.example.org", "two._domainkey.example.org")
    assert text.startswith("v=DKIM1; k=rsa; p=MII")
    assert len(b64decode(edwards.removeprefix("v=DKIM1; k=ed25519; p="))) == 32
    line = dkim.zone_line(name, text)
    strings = re.findall(r'"([^"]*)"', line)
    assert "".join(strings) == text
    assert max(map(len, strings)) <= 255
    assert line.startswith(f"{name}. IN TXT ( ")


def settings_of(path, **over) -> Dkim:
    return Dkim(domain=DOMAIN, selector="one", key_file=str(path), **over)


WRONG = {
    "short": (lambda: pem(private_rsa(1024)), "has 1024 bits"),
    "not RSA": (lambda: pem(ec.generate_private_key(ec.SECP256R1())), "not an RSA key"),
    "no key": (lambda: b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n", "no private key in PEM"),
    "empty": (lambda: b"", "no private key in PEM"),
    "public": (lambda: b"v=DKIM1; k=rsa; p=c2VjcmV0", "no private key in PEM"),
    "encrypted": (lambda: pem(private_rsa(), b"secret"), "encrypted"),
}


@pytest.mark.parametrize(("make", "words"), WRONG.values(), ids=WRONG)
def test_a_key_that_cannot_be_used_is_said_and_not_shown(make, words, tmp_path):
    file = tmp_path / "key.pem"
    file.write_bytes(make())
    with pytest.raises(ConfigError, match=words) as caught:
        dkim_signer(settings_of(file))
    assert str(caught.value).startswith("dkim.key_file: ")
    assert "c2VjcmV0" not in str(caught.value)


def test_a_key_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"dkim\.key_file: cannot read .*No such file"):
        dkim_signer(settings_of(tmp_path / "nowhere.pem"))


def test_the_second_key_must_be_an_ed25519_one(tmp_path):
    file = tmp_path / "key.pem"
    file.write_bytes(pem(private_rsa()))
    twice = settings_of(file, ed25519_selector="two", ed25519_key_file=str(file))
    with pytest.raises(ConfigError, match=r"dkim\.ed25519_key_file: this is not an Ed25519 key"):
        dkim_signer(twice)


def test_without_a_key_nothing_is_signed():
    assert dkim_signer(Dkim()) is None


def test_a_key_does_not_show_itself():
    key = dkim.rsa_key(pem(private_rsa()), "one")
    assert "PrivateKey" not in repr(key)
