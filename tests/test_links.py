"""Signed links: nobody makes or alters one, and one for this cannot do that."""

import hashlib
import hmac
import json
import string
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer as Seal
from itsdangerous import base64_encode
from make import DAY, NOON

from digest import links
from digest.errors import ExpiredLink, LinkError
from digest.links import LONGEST_TOKEN, Signer, content, message_id

SIGNER = Signer("a secret of the tests")
SCOPES = (links.CONFIRM, links.CHANGE, links.PREFERENCES, links.UNSUBSCRIBE, links.EDITION)
ANY = st.characters(codec="utf-8")
ENDS = st.integers(0, 2**40)
TOKEN = SIGNER.token(links.UNSUBSCRIBE, "key-1")
ALPHABET = string.ascii_letters + string.digits + "-_.=+/ \n"


def refused(token, scope=links.UNSUBSCRIBE, signer=SIGNER, now=NOON):
    """Whether the token is refused as one that is not ours."""
    try:
        signer.read(scope, token, now)
    except ExpiredLink:
        return False
    except LinkError:
        return True
    return False


@pytest.mark.parametrize(
    "subject",
    [("key-1",), ("key-1", "a" * 32), (), ("",), ("é 日 😀",), ("a\x00b", "\n"), ("a.b", "c/d+e=")],
)
@pytest.mark.parametrize("scope", SCOPES)
def test_a_token_gives_its_subject_back(scope, subject):
    assert SIGNER.read(scope, SIGNER.token(scope, *subject), NOON) == subject


@given(
    secret=st.text(ANY), scope=st.sampled_from(SCOPES), subject=st.lists(st.text(ANY)), until=ENDS
)
def test_a_token_is_the_one_that_itsdangerous_writes(secret, scope, subject, until):
    said = base64_encode(json.dumps([*subject, until], separators=(",", ":")))
    seal = Seal(secret, f"digest.{scope}", key_derivation="hmac", digest_method=hashlib.sha256)
    written = Signer(secret).sealed(scope, content(*subject, until=until))
    assert written == seal.sign(said)


@given(secret=st.text(ANY, max_size=100), kind=st.text(ANY), text=st.text(ANY))
def test_a_fingerprint_is_the_beginning_of_an_hmac(secret, kind, text):
    message = f"{kind}\0{text}".encode()
    whole = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
    assert Signer(secret).fingerprint(kind, text) == whole[:32]


def test_a_token_can_stand_in_an_address_as_it_is():
    token = SIGNER.token(links.CHANGE, "é 日 /?#&%" * 5, expires=NOON)
    assert set(token) <= set(string.ascii_letters + string.digits + "-_.")


def test_the_same_subject_gives_the_same_token():
    assert SIGNER.token(links.UNSUBSCRIBE, "key-1") == TOKEN
    assert Signer("a secret of the tests").token(links.UNSUBSCRIBE, "key-1") == TOKEN


@pytest.mark.parametrize("expires", [None, NOON + DAY])
def test_every_change_of_one_character_is_refused(expires):
    token = SIGNER.token(links.UNSUBSCRIBE, "key-1", expires=expires)
    changed = {
        token[:at] + letter + token[at + 1 :]
        for at in range(len(token))
        for letter in ALPHABET
        if letter != token[at]
    }
    assert len(changed) > 4_000
    assert [one for one in changed if not refused(one)] == []


def test_every_character_left_out_doubled_or_swapped_is_refused():
    n = len(TOKEN)
    changed = {TOKEN[:at] + TOKEN[at + 1 :] for at in range(n)}
    changed |= {TOKEN[:at] + TOKEN[at] + TOKEN[at:] for at in range(n)}
    changed |= {TOKEN[:at] + TOKEN[at + 1] + TOKEN[at] + TOKEN[at + 2 :] for at in range(n - 1)}
    changed |= {TOKEN[:at] for at in range(n)} | {TOKEN[at:] for at in range(1, n)}
    assert [one for one in changed - {TOKEN} if not refused(one)] == []


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "=",
        "a" * LONGEST_TOKEN,
        "a" * 10_000_000,
        f"{TOKEN} ",
        f" {TOKEN}",
        f"{TOKEN}=",  # base64 may be padded
        f"{TOKEN}\n",
        f"{TOKEN}\x00",
        TOKEN.upper(),
        TOKEN.replace(".", "%2E"),
        TOKEN.replace(".", "\uff0e"),  # looks like a full stop
        TOKEN[:-1] + "е",  # Cyrillic
        "٣" + TOKEN[1:],
        "\ud800",
        f".{TOKEN}",  # the mark of a compressed payload
        "WyJrZXktMSIsMF0",  # the payload without a signature
        "WyJrZXktMSIsMF0.",
        "bnVsbA.c2ln",  # null, and a signature of nobody
    ],
)
def test_what_was_never_given_out_is_refused(token):
    assert refused(token)


@pytest.mark.parametrize("made_for", SCOPES)
@pytest.mark.parametrize("used_for", SCOPES)
def test_a_token_is_good_for_what_it_was_made_for_alone(made_for, used_for):
    token = SIGNER.token(made_for, "key-1")
    assert refused(token, scope=used_for) is (made_for != used_for)


def test_another_secret_refuses():
    assert refused(TOKEN, signer=Signer("a secret of the tests!"))


def test_a_token_names_no_address():
    assert "key-1" not in TOKEN
    assert "@" not in TOKEN


@pytest.mark.parametrize(
    ("later", "expired"),
    [
        (-DAY, False),
        (timedelta(), False),  # the instant itself is in time
        (timedelta(seconds=1), True),
        (1000 * DAY, True),
    ],
)
def test_a_token_is_good_until_it_expires(later, expired):
    token = SIGNER.token(links.CONFIRM, "key-1", expires=NOON)
    if expired:
        with pytest.raises(ExpiredLink):
            SIGNER.read(links.CONFIRM, token, NOON + later)
    else:
        assert SIGNER.read(links.CONFIRM, token, NOON + later) == ("key-1",)


def test_a_token_without_an_end_has_none():
    assert SIGNER.read(links.UNSUBSCRIBE, TOKEN, NOON.replace(year=9999)) == ("key-1",)


def test_an_altered_token_that_is_too_old_too_is_altered():
    old = SIGNER.token(links.CONFIRM, "key-1", expires=NOON - DAY)
    assert not refused(old, scope=links.CONFIRM)
    assert refused(old[:-1] + ("A" if old[-1] != "A" else "B"), scope=links.CONFIRM)


def test_an_expired_link_is_a_kind_of_a_bad_link():
    assert issubclass(ExpiredLink, LinkError)


# ── Fingerprints, names of mails ─────────────────────────────────────────────────────────────────


def test_a_fingerprint_is_the_same_every_time_and_says_nothing():
    mark = SIGNER.fingerprint("address", "ada@example.org")
    assert mark == SIGNER.fingerprint("address", "ada@example.org")
    assert len(mark) == 32
    assert set(mark) <= set(string.hexdigits.lower())


@pytest.mark.parametrize(
    ("kind", "text", "signer"),
    [
        ("address", "ada@example.com", SIGNER),
        ("network", "ada@example.org", SIGNER),
        ("addres", "sada@example.org", SIGNER),  # nothing is just joined
        ("address", "ada@example.org", Signer("another")),
    ],
)
def test_fingerprints_differ_by_kind_text_and_secret(kind, text, signer):
    assert signer.fingerprint(kind, text) != SIGNER.fingerprint("address", "ada@example.org")


def test_the_name_of_a_mail_is_the_same_on_every_try():
    name = message_id(SIGNER, "edition-1", "key-1", "papers.example.org")
    assert name == message_id(SIGNER, "edition-1", "key-1", "papers.example.org")
    assert name.startswith("<d.edition-1.")
    assert name.endswith("@papers.example.org>")
    assert "key-1" not in name


def test_names_of_mails_differ_by_mail_and_reader():
    mails = [(f"edition-{a}", f"key-{b}") for a in range(20) for b in range(20)]
    assert len({message_id(SIGNER, *mail, "example.org") for mail in mails}) == 400
