"""The ways in: LMTP and SMTP, a pipe, and the commands that show what came."""

import asyncio
import io
import os
import smtplib
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from bounced import READER, complaint, dsn, written
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from make import HOUR, NOON, preferences
from website import KEY, Clock, fresh_app

from digest import loop
from digest.cli import main
from digest.errors import ConfigError, StoreError
from digest.intake import bounce_box, unsubscribe_box
from digest.model import Action, SubscriberState
from digest.settings import load
from digest.verp import mark, unsubscribe_address, verp

DOMAIN = "bounce.example.org"
WHERE = {"domain": DOMAIN, "max_kilobytes": 64}


@contextmanager
def opened(folder: Path, **bounces):
    """An installation that takes bounces; ada is its reader."""
    url = f"sqlite:///{folder}/digest.db"
    app = fresh_app(url, Clock(), bounces=WHERE | bounces)
    try:
        app.subscriptions.add([(READER, preferences())], NOON)
        yield app
    finally:
        app.store.close()


@pytest.fixture
def app(tmp_path):
    with opened(tmp_path) as found:
        yield found


def sender(app, number=1):
    return verp(app.signer, number, READER, bounce_box(app.settings.bounces))


def ada(app):
    return app.store.roster.find(fingerprint=mark(app.signer, READER))


def kinds(app):
    return [str(event.kind) for event, _, _ in app.store.bounces.recent()]


def talk(app, conversation, client=smtplib.LMTP):
    """Listens, and runs the conversation of a mail server in a thread; what it gives."""

    def whole(port):
        with client("127.0.0.1", port, timeout=20) as server:
            return conversation(server)

    async def both():
        async with app.intake.listening(port=0) as port:
            return await asyncio.to_thread(whole, port)

    return loop.run(both())


# ── The listener ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("protocol", "client"), [("lmtp", smtplib.LMTP), ("smtp", smtplib.SMTP)])
def test_a_bounce_is_taken_over_both_protocols(tmp_path, protocol, client):
    with opened(tmp_path, protocol=protocol) as app:
        to = sender(app)
        refused = talk(app, lambda server: server.sendmail("", [to], dsn(to)), client)
        assert refused == {}
        assert kinds(app) == ["hard bounce"]


def test_the_envelope_is_enough_where_the_header_says_nothing(app):
    mail = written("undisclosed@example.org")
    to = unsubscribe_address(app.signer, ada(app).key, unsubscribe_box(app.settings.bounces))
    talk(app, lambda server: server.sendmail(READER, [to.upper()], mail))
    assert ada(app).state is SubscriberState.LEFT


def test_it_is_no_relay(app):
    def conversation(server):
        server.ehlo_or_helo_if_needed()
        server.mail("")
        return server.rcpt("somebody@example.net"), server.rcpt("a@sub.bounce.example.org")

    assert [code for code, _ in talk(app, conversation)] == [550, 550]


def test_a_mail_has_one_recipient(app):
    def conversation(server):
        server.ehlo_or_helo_if_needed()
        server.mail("")
        return server.rcpt(f"a@{DOMAIN}"), server.rcpt(f"b@{DOMAIN.upper()}")

    assert [code for code, _ in talk(app, conversation)] == [250, 452]


def test_a_mail_that_is_too_large_is_refused(app):
    to = sender(app)
    large = dsn(to, prose="words\n" * 20_000)

    def conversation(server):
        with pytest.raises((smtplib.SMTPDataError, smtplib.SMTPSenderRefused)) as caught:
            server.sendmail("", [to], large)
        return caught.value.smtp_code

    assert talk(app, conversation) == 552
    assert kinds(app) == []


def test_rubbish_is_taken_and_kept(app):
    to = f"bounce+nonsense@{DOMAIN}"
    talk(app, lambda server: server.sendmail("", [to], b"\xff\0\r\n" * 50))
    assert kinds(app) == ["unverified"]


@pytest.mark.parametrize("fault", [StoreError("locked"), ZeroDivisionError("a mistake")])
def test_what_cannot_be_stored_comes_again(app, monkeypatch, fault):
    def fail(*_):
        raise fault

    monkeypatch.setattr(app.intake.returns, "mail", fail)

    def conversation(server):
        with pytest.raises(smtplib.SMTPDataError) as caught:
            server.sendmail("", [sender(app)], dsn(sender(app)))
        return caught.value.smtp_code

    assert talk(app, conversation) == 451


def test_without_a_domain_there_is_nothing_to_listen_for(tmp_path):
    with opened(tmp_path, domain="") as app, pytest.raises(ConfigError, match=r"bounces\.domain"):
        talk(app, lambda server: server)


def test_a_port_that_is_taken_is_said(app):
    async def twice():
        async with app.intake.listening(port=0) as port, app.intake.listening(port=port):
            pass

    with pytest.raises(ConfigError, match=r"bounces: cannot listen on 127\.0\.0\.1:\d+: "):
        loop.run(twice())


@pytest.mark.parametrize("wanted", [True, False])
def test_serve_listens_only_where_a_port_is_named(tmp_path, wanted):
    @asynccontextmanager
    async def free_port(app):
        async with app.intake.listening(port=0) as port:
            yield port

    async def heard(app, port):
        async with app.intake.listening_if_wanted():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return False
            writer.close()
            return True

    async def find(app):
        async with free_port(app) as port:
            return port

    with opened(tmp_path) as app:
        port = loop.run(find(app))
    with opened(tmp_path, listen_port=port if wanted else 0) as app:
        assert loop.run(heard(app, port)) == wanted


# ── The commands ─────────────────────────────────────────────────────────────────────────────────


QUIET = ("--dns", "none")  # the doctor asks nobody outside


@dataclass
class Done:
    """How a command ended."""

    returncode: int
    stdout: bytes
    stderr: bytes


def variables(folder: Path) -> dict[str, str]:
    """The environment of the commands."""
    return {
        "DIGEST_DATABASE_URL": f"sqlite:///{folder}/digest.db",
        "DIGEST_SECRET_KEY": KEY,
        "DIGEST_BOUNCES__DOMAIN": DOMAIN,
        "DIGEST_BOUNCES__MAX_KILOBYTES": "64",
        "DIGEST_SOURCES__ARXIV__ENABLED": "false",  # the doctor would look at them
        "DIGEST_SOURCES__HUGGINGFACE__ENABLED": "false",
    }


@pytest.fixture
def digest(tmp_path, monkeypatch, capsys, commands_end):  # noqa: ARG001
    """Runs a command through its real entry, as a mail server would, in this process."""

    def run(*words, given=b"", **over):
        with monkeypatch.context() as here:
            for name, value in (variables(tmp_path) | over).items():
                here.setenv(name, value)
            here.setattr(sys, "argv", ["digest", *map(str, words)])
            here.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
            with pytest.raises(SystemExit) as end:
                main()
        said = capsys.readouterr()
        return Done(end.value.code or 0, said.out.encode(), said.err.encode())

    return run


def test_a_mail_comes_through_a_real_pipe(app, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "digest", "bounces", "pipe", "--recipient", sender(app)],
        input=dsn("postmaster@example.org"),
        env=os.environ | variables(tmp_path),
        cwd=Path(__file__).parents[1],
        timeout=100,
        check=False,
    )
    assert done.returncode == 0
    assert kinds(app) == ["hard bounce"]


def test_a_mail_on_standard_input_is_taken(digest, app):
    to = sender(app)
    piped = dsn("postmaster@example.org").replace(b"\r\n", b"\n")
    done = digest("bounces", "pipe", "--recipient", to, given=piped)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"hard bounce: suppressed" in done.stdout
    assert digest("bounces", "pipe", given=dsn(to)).returncode == 0  # from its header
    assert kinds(app) == ["hard bounce"]


@pytest.mark.parametrize(
    "mail", [b"", b"\0" * 100, b"To: x\n\n" + b"a" * 70_000], ids=["empty", "NULs", "large"]
)
def test_a_mail_that_says_nothing_is_taken_all_the_same(digest, app, mail):
    assert digest("bounces", "pipe", given=mail).returncode == 0
    assert kinds(app) == ["unverified"]


@pytest.mark.parametrize(
    "over",
    [
        {"DIGEST_DATABASE_URL": "postgresql://127.0.0.1:1/nowhere"},
        {"DIGEST_BOUNCES__SEPARATOR": "?"},
        {"DIGEST_NO_SUCH_SETTING": "x"},
    ],
)
def test_the_mail_server_keeps_a_mail_that_cannot_be_taken_now(digest, over):
    done = digest("bounces", "pipe", given=dsn("a@b.example"), **over)
    assert done.returncode == 75
    assert done.stderr.startswith(b"digest: ")
    assert b"Traceback" not in done.stderr


def test_what_came_back_is_listed_with_what_waits_and_goes_on_on_command(digest, app):
    # The installation's clock stands in the past: the command is told the same.
    assert app.intake.returns.mail(complaint(sender(app)), (), NOON).action is Action.SUPPRESS
    now = ("--now", f"{NOON + HOUR:%Y-%m-%dT%H:%M:%SZ}")
    listed = digest("bounces", "list", *now).stdout.decode()
    assert "complaints: 1 within 24 hours" in listed
    assert "complaint" in listed
    assert READER not in listed
    resumed = digest("bounces", "resume", "reader.example.net")
    assert resumed.stdout == b"reader.example.net: goes on.\n"
    listed = digest("bounces", "list", *now).stdout.decode()
    assert "waits" not in listed
    assert b"was not waiting" in digest("bounces", "resume", "x.example").stdout


def test_the_records_to_publish_are_printed_and_no_key(digest, tmp_path):
    key = rsa.generate_private_key(65537, 2048)
    file = tmp_path / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    names = {"DOMAIN": "Example.org", "SELECTOR": "one", "KEY_FILE": str(file)}
    done = digest("dkim", **{f"DIGEST_DKIM__{name}": at for name, at in names.items()})
    assert done.stdout.startswith(b'one._domainkey.example.org. IN TXT ( "v=DKIM1; k=rsa; p=MII')
    assert b"PRIVATE" not in done.stdout
    assert digest("dkim").stderr.startswith(b"digest: dkim.key_file is not set")


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("table", "values", "words"),
    [
        ("dkim", {"key_file": "k.pem"}, "needs dkim.domain and dkim.selector"),
        ("dkim", {"domain": "no domain"}, "a domain, like"),
        ("dkim", {"domain": "localhost"}, "a domain, like"),
        ("dkim", {"selector": "a b"}, "dkim.selector"),
        ("dkim", {"ed25519_key_file": "k"}, "needs dkim.ed25519_selector"),
        ("bounces", {"domain": "a@b.example"}, "a domain, like"),
        ("bounces", {"mailbox": "Bounces+x"}, "bounces.mailbox"),
        ("bounces", {"separator": "."}, "bounces.separator"),
        ("bounces", {"listen_port": 8024}, "needs bounces.domain"),
        ("bounces", {"protocol": "http"}, "bounces.protocol"),
        ("suppression", {"points": 0}, "suppression.points"),
        ("webhooks", {"ses": {"topic_arn": "https://sns"}}, "webhooks.ses.topic_arn"),
    ],
)
def test_wrong_settings_are_named(table, values, words):
    with pytest.raises(ConfigError, match=words):
        load(environ={}, **{table: values})


def test_the_signing_key_of_a_webhook_is_never_shown():
    with pytest.raises(ConfigError) as caught:
        load(environ={"DIGEST_WEBHOOKS__MAILGUN": '{"signing_key": ["hush"]}'})
    assert "hush" not in str(caught.value)
    settings = load(environ={"DIGEST_WEBHOOKS__MAILGUN__SIGNING_KEY": "hush"})
    assert "hush" not in repr(settings)


def test_an_international_domain_becomes_what_dns_has():
    settings = load(environ={}, bounces={"domain": "Bücher.example"})
    assert settings.bounces.domain == "xn--bcher-kva.example"


def test_the_doctor_looks_at_the_dkim_key(digest, tmp_path):
    over = {"DOMAIN": "example.org", "SELECTOR": "one", "KEY_FILE": f"{tmp_path}/none.pem"}
    done = digest("doctor", *QUIET, **{f"DIGEST_DKIM__{name}": at for name, at in over.items()})
    assert b"dkim.key_file: cannot read" in done.stdout
    assert b"dkim" not in digest("doctor", *QUIET).stdout
