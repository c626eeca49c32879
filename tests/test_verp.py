"""Addresses with tokens: nobody else can make one, and no relay on the way can spoil one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import mime
from digest.links import Signer
from digest.verp import (
    Mailbox,
    Ticket,
    mark,
    read_unsubscribe,
    read_verp,
    unsubscribe_address,
    verp,
)

SIGNER = Signer("an invented key that signs nothing outside of the tests")
BOX = Mailbox(local="bounce", domain="bounce.example.org")
LEAVE = Mailbox(local="unsubscribe", domain="bounce.example.org")
ADA, KEY = "ada@reader.example.net", "aBcD-efG_hIjKlMn"
SENDER = verp(SIGNER, 4711, ADA, BOX)
TICKET = Ticket(4711, mark(SIGNER, ADA))


@given(
    number=st.integers(0, 2**63 - 1),
    separator=st.sampled_from("+-="),
    local=st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True),
)
def test_every_delivery_has_an_address_that_can_be_read_and_written(number, separator, local):
    box = Mailbox(local=local, domain=BOX.domain, separator=separator)
    sender = verp(SIGNER, number, ADA, box)
    assert read_verp(SIGNER, sender) == Ticket(number, mark(SIGNER, ADA))
    assert mime.wire_address(sender) == sender  # at most 64 octets before the @


# What servers and forwarders make of it.
@pytest.mark.parametrize(
    "spelled",
    [
        SENDER,
        f"<{SENDER}>",
        SENDER.upper(),  # the case of letters means nothing to some
        SENDER.replace("+", "-", 1),
        SENDER.replace("+", "=", 1),
        f"prvs=1234abcd={SENDER}",  # BATV
        f"SRS0=aB3d=TT=bounce.example.org={SENDER.partition('@')[0]}@forwarder.example",
        SENDER.replace("@bounce.example.org", "@elsewhere.example"),  # fetched from another place
        SENDER.partition("@")[0],
    ],
)
def test_it_is_read_however_it_comes_back(spelled):
    assert read_verp(SIGNER, spelled) == TICKET


TOKEN = SENDER.partition("+")[2].partition("@")[0]


@pytest.mark.parametrize("at", range(len(TOKEN) - 1))
def test_an_altered_letter_makes_it_nobodys(at):
    other = "a" if TOKEN[at] != "a" else "b"
    assert read_verp(SIGNER, f"bounce+{TOKEN[:at]}{other}{TOKEN[at + 1 :]}@x.example") is None


@pytest.mark.parametrize(
    "address",
    [
        "",
        "bounce@bounce.example.org",
        "bounce+@bounce.example.org",
        f"bounce+{TOKEN[:-2]}@bounce.example.org",  # cut
        f"bounce+{TOKEN * 3}@bounce.example.org",
        f"bounce{TOKEN}@bounce.example.org",  # no separator
        "bounce+" + "a" * 52 + "@bounce.example.org",
        "bounce+" + "é" * 30 + "@bounce.example.org",
        "\0" * 500,
        unsubscribe_address(SIGNER, KEY, LEAVE),  # made for something else
        verp(Signer("another key"), 4711, ADA, BOX),
    ],
)
def test_what_we_did_not_make_says_nothing(address):
    assert read_verp(SIGNER, address) is None


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading(text):
    assert read_verp(SIGNER, text) is None
    assert read_unsubscribe(SIGNER, text) is None


def test_two_readers_of_one_delivery_number_have_different_addresses():
    assert verp(SIGNER, 4711, "ben@reader.example.net", BOX) != SENDER
    assert verp(SIGNER, 4711, ADA.upper(), BOX) == SENDER  # one address in another spelling


def test_the_address_of_the_reader_is_not_in_it():
    sender = verp(SIGNER, 1, "adalovelace@reader.example.net", BOX)
    assert "adalovelace" not in sender
    assert "reader" not in sender


def test_an_unsubscribe_address_carries_the_key_in_its_letter_case():
    address = unsubscribe_address(SIGNER, KEY, LEAVE)
    assert mime.wire_address(address) == address
    for spelled in (address, address.upper(), f"<{address}>"):
        assert read_unsubscribe(SIGNER, spelled) == KEY


def test_a_token_alone_in_a_subject_does():
    token = unsubscribe_address(SIGNER, KEY, LEAVE).partition("+")[2].partition("@")[0]
    for subject in (f" {token} ", f"unsubscribe {token}", f"Re: {token.upper()} please"):
        assert read_unsubscribe(SIGNER, subject) == KEY


def test_a_bounce_address_unsubscribes_nobody():
    assert read_unsubscribe(SIGNER, SENDER) is None


def test_a_mailbox_that_leaves_no_room_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="octets before the @"):
        verp(SIGNER, 2**62, ADA, Mailbox(local="bounces-of-the-digest", domain="example.org"))
