"""The demonstration, as somebody sees it who has just fetched the project."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path

import httpx2
import pytest

from digest import loop
from digest.demo import READER, Demo
from digest.model import DeliveryState

ROOT = Path(__file__).parents[1]
# Runs the program as ``python -m digest`` does, and tells every address that it connects to.
WATCHED = """
import runpy, sys
def watch(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
        address = args[1] if event != "socket.getaddrinfo" else args[0]
        host = address[0] if isinstance(address, tuple) else address
        if host not in ("127.0.0.1", "::1", "localhost", None):
            sys.stderr.write(f"OUTSIDE {event} {address}\\n")
sys.addaudithook(watch)
runpy.run_module("digest", run_name="__main__", alter_sys=True)
"""


def command(*arguments):
    return [sys.executable, "-c", WATCHED, "demo", "--sample", *map(str, arguments)]


def environment():
    """The machine's, with the project in the path, and without a terminal's width."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}


def once(folder, *arguments):
    """Runs it to its end, in that folder; what it said."""
    done = subprocess.run(
        command("--once", *arguments),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@contextmanager
def taken_port():
    """A port on which somebody listens already."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_it_delivers_a_digest_leaves_three_mails_and_reaches_nobody_outside(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with taken_port() as port:
        said = once(elsewhere, "--save-mail", tmp_path / "mails", "--port", port)
    assert "The bundled sample is in use" in said
    assert "The digest arrived: " in said
    assert f"127.0.0.1:{port}/" not in said  # taken: another one was found
    assert re.search(r"http://127\.0\.0\.1:\d+/inbox", said)
    assert [path.name for path in sorted((tmp_path / "mails").iterdir())] == [
        "001.eml",
        "002.eml",
        "003.eml",
    ]
    letter, _, digest = (
        message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in sorted((tmp_path / "mails").iterdir())
    )
    assert letter["to"] == digest["to"] == READER
    assert "/confirm/" in letter.get_body(("plain",)).get_content()
    assert digest["subject"] in said
    assert digest["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert list(elsewhere.iterdir()) == []  # what it made is gone, but for what was asked for


def test_its_watcher_sees_who_looks_outside():
    look = 'import socket\ntry: socket.create_connection(("192.0.2.1", 9), 0.01)\nexcept OSError: 0'
    program = WATCHED.replace(
        'runpy.run_module("digest", run_name="__main__", alter_sys=True)', look
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert "OUTSIDE socket.connect" in done.stderr


def wait_for(process, words, seconds=30):
    """What the process says until it says those words."""
    said = ""
    while words not in said:
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        assert ready, f"it did not say {words!r} but {said!r}"
        more = os.read(process.stdout.fileno(), 65536).decode()
        assert more, f"it ended after {said!r}"
        said += more
    return said


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_it_serves_its_pages_until_it_is_told_to_end(tmp_path, name):
    process = subprocess.Popen(
        command("--port", 0, "--folder", tmp_path / "kept"),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        try:
            said = wait_for(process, "Serving until Ctrl-C.")
            url = re.search(r"http://127\.0\.0\.1:\d+", said)[0]
            for path, words in (
                ("/", "Get the digest"),
                ("/editions", "papers"),
                ("/inbox", READER),
                ("/inbox/3", "The mail as HTML"),
                ("/readyz", "ok"),
            ):
                assert words in httpx2.get(url + path).text
            process.send_signal(signal.Signals[name])
            _, errors = process.communicate(timeout=20)
            assert (process.returncode, errors) == (0, b"")
        finally:
            process.kill()
    assert (tmp_path / "kept" / "demo.db").is_file()


@pytest.mark.parametrize(
    "now",
    [
        "2026-01-15T00:00:00+00:00",  # the first instant of a day: nothing was seen before
        "2026-01-01T01:00:00+00:00",
        "2026-01-18T12:00:00+00:00",  # a Sunday, when nobody announces anything
        "2028-02-29T22:30:00+00:00",
        "2026-10-25T00:30:00+00:00",  # between summer and winter time, in Europe
    ],
)
def test_it_has_a_digest_at_any_time_of_any_day(tmp_path, now):
    async def show():
        start = datetime.fromisoformat(now)
        demo = Demo(save_mail=tmp_path, port=0, start=start, sample=True)
        async with demo.running() as seen:
            return seen

    seen = loop.run(show())
    assert seen.is_sample
    assert seen.report.delivered.outcomes == {DeliveryState.SENT: 1}
    assert seen.subject
    mails = [path.read_bytes() for path in sorted(tmp_path.glob("*.eml"))]
    assert len(mails) == 3
    words = message_from_bytes(mails[2], policy=policy.default).get_body(("plain",)).get_content()
    assert "SLOW BURNERS" in words
    assert "57 votes today after" in words
    assert re.search(r"No\. \d+, (▲ up|▼ down) \d+ since", words)  # there is a yesterday


def test_without_a_network_it_takes_the_sample_and_says_so(tmp_path, monkeypatch):
    """Sources that nobody serves: a connection is refused, on loopback."""
    with taken_port() as port:
        pass  # and free again
    for source in ("ARXIV", "HUGGINGFACE"):
        monkeypatch.setenv(f"DIGEST_SOURCES__{source}__BASE_URL", f"http://127.0.0.1:{port}")

    async def show():
        async with Demo(folder=tmp_path, port=0).running() as seen:
            return seen

    seen = loop.run(show())
    assert seen.is_sample
    assert seen.subject


def test_its_mails_go_to_the_built_in_inbox_whatever_relay_the_operator_has(tmp_path, monkeypatch):
    with taken_port() as port:  # a relay that would take the mail, and never answers
        monkeypatch.setenv("DIGEST_SMTP__HOST", "127.0.0.1")
        monkeypatch.setenv("DIGEST_SMTP__PORT", str(port))
        monkeypatch.setenv("DIGEST_SMTP__USERNAME", "operator")
        monkeypatch.setenv("DIGEST_SMTP__TLS", "tls")
        monkeypatch.setenv("DIGEST_SENDER__REPLY_TO", "operator@example.org")
        monkeypatch.setenv("DIGEST_DATABASE_URL", "postgresql://operator@127.0.0.1:1/real")
        monkeypatch.setenv("DIGEST_BASE_URL", "https://real.example.org")

        async def show():
            async with Demo(save_mail=tmp_path, port=0, sample=True).running() as seen:
                return seen

        seen = loop.run(show())
    assert seen.subject
    for path in tmp_path.glob("*.eml"):
        assert b"real.example.org" not in path.read_bytes()
