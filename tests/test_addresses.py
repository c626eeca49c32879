"""Addresses of people and networks, parsed: what comes in is hostile."""

import pytest

from digest.addresses import LONGEST, key, network, parse
from digest.errors import InputError


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("ada@example.org", "ada@example.org"),
        ("  ada@example.org\n", "ada@example.org"),  # pasted
        ("Ada.Lovelace@Example.ORG", "Ada.Lovelace@example.org"),  # the local part is theirs
        ("ada+papers@example.org", "ada+papers@example.org"),
        ("o'hara@example.org", "o'hara@example.org"),
        ("_@example.org", "_@example.org"),
        ("-ada@example.org", "-ada@example.org"),
        ("!#$%&'*+/=?^_`{|}~-@example.org", "!#$%&'*+/=?^_`{|}~-@example.org"),  # RFC 5322 atext
        ("ada@example.org\ufe0f", "ada@example.org"),  # an invisible sign, left out
        ("ada@sub.sub.sub.example.org", "ada@sub.sub.sub.example.org"),
        ("ada@a-b.example.org", "ada@a-b.example.org"),
        ("ada@127.example.org", "ada@127.example.org"),
        ("ada@lab.test", "ada@lab.test"),  # the operator's own business
        ("ada@bücher.de", "ada@bücher.de"),
        ("ada@BÜCHER.de", "ada@bücher.de"),
        ("ada@xn--bcher-kva.de", "ada@bücher.de"),  # one form of one domain
        ("ada@bu\u0308cher.de", "ada@bücher.de"),  # u and two dots
        ("ada@straße.de", "ada@straße.de"),
        ("ada@例え.jp", "ada@例え.jp"),
        ("ada@ｅxample.org", "ada@example.org"),  # full width
        ("ada@ⓔxample.org", "ada@example.org"),
        ("ada@example。org", "ada@example.org"),  # an ideographic full stop
        (f"{'a' * 64}@example.org", f"{'a' * 64}@example.org"),
        (f"ada@{'b' * 63}.org", f"ada@{'b' * 63}.org"),
    ],
)
def test_an_address_has_one_form(typed, normal):
    assert parse(typed) == normal
    assert parse(normal) == normal


HOSTILE = [
    # Nothing, or not enough.
    "", " ", "\t\n", "@", "a@", "@example.org", "ada", "ada.example.org", "ada@example", ".", "a@.",
    "ada@@example.org", "a@b@example.org", "ada@.org", "ada@example.", "ada@example.org.",
    ".ada@example.org", "ada.@example.org", "a..b@example.org", "ada@example..org",
    # A second header, a second recipient, a second command.
    "ada@example.org\r\nBcc: eve@example.com", "ada@example.org\nBcc: eve@example.com",
    "ada@example.org\rBcc: eve@example.com", "ada\r\n@example.org", "a\nda@example.org",
    "ada@example.org%0aBcc:eve@example.com", "ada@example.org,eve@example.com",
    "ada@example.org;eve@example.com", "ada@example.org eve@example.com",
    "ada@example.org> NOTIFY=NEVER", "ada@example.org>\r\nDATA\r\n", "<ada@example.org>",
    "Ada <ada@example.org>", "Ada Lovelace ada@example.org", "ada@example.org (Ada)",
    "(Ada)ada@example.org", "mailto:ada@example.org?bcc=eve@example.com", "ada:@example.org;",
    "group:ada@example.org,eve@example.com;", "@relay.example,@other.example:ada@example.org",
    "ada@example.org\x00", "ada\x00@example.org", "ada@exa\x00mple.org", "\x7fada@example.org",
    "ada@example.org\x1b[2J", "a\x08da@example.org", "ada\x85@example.org",
    # Quotes, spaces, brackets.
    '"ada"@example.org', '"ada lovelace"@example.org', '"\r\n"@example.org', '""@example.org',
    '"a\\"b"@example.org', 'ada"@example.org', "ada lovelace@example.org", "ada@exam ple.org",
    "ada\\@example.org", "ada[1]@example.org", "ada@[127.0.0.1]", "ada@[IPv6:::1]", "ada@127.0.0.1",
    "ada@(comment)example.org", "ada@example.org/..", "ada@example.org?x", "ada@example.org#x",
    # Domains that are none.
    "ada@localhost", "ada@-example.org", "ada@example-.org", "ada@exa_mple.org", "ada@*.org",
    "ada@example.123", "ada@example.invalid", "ada@printer.local", "ada@x.onion",
    "ada@xn--.org", "ada@xn--a.org", "ada@ex--ample.xn--", "ada@b\u00adc.org\u00ad\u00ad@",
    f"ada@{'b' * 64}.org", f"ada@{'.'.join(['b'] * 130)}.org", f"ada@{'ü' * 60}.de",
    # Unicode where it hurts.
    "ада@example.org", "ädä@example.org", "ada\u200b@example.org", "ada@exam\u200bple.org",
    "\u202eada@example.org", "ada@\u202egro.elpmaxe", "ada@example.org\u2028x", "ada＠example.org",
    "ada@exam\ud800ple.org", "\ud800@example.org", "ada@\ufffd.org", "😀@example.org",
    "ada@😀.org\u200d", "a\u0301@example.org", "\ufeffada@example.org",
    "ada@\u0665.org٥@",
    # Too long.
    f"{'a' * 255}@example.org", f"ada@{'bb.' * 90}org", "a" * 1_000_000, "@" * 1_000_000,
    f"ada@{'b' * 1_000_000}.org", f"{'a' * (LONGEST - 11)}@example.org", "(" * 100_000,
    # What is dangerous further on: a spreadsheet, a page, a shell.
    "=cmd|'/c calc'!A1", "<script>alert(1)</script>@example.org", "ada@<b>example</b>.org",
    "ada@example.org' OR 1=1--", "ada@example.org`id`", "$(id)@example.org",
    "ada@example.org&#10;x", "ada@example.org\tx", "ada@example.org|id", "ada@example.org{}",
]  # fmt: skip


def test_there_are_a_hundred_hostile_addresses():
    assert len(HOSTILE) == len(set(HOSTILE)) > 100


@pytest.mark.parametrize("typed", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_address_is_refused_with_a_sentence(typed):
    with pytest.raises(InputError) as caught:
        parse(typed)
    assert caught.value.field == "email"
    said = str(caught.value)
    assert said[0].isupper()
    assert said[-1] in ".!"
    assert len(said) < 300
    assert "\n" not in said


def test_the_field_that_is_wrong_is_the_caller_s():
    with pytest.raises(InputError) as caught:
        parse("ada", field="new_email")
    assert caught.value.field == "new_email"


@pytest.mark.parametrize("typed", ["ada@example.org", "ada@bücher.de", "O'Hara+x@a-b.example.org"])
def test_what_is_accepted_is_one_line_without_what_ends_an_address(typed):
    normal = parse(typed)
    assert normal.isprintable()
    assert not set(normal) & set(' <>(),;:\\"[]\r\n\t')
    assert normal.count("@") == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ada@example.org", "ada@example.org", True),
        ("ada@bücher.de", "ADA@bücher.de", True),
        ("ada@straße.de", "ada@strasse.de", False),  # two domains, perhaps two people
        ("a.da@example.org", "ada@example.org", False),  # nothing is guessed
        ("ada+x@example.org", "ada@example.org", False),
    ],
)
def test_letter_case_makes_no_second_address_and_nothing_else_one(one, other, same):
    assert (key(parse(one)) == key(parse(other))) is same


@pytest.mark.parametrize(
    ("ip", "found"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("192.0.2.255", "192.0.2.0/24"),
        ("192.0.3.0", "192.0.3.0/24"),
        ("2001:db8:1:2ff:3::4", "2001:db8:1:200::/56"),
        ("2001:db8:1:300::", "2001:db8:1:300::/56"),
        ("2001:DB8::1", "2001:db8::/56"),
        ("::1", "::/56"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),  # IPv4 through an IPv6 socket
        ("fe80::1%eth0", "fe80::/56"),
        # What a header may say.
        ("", "unknown"),
        ("testclient", "unknown"),
        ("192.0.2", "unknown"),
        ("192.0.2.256", "unknown"),
        ("192.0.2.07", "unknown"),
        ("192.0.2.7:443", "unknown"),
        ("192.0.2.7, 10.0.0.1", "unknown"),
        ("192.0.2.0/24", "unknown"),
        ("0x7f.1", "unknown"),
        ("1" * 100_000, "unknown"),
        ("١٩٢.٠.٢.٧", "unknown"),
        ("192.0.2.7\n", "unknown"),
        ("2001:db8::1\x00", "unknown"),
        ("\ud800", "unknown"),
        (":" * 1_000, "unknown"),
    ],
)
def test_an_address_belongs_to_its_network(ip, found):
    assert network(ip) == found
