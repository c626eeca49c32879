"""The command line, through its real entry: what it prints, how it ends, what it leaves behind."""

import csv
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from feeds import feeds
from make import HOUR, NOON, edition, slot
from smtp_server import SmtpServer, running

from digest.app import App
from digest.cli import domain, main
from digest.cli.preview import Kind
from digest.compose import Choice
from digest.model import DeliveryState, SubscriberState, Verdict
from digest.settings import load
from digest.settings.secret import kept_secret
from digest.store import Store

NOW = ("--now", "2026-01-15T12:00:00Z")
QUIET = ("--dns", "none")  # the doctor asks nobody outside
SECRETS = {
    "DIGEST_SECRET_KEY": "hush-the-signing-key",
    "DIGEST_SMTP__USERNAME": "relay-user",
    "DIGEST_SMTP__PASSWORD": "hush-the-relay-password",
}


@pytest.fixture
def digest(monkeypatch, capsys, place, commands_end):  # noqa: ARG001 - no other database
    """Runs a command; its exit code, standard output and standard error."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["digest", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return end.value.code or 0, said.out, said.err

    return run


@pytest.fixture
def variables(monkeypatch):
    """Sets variables of the environment: ``smtp__host="x"`` is DIGEST_SMTP__HOST."""

    def put(**values):
        for name, value in values.items():
            monkeypatch.setenv(f"DIGEST_{name.upper()}", str(value))

    return put


@pytest.fixture
def place(tmp_path, variables):
    """An empty SQLite installation that may send, with nothing outside."""
    url = f"sqlite:///{tmp_path}/digest.db"
    variables(
        database_url=url,
        secret_key="a key for tests",
        base_url="https://digest.example.org",
        sender__address="digest@example.org",
        sender__postal_address="1 Test Street, Testville",
        smtp__host="127.0.0.1",
        smtp__port=1,
        smtp__tls="none",
    )
    return tmp_path


@pytest.fixture
def outside(variables, place):  # noqa: ARG001 - what it overrides
    """As ``place``, with feeds and a relay that work."""
    relay = SmtpServer()
    with feeds() as web, running(relay):
        variables(
            sources__arxiv__base_url=web.url,
            sources__huggingface__base_url=web.url,
            smtp__port=relay.port,
        )
        yield relay


@pytest.fixture
def app():
    """Opens the application of the environment, to look into its database."""
    opened = []

    def look():
        opened.append(App(load(), clock=lambda: NOON))
        return opened[-1]

    yield look
    for one in opened:
        one.store.close()


# ── Every command ────────────────────────────────────────────────────────────────────────────────

COMMANDS = [
    ("demo",),
    ("serve",),
    ("web",),
    ("scheduler",),
    ("worker",),
    ("run",),
    ("preview",),
    ("previews",),
    ("subscribers",),
    ("subscribers", "add"),
    ("subscribers", "list"),
    ("subscribers", "import"),
    ("subscribers", "export"),
    ("subscribers", "remove"),
    ("deliveries",),
    ("deliveries", "resend"),
    ("deliveries", "release"),
    ("bounces",),
    ("bounces", "list"),
    ("bounces", "resume"),
    ("bounces", "listen"),
    ("bounces", "pipe"),
    ("dkim",),
    ("backtest",),
    ("bench",),
    ("bench", "compose"),
    ("bench", "delivery"),
    ("bench", "enqueue"),
    ("bench", "latency"),
    ("learn",),
    ("doctor",),
    ("db",),
    ("db", "upgrade"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(digest, words):
    code, out, err = digest(*words, "--help")
    assert (code, err) == (0, "")
    assert f"Usage: digest {' '.join(words)}" in out
    assert len(out.splitlines()) > 5


def test_the_help_names_every_command(digest):
    _, out, _ = digest("--help")
    assert {words[0] for words in COMMANDS} == set(re.findall(r"^│ (\w+)  ", out, re.MULTILINE))


def test_the_version_is_printed(digest):
    code, out, _ = digest("--version")
    assert code == 0
    assert re.fullmatch(r"digest \d+\.\d+\.\d+\n", out)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("nonsense",), "No such command"),
        (("run", "--nonsense"), "No such option"),
        (("deliveries", "--state", "lost"), "'lost' is not one of"),
        (("deliveries", "--limit", "0"), "greater than or equal to 1"),
        (("deliveries", "resend"), "name the deliveries to resend, or say --all"),
        (("subscribers", "add"), "Missing argument"),
    ],
)
def test_wrong_words_are_named(digest, words, reason):
    code, out, err = digest(*words)
    assert (code, out) == (2, "")
    assert reason in err


# ── Readers ──────────────────────────────────────────────────────────────────────────────────────


def test_readers_are_added_listed_and_removed(digest, app):
    assert digest("subscribers", "add", "ann@example.net", "ben@example.net")[1] == (
        "2 added, 0 known already and left as they are.\n"
    )
    words = ("subscribers", "add", "Ann@Example.net", "cat@example.net", "--hour", 18)
    assert digest(*words, "--zone", "Europe/Berlin")[1].startswith("1 added, 1 known already")
    code, out, _ = digest("subscribers", "list")
    assert code == 0
    assert "18:00 Europe/Berlin" in next(line for line in out.splitlines() if "cat@" in line)
    assert "07:00 UTC" in next(line for line in out.splitlines() if "ann@" in line)
    assert out.endswith("3 active\n")
    gone = digest("subscribers", "remove", "BEN@example.net", "nobody@example.net")
    assert gone[1] == "1 of 2 unsubscribed.\n"
    assert app().store.roster.counts() == {"active": 2, "left": 1}
    out = digest("subscribers", "list", "--state", "left")[1]
    assert ("ben@" in out, "ann@" in out) == (True, False)
    assert digest("subscribers", "list", "--limit", 1)[1].count("@example.net") == 1


def test_pending_readers_are_asked_first(digest, app):
    digest("subscribers", "add", "ann@example.net", "--pending")
    (letter,) = app().store.ledger.entries()
    assert (letter.email, letter.kind, letter.state) == ("ann@example.net", "confirm", "queued")
    assert app().store.roster.counts() == {"pending": 1}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("not an address",), "not an email address"),
        (("ann@example.net", "--hour", "24"), "a number from 0 to 23"),
        (("ann@example.net", "--zone", "Mars/Olympus"), "a time zone from the list"),
        (("ben@example.net", "ann@"), "not an email address"),  # nobody is added
    ],
)
def test_a_wrong_reader_is_refused_in_one_line(digest, app, words, reason):
    code, out, err = digest("subscribers", "add", *words)
    assert (code, out) == (1, "")
    assert reason in err
    assert err.count("\n") == 1
    assert app().store.roster.counts() == {}


def csv_file(folder, content):
    path = folder / "readers.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


GOOD = """email,hour,zone,days,papers,categories,paused_until
ann@example.net,18,Europe/Berlin,0 1 2 3 4,20,cs.CL cs.LG,
ben@example.net,,,,,,
"""


def test_a_csv_file_is_imported(digest, place, app):
    code, out, _ = digest("subscribers", "import", csv_file(place, GOOD))
    assert (code, out) == (0, "2 added, 0 known already and left as they are.\n")
    ann, ben = app().store.roster.everybody()
    assert (ann.preferences.hour, ann.preferences.zone) == (18, "Europe/Berlin")
    assert ann.preferences.days == frozenset(range(5))
    assert (ann.preferences.papers, ann.preferences.categories) == (20, ("cs.CL", "cs.LG"))
    assert ben.preferences == app().defaults
    assert ann.state is SubscriberState.ACTIVE


@pytest.mark.parametrize(
    ("text", "added"),
    [
        ("\ufeffemail\r\nann@example.net\r\n", 1),  # as a spreadsheet saves it
        ("email\nann@example.net\n\nANN@example.net\n", 1),  # an empty line, twice the same
        ("hour,email\n7,ann@example.net\n", 1),  # columns in another order
        ('email\n"ann@example.net"\n', 1),
        ("email\n", 0),
        ("email,state\nann@example.net,active\nben@example.net,left\n", 1),
        ("email,state\nann@example.net,pending\n", 0),
    ],
)
def test_csv_as_people_write_it_is_understood(digest, place, app, text, added):
    code, out, err = digest("subscribers", "import", csv_file(place, text))
    assert (code, err) == (0, "")
    assert out.startswith(f"{added} added")
    assert sum(app().store.roster.counts().values()) == added


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("address\nann@example.net\n", "no such column: address"),
        ("email,hour,colour\n", "no such column: colour"),
        ("hour\n7\n", "needs a column `email`"),
        ("", "needs a column `email`"),
        ("email\nänn@example.net\n".encode("latin-1"), "is not CSV in UTF-8"),
        ("email\nann@example.net\n".encode("utf-16"), "is not CSV in UTF-8"),
        ('email\n"ann@example.net\n', "is not CSV in UTF-8"),  # a quote without its end
        ("email\nann@example.net,7\n", ":2: line: more cells than the head line has"),
        ("email\nben@example.net\nann\n", ":3: email: This is not an email address"),
        ("email,hour\nann@example.net,25\n", ":2: hour: "),
        ("email,zone\nann@example.net,Here\n", ":2: zone: "),
        ("email,days\nann@example.net,1 8\n", ":2: days: "),
        ("email,papers\nann@example.net,0\n", ":2: papers: "),
        ("email,categories\nann@example.net,cs.XX\n", ":2: categories: "),
        ("email,paused_until\nann@example.net,soon\n", ":2: paused_until: "),
        ("email,state\nann@example.net,bored\n", ":2: state: "),
        ("email,hour\n,7\n", ":2: email: "),
    ],
)
def test_a_csv_file_with_a_fault_is_not_imported(digest, place, app, content, reason):
    code, out, err = digest("subscribers", "import", csv_file(place, content))
    assert (code, out) == (1, "")
    assert reason in err
    assert "Traceback" not in err
    assert app().store.roster.counts() == {}


def test_every_bad_line_is_named_and_nothing_is_imported(digest, place, app):
    lines = ["email,hour", *(f"r{n}@example.net,{(n % 3 and 7) or 77}" for n in range(30))]
    code, _, err = digest("subscribers", "import", csv_file(place, "\n".join(lines)))
    assert code == 1
    assert "nothing was imported, 10 bad lines" in err
    assert re.findall(r"readers\.csv:(\d+): hour", err) == [str(n) for n in range(2, 32, 3)]
    assert app().store.roster.counts() == {}


def test_very_many_bad_lines_are_counted(digest, place):
    text = "email\n" + "nonsense\n" * 100
    _, _, err = digest("subscribers", "import", csv_file(place, text))
    assert "100 bad lines" in err
    assert err.endswith("… and 80 more\n")
    assert len(err.splitlines()) == 22


def test_a_file_that_is_not_there_is_said(digest, place):
    for words in (("import", place / "none.csv"), ("export", place / "none" / "there.csv")):
        code, _, err = digest("subscribers", *words)
        assert code == 1
        assert "No such file or directory" in err


def test_what_is_exported_can_be_imported_elsewhere(digest, place, app, variables):
    digest("subscribers", "import", csv_file(place, GOOD))
    digest("subscribers", "add", "cat@example.net", "dan@example.net")
    digest("subscribers", "add", "eve@example.net", "--pending")
    digest("subscribers", "remove", "dan@example.net")
    before = {one.email: one.preferences for one in app().store.roster.everybody()}
    assert digest("subscribers", "export", place / "all.csv")[0] == 0
    variables(database_url=f"sqlite:///{place}/elsewhere.db")
    code, out, _ = digest("subscribers", "import", place / "all.csv")
    assert code == 0
    assert out == (
        "3 added, 0 known already and left as they are.\n"
        "2 left out: they were not active where this file comes from.\n"
    )
    after = {one.email: one.preferences for one in app().store.roster.everybody()}
    assert after == {name: before[name] for name in before if name[0] in "abc"}


def test_the_export_goes_to_standard_output_too(digest, place):
    digest("subscribers", "import", csv_file(place, GOOD))
    _, out, _ = digest("subscribers", "export", "--state", "active")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["email"] for row in rows] == ["ann@example.net", "ben@example.net"]
    assert (rows[0]["days"], rows[0]["categories"]) == ("0 1 2 3 4", "cs.CL cs.LG")


# ── The day ──────────────────────────────────────────────────────────────────────────────────────


def test_a_run_reports_what_it_did(digest, outside):
    digest("subscribers", "add", "ann@example.net", "bounce-ben@example.net", "defer-c@example.net")
    code, out, err = digest("run", *NOW)
    assert (code, err) == (0, "")
    rows = {line.split("│")[1].strip(): line for line in out.splitlines() if line.count("│") > 2}
    assert ("fresh" in rows["arxiv"], "fresh" in rows["huggingface"]) == (True, True)
    assert "2026-01-15 12:00:00 UTC" in rows["now"]
    assert "3 readers" in rows["queued"]
    assert "1 sent · 1 deferred · 1 refused" in rows["ledger"]
    assert [mail.recipient for mail in outside.accepted] == ["ann@example.net"]


@pytest.mark.usefixtures("outside")
def test_the_ledger_is_shown(digest):
    digest("subscribers", "add", "ann@example.net", "bounce-ben@example.net")
    digest("run", *NOW)
    _, out, _ = digest("deliveries")
    (refused,) = [line for line in out.splitlines() if "bounce-ben@example.net" in line]
    assert "550 5.1.1 no such user" in refused
    assert out.endswith("1 sent · 1 refused\n")
    _, out, _ = digest("deliveries", "--state", "sent")
    assert ("ann@" in out, "ben@" in out) == (True, False)


def test_an_empty_ledger_says_so(digest):
    assert digest("deliveries")[1].endswith("The ledger is empty.\n")


def test_deliveries_in_doubt_are_resent_only_on_command(digest, outside, app):
    names = ["drop-after-dot-a@example.net", "drop-after-dot-b@example.net"]
    digest("subscribers", "add", *names)
    digest("run", *NOW)
    digest("run", *NOW)
    assert len(outside.unanswered) == 2
    doubt = app().store.ledger.entries(DeliveryState.UNKNOWN)
    assert digest("deliveries", "resend", 999)[1].startswith("0 queued again")
    assert digest("deliveries", "resend", doubt[0].id)[1].startswith("1 queued again")
    assert app().store.ledger.counts() == {"unknown": 1, "queued": 1}
    assert digest("deliveries", "resend", "--all")[1].startswith("1 queued again")
    digest("run", *NOW)
    assert len(outside.unanswered) == 4


def test_a_preview_writes_files_and_nothing_else(digest, outside, app, tmp_path):
    digest("subscribers", "add", "ann@example.net")
    digest("run", "--now", "2026-01-15T06:00:00Z")  # collects; nobody is due yet
    before = app().store.ledger.counts(), app().store.editions.latest()
    code, out, _ = digest("preview", *NOW, "--out", tmp_path / "mail.html")
    assert code == 0
    assert out.startswith("Subject: ")
    html, text = ((tmp_path / name).read_text("utf-8") for name in ("mail.html", "mail.txt"))
    assert html.startswith("<!DOCTYPE html")
    assert "Invented paper" in html
    assert "Invented paper" in text
    assert (app().store.ledger.counts(), app().store.editions.latest()) == before == ({}, None)
    assert outside.accepted == []


@pytest.mark.usefixtures("outside")
def test_every_kind_of_mail_can_be_previewed_into_one_folder(digest, tmp_path):
    digest("run", "--now", "2026-01-15T06:00:00Z")
    folder = tmp_path / "all" / "kinds"
    code, out, _ = digest("previews", folder, *NOW)
    assert code == 0
    subjects = re.findall(r"^Subject: (.*)", out, re.MULTILINE)
    assert len(subjects) == len(Kind)
    assert len(set(subjects)) == len(Kind) - 1  # a daily digest tells no news in its subject
    text = (folder / "news.txt").read_text("utf-8")
    assert "No edition on " in text
    assert "Revised since an earlier edition: " in text
    written = {path.name for path in folder.iterdir()}
    files = {f"{kind}.{suffix}" for kind in Kind for suffix in ("html", "txt")}
    assert written == files | {"index.html"}
    index = (folder / "index.html").read_text("utf-8")
    assert set(re.findall(r'href="([^"]+)"', index)) == files
    assert [subject for subject in subjects if subject not in index] == []
    assert "The week to" in (folder / "weekly.txt").read_text("utf-8")
    assert "While you were away" in (folder / "return.txt").read_text("utf-8")
    code, out, _ = digest("preview", *NOW, "--kind", "goodbye", "--out", tmp_path / "bye.html")
    assert (code, out.splitlines()[0]) == (0, "Subject: You have left Trending Papers")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--day", "tomorrow"), "--day 'tomorrow' is not like 2026-01-15"),
        (("--day", "2026-01-14"), "there is no edition of 2026-01-14"),
        ((), "nothing to show: no paper has been collected yet"),
    ],
)
def test_a_preview_of_nothing_says_why(digest, place, words, reason):
    code, _, err = digest("preview", *words, "--out", place / "mail.html")
    assert (code, err) == (1, f"digest: {reason}\n")
    assert not (place / "mail.html").exists()


@pytest.mark.parametrize(
    ("out", "reason"),
    [
        ("none/mail.html", "No such file or directory"),
        ("mail.txt", "the text beside it as .txt"),  # one would overwrite the other
    ],
)
@pytest.mark.usefixtures("outside")
def test_a_preview_that_cannot_be_written_is_said(digest, tmp_path, out, reason):
    digest("subscribers", "add", "ann@example.net")
    digest("run", *NOW)
    code, _, err = digest("preview", "--day", "2026-01-15", "--out", tmp_path / out)
    assert code == 1
    assert reason in err


@pytest.mark.parametrize(
    "text", ["garbage", "2026-13-01", "12:00", "2026-01-15T25:00:00Z", "0001-01-01T00:00+14:00"]
)
@pytest.mark.parametrize("command", ["run", "preview"])
def test_an_instant_that_is_none_is_refused(digest, command, text):
    code, out, err = digest(command, "--now", text)
    assert (code, out) == (1, "")
    assert err == f"digest: --now {text!r} is not like 2026-01-15T07:00:00Z\n"


# ── What is missing or wrong ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", ["run", "serve", "scheduler"])
@pytest.mark.parametrize("setting", ["sender__postal_address", "sender__address", "smtp__host"])
def test_nothing_is_sent_without_what_the_law_or_the_relay_needs(
    digest, outside, variables, command, setting
):
    variables(**{setting: ""})
    code, out, err = digest(command)
    assert (code, out) == (1, "")
    assert f"{setting.replace('__', '.')} is not set" in err
    assert f"DIGEST_{setting.upper()}" in err
    assert outside.accepted == []


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("DIGEST_NONSENSE", "1", "DIGEST_NONSENSE: there is no such setting"),
        ("DIGEST_SMTP__PORT", "many", "smtp.port"),
        ("DIGEST_DATABASE_URL", "oracle://db", "neither sqlite nor postgresql"),
        ("DIGEST_DATABASE_URL", "postgresql://u:hush@h:many/d", "is no database address"),
        ("DIGEST_CONFIG", "/nowhere/digest.toml", "cannot read /nowhere/digest.toml"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(digest, monkeypatch, name, value, reason):
    monkeypatch.setenv(name, value)
    code, out, err = digest("deliveries")
    assert (code, out) == (1, "")
    assert reason in err
    assert "hush" not in err
    assert len(err.splitlines()) == 1


def test_a_settings_file_may_be_named(digest, place):
    config = place / "mine.toml"
    config.write_text("[smtp]\nhots = 1\n")
    code, _, err = digest("deliveries", "--config", config)
    assert (code, err) == (1, "digest: smtp.hots: there is no such setting\n")


def test_a_database_that_is_no_database_is_said(digest, place):
    (place / "digest.db").write_bytes(b"this is no database, " * 100)
    code, _, err = digest("deliveries")
    assert code == 1
    assert "file is not a database" in err
    assert len(err.splitlines()) == 1


def test_the_database_is_made_and_brought_to_this_version(digest, variables, database_url):
    variables(database_url=database_url)
    for _ in range(2):
        code, out, _ = digest("db", "upgrade")
        assert code == 0
        assert out.endswith("is at this version.\n")
    store = Store(database_url)
    store.check()
    store.close()


def test_a_server_without_tables_asks_for_them(digest, variables, postgres_url):
    variables(database_url=postgres_url)
    code, _, err = digest("deliveries")
    assert code == 1
    assert err.endswith("run `digest db upgrade`\n")


# ── doctor ───────────────────────────────────────────────────────────────────────────────────────


def findings(out):
    """The doctor's marks and words, by what was examined."""
    rows = [line.split("│") for line in out.splitlines() if line.count("│") == 4]
    return {row[1].strip(): (row[2].strip(), row[3].strip()) for row in rows}


@pytest.mark.usefixtures("outside")
def test_the_doctor_finds_nothing_wrong(digest):
    code, out, err = digest("doctor", *QUIET)
    assert (code, err) == (0, "")
    found = findings(out)
    names = ["database", "links", "sender", "relay", "ranking", "arxiv", "huggingface"]
    assert list(found) == [*names, *domain.ADVICE]
    assert {found[name][0] for name in names} == {"✓"}
    assert {found[name][0] for name in domain.ADVICE} == {"→"}


@pytest.mark.parametrize(
    ("wrong", "where", "reason"),
    [
        ({"database_url": "sqlite:////dev/null/x.db"}, "database", "/dev/null"),
        ({"base_url": "http://digest.example.org"}, "links", "one-click unsubscribe needs https"),
        ({"sender__postal_address": ""}, "sender", "sender.postal_address is not set"),
        ({"smtp__host": ""}, ("relay", "sender"), "smtp.host is not set"),
        ({"smtp__port": "1"}, "relay", "smtp 127.0.0.1:1: "),
        ({"smtp__tls": "starttls"}, "relay", "STARTTLS"),  # the relay has none: no plain text
        ({"sources__arxiv__base_url": "/nothing"}, "arxiv", "not a feed"),
        ({"sources__huggingface__enabled": "false"}, "sources", "ranking.weights."),
    ],
)
@pytest.mark.usefixtures("outside")
def test_the_doctor_names_what_is_wrong(digest, variables, wrong, where, reason):
    there = os.environ["DIGEST_SOURCES__ARXIV__BASE_URL"]
    variables(**{k: f"{there}{v}" if v.startswith("/") else v for k, v in wrong.items()})
    code, out, err = digest("doctor", *QUIET)
    assert (code, err) == (1, "")
    found = findings(out)
    wrong = {name for name, (mark, _) in found.items() if mark == "✗"}
    assert wrong == ({where} if isinstance(where, str) else set(where))
    assert all(reason in found[name][1] for name in wrong)


# ── Secrets ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "words",
    [
        ("doctor", *QUIET),
        ("run", *NOW),
        ("deliveries",),
        ("subscribers", "list"),
        ("preview", *NOW, "--out", os.devnull),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("wrong", ["", "smtp__port", "delivery__window"])
@pytest.mark.usefixtures("outside")
def test_secrets_are_never_printed(digest, monkeypatch, caplog, words, wrong):
    """Neither where all goes well nor in an error about the setting beside them."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    if wrong:
        monkeypatch.setenv(f"DIGEST_{wrong.upper()}", "nonsense")
    digest("subscribers", "add", "ann@example.net")
    _, out, err = digest(*words)
    assert out + err
    assert [secret for secret in SECRETS.values() if secret in out + err + caplog.text] == [
        name for name in ["relay-user"] if name in err
    ]
    assert "hush" not in out + err + caplog.text


@pytest.mark.usefixtures("outside")
def test_a_password_of_the_database_is_never_printed(digest, variables):
    variables(database_url="postgresql://digest:hush-the-database@127.0.0.1:1/digest")
    for words in (("deliveries",), ("doctor", *QUIET), ("db", "upgrade")):
        code, out, err = digest(*words)
        assert code == 1
        assert "hush" not in out + err


def test_a_secret_key_is_made_once_and_for_its_owner_only(tmp_path):
    path = tmp_path / "secret.key"
    first, second = kept_secret(path), kept_secret(path)
    assert first == second
    assert len(first) > 40
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


# ── As a program ─────────────────────────────────────────────────────────────────────────────────


def test_the_program_runs_and_a_pipe_keeps_every_row_on_its_line(digest, app):
    """A row is a line for grep, however narrow the terminal that is not there."""
    long = f"{'x' * 60}@{'a-rather-long-name.' * 4}example.net"
    digest("subscribers", "add", long)
    opened = app()
    queue(opened, "a reason of many words, " * 10)
    machine = dict(os.environ) | {"COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-m", "digest", "deliveries", "--state", "unknown"],
        capture_output=True,
        text=True,
        env=machine,
        cwd=Path(__file__).parents[1],
        check=True,
    )
    assert done.stderr == ""
    (row,) = [line for line in done.stdout.splitlines() if long in line]
    assert "a reason of many words, " * 9 in row


def queue(app, reason):
    """A delivery in doubt for everybody."""
    made = app.store.editions.publish(edition())
    app.store.ledger.enqueue(made.id, [slot()], 10)
    with app.store.ledger.enlist() as worker:
        names = tuple(one.paper.id for one in made.items)
        claims = app.store.ledger.claim(
            made.id,
            0,
            worker=worker,
            now=NOON,
            limit=9,
            horizon=HOUR,
            choose=lambda *_: Choice(paper_ids=names),
        )
        verdict = Verdict(state=DeliveryState.UNKNOWN, reason=reason)
        app.store.ledger.record(worker, {claim.delivery_id: verdict for claim in claims})


# ── Workers, and the fence ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "dispatch", "reason"),
    [
        (("worker",), "inline", 'delivery.dispatch is "inline": nothing is left to workers'),
        (("worker",), "queue", 'delivery.dispatch is "queue", which needs PostgreSQL'),
        (("run",), "queue", "or DIGEST_DELIVERY__DISPATCH=inline"),
    ],
)
def test_a_queue_that_cannot_be_is_said_with_what_to_do(digest, variables, words, dispatch, reason):
    variables(delivery__dispatch=dispatch)
    code, _, err = digest(*words)
    assert code == 1
    assert reason in err


def test_a_run_with_a_queue_leaves_the_mails_to_workers(digest, outside, variables, database_url):
    variables(database_url=database_url, delivery__dispatch="queue")
    code, _, err = digest("run", *NOW)
    assert code == 1
    if "needs PostgreSQL" in err:
        return
    assert digest("db", "upgrade")[0] == 0
    digest("subscribers", "add", "ann@example.net", "--hour", "0", *NOW)
    code, out, err = digest("run", *NOW)
    assert (code, err, outside.accepted) == (0, "", [])
    assert "1 queued" in out
    _, out, _ = digest("deliveries")
    assert re.search(r"│ \w+ +│ +1 │ +0 │ +0 │ \d+ s ago", out), out
    assert "No worker is alive: nothing is sent until `digest worker` runs." in out


def test_the_queue_of_an_older_program_is_said(digest, variables, postgres_template):
    variables(database_url=postgres_template, delivery__dispatch="queue")
    code, _, err = digest("deliveries")
    assert code == 1
    assert "the queue is not there, this program needs" in err
    assert err.endswith("run `digest db upgrade`\n")


def test_a_restored_database_is_said_by_every_command_that_sends(digest, outside, app):
    digest("subscribers", "add", "ann@example.net", "--hour", "0", *NOW)
    digest("run", *NOW)
    assert len(outside.accepted) == 1
    with app().store._database.begin() as connection:  # what a backup of this morning knows
        connection.exec_driver_sql("DELETE FROM delivery")
        connection.exec_driver_sql("UPDATE fence SET beat = 0")
    code, _, err = digest("run", *NOW)
    assert code == 1
    assert "a backup was restored; nothing is queued or sent until you say" in err
    for words in (("deliveries",), ("doctor", *QUIET)):
        assert "a backup was restored" in digest(*words)[1]
    assert digest("deliveries", "release")[0] == 2  # one of the two has to be said
    code, out, _ = digest("deliveries", "release", "--skip-open", *NOW)
    assert (code, out) == (0, "Released: 0 deliveries given up.\n")
    code, _, err = digest("run", *NOW)
    assert (code, err) == (0, "")
    assert len(outside.accepted) == 1
    _, out, _ = digest("deliveries", "release", "--send", *NOW)
    assert out == "Nothing is held back: there is nothing to release.\n"
