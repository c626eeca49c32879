"""What the doctor finds in DNS, asked of a real server on loopback, and what it explains."""

import socket

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dns_server import answering
from website import fresh_app

from digest.cli import domain
from digest.cli.records import asker
from digest.errors import InputError
from digest.intake import dkim_signer

SENDER, BOUNCES, RELAY = "digest.example.org", "bounce.example.org", "relay.example.org"
WHOLE = {
    (BOUNCES, "TXT"): ['"some words"', f'"v=spf1 a:{RELAY} " "-all"'],
    (BOUNCES, "MX"): ["10 mx.example.org."],
    (SENDER, "MX"): ["10 mx.example.org.", "20 other.example.org."],
    (f"_dmarc.{SENDER}", "TXT"): ['"v=DMARC1; p=none"'],
    (RELAY, "A"): ["192.0.2.25"],
    (RELAY, "AAAA"): ["2001:db8::25"],
    ("25.2.0.192.in-addr.arpa", "PTR"): [f"{RELAY}."],
    (f"{'5.2.' + '0.' * 22}8.b.d.0.1.0.0.2.ip6.arpa", "PTR"): [f"{RELAY}."],
}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """An installation that signs and takes bounces; nobody has started it."""
    folder = tmp_path_factory.mktemp("dns")
    made = rsa.generate_private_key(65537, 2048)
    key = folder / "key.pem"
    key.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key.chmod(0o600)
    dkim = {"domain": SENDER, "selector": "one", "key_file": str(key)}
    over = {"dkim": dkim, "bounces": {"domain": BOUNCES}, "smtp": {"host": RELAY}}
    return fresh_app(f"sqlite:///{folder}/d.db", None, **over)


@pytest.fixture(scope="module")
def published(app):
    """The records of an installation where all is well."""
    ((name, text),) = dkim_signer(app.settings.dkim).records()
    halves = " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))
    return WHOLE | {(name, "TXT"): [halves]}


def findings(app, records):
    """Marks and words by row, with these records published."""
    with answering(records) as server:
        rows = list(domain.advice(app, asker(server.address)))
    assert [name for name, _, _ in rows] == list(domain.ADVICE)
    return {name: (mark, words) for name, mark, words in rows}


def test_where_all_is_published_only_what_dns_cannot_show_is_left(app, published):
    found = findings(app, published)
    good = {name for name, (mark, _) in found.items() if mark == "✓"}
    assert good == {"SPF", "DKIM", "DMARC", "reverse DNS", "bounces"}
    assert {mark for mark, _ in found.values()} == {"✓", "→"}
    assert f"'v=spf1 a:{RELAY} -all'" in found["SPF"][1]


def test_where_nothing_is_published_each_row_says_what_to_publish(app):
    found = findings(app, {})
    bad = {name: words for name, (mark, words) in found.items() if mark == "✗"}
    assert set(bad) == {"SPF", "DKIM", "DMARC", "bounces", "mailboxes"}
    assert f'publish {BOUNCES} TXT "v=spf1 a:{RELAY} -all"' in bad["SPF"]
    assert f"publish one._domainkey.{SENDER} as `digest dkim` prints it" in bad["DKIM"]
    assert f'publish _dmarc.{SENDER} TXT "v=DMARC1; p=none;' in bad["DMARC"]
    assert f"publish {BOUNCES} MX" in bad["bounces"]
    assert f"publish {SENDER} MX" in bad["mailboxes"]
    assert found["reverse DNS"] == ("→", f"{RELAY} is not in DNS")


@pytest.mark.parametrize(
    ("record", "texts", "said"),
    [
        # Two SPF records are as good as none (RFC 7208 section 4.5).
        ((BOUNCES, "TXT"), ['"v=spf1 -all"', '"v=spf1 mx -all"'], ("SPF", "✗", "2 SPF records")),
        ((BOUNCES, "TXT"), ['"v=spf1 +all"'], ("SPF", "✗", "lets everybody")),
        ((BOUNCES, "TXT"), ['"V=SPF1 mx ~all"'], ("SPF", "✓", "V=SPF1 mx ~all")),
        ((f"one._domainkey.{SENDER}", "TXT"), ['"v=DKIM1; p=AAAA"'], ("DKIM", "✗", "another")),
        ((f"one._domainkey.{SENDER}", "TXT"), ['"v=DKIM1; p="'], ("DKIM", "✗", "another")),
        ((f"_dmarc.{SENDER}", "TXT"), ['"hello"'], ("DMARC", "✗", "publish _dmarc")),
        ((BOUNCES, "MX"), ["0 ."], ("bounces", "✗", "nobody can report to it")),
        ((SENDER, "MX"), ["0 ."], ("mailboxes", "✗", "replies reach nobody")),
        (
            ("25.2.0.192.in-addr.arpa", "PTR"),
            ["x.example.org."],
            ("reverse DNS", "→", "192.0.2.25"),
        ),
        ((RELAY, "A"), ["127.0.0.1"], ("reverse DNS", "✓", "leads back")),
    ],
)
def test_what_is_published_wrongly_is_told(app, published, record, texts, said):
    row, mark, part = said
    found = findings(app, published | {record: texts})[row]
    assert found[0] == mark
    assert part in found[1]


def test_the_policy_of_the_organisation_counts_for_its_parts(app, published):
    one = {key: value for key, value in published.items() if key[0] != f"_dmarc.{SENDER}"}
    found = findings(app, one | {("_dmarc.example.org", "TXT"): ['"v=DMARC1; p=reject"']})
    assert found["DMARC"] == ("✓", "_dmarc.example.org says 'v=DMARC1; p=reject'")


@pytest.mark.parametrize(
    ("relay", "mechanism"),
    [
        ("192.0.2.25", "ip4:192.0.2.25"),
        ("2001:db8::25", "ip6:2001:db8::25"),
        ("127.0.0.1", "ip4:ADDRESS"),
        ("", "a:RELAY"),
    ],
)
def test_a_relay_without_a_name_is_told_by_its_address(tmp_path, relay, mechanism):
    app = fresh_app(f"sqlite:///{tmp_path}/d.db", None, smtp={"host": relay})
    rows = {name: words for name, _, words in domain.advice(app, None)}
    assert f'publish {SENDER} TXT "v=spf1 {mechanism} -all"' in rows["SPF"]
    assert rows["reverse DNS"]


def test_where_dns_does_not_answer_it_is_asked_once_and_the_rows_explain(app):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
    asked = []
    ask = asker(f"127.0.0.1@{port}")

    def counted(name, kind):
        asked.append(name)
        return ask(name, kind)

    rows = list(domain.advice(app, counted))
    assert asked == [BOUNCES]
    assert {mark for _, mark, _ in rows} == {"→"}
    assert "not looked up: DNS does not answer" in rows[0][2]


def test_nobody_need_be_asked(app):
    rows = {name: (mark, words) for name, mark, words in domain.advice(app, asker("none"))}
    assert {mark for mark, _ in rows.values()} == {"→"}
    assert f"{BOUNCES} needs an MX record" in rows["bounces"][1]
    assert "0.1 %" in rows["complaints"][1]
    assert "suppression.complaint_rate" in rows["complaints"][1]
    assert "count against no reader" in rows["refusals"][1]


@pytest.mark.parametrize("which", ["example.org", "127.0.0.1@x", "@", "1.2.3"])
def test_what_is_no_server_is_refused(which):
    with pytest.raises(InputError, match=r"127\.0\.0\.1@5353"):
        asker(which)
