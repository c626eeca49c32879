"""``digest bounces pipe`` under Postfix's own pipe(8), as README.md has operators configure it.

pipe(8) runs nothing as root, and the interpreter of the tests may lie where nobody else may look:
so it runs a script, which hands arguments and mail to the test, and ends as the command there did.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from bounced import dsn
from make import NOON, preferences
from postfix import Postfix, free_port
from test_bounces_postfix import BOUNCES, IMPATIENT, app, envelope, send
from website import KEY

from digest.intake import bounce_box, unsubscribe_box
from digest.model import Envelope, SubscriberState
from digest.verp import mark, unsubscribe_address, verp

__all__ = ["app"]  # a fixture

pytestmark = [pytest.mark.usefixtures("postfix_installed"), pytest.mark.timeout(180)]

HERE = Path(__file__).parents[1]
DAN = "dan@closed.example"
SCRIPT = """\
#!/bin/sh
umask 0
cat >{folder}/mail.$$
mkfifo {folder}/end.$$
echo $$ "$@" >{folder}/calls
read end <{folder}/end.$$
exit $end
"""


class Spool:
    """What the script hands over, and the command that is run with it.

    ``faults`` is what the environment has over its own at the next calls, one after the other.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.script, self._folder = folder / "script", folder
        self._environment, self.faults = environment, []
        self.heard: list[list[str]] = []
        self.script.write_text(SCRIPT.format(folder=folder))
        self.script.chmod(0o755)
        os.mkfifo(folder / "calls")
        (folder / "calls").chmod(0o666)

    def serve(self) -> None:
        # Open for both, so that it is never at its end.
        with os.fdopen(os.open(self._folder / "calls", os.O_RDWR)) as calls:
            for line in calls:
                number, *words = line.split()
                if not words:
                    return
                self.heard.append(words)
                over = self.faults.pop(0) if self.faults else {}
                with (self._folder / f"mail.{number}").open("rb") as mail:
                    done = subprocess.run(
                        [sys.executable, "-m", "digest", *words],
                        stdin=mail,
                        env=os.environ | self._environment | over,
                        cwd=HERE,
                        capture_output=True,
                        check=False,
                    )
                (self._folder / f"end.{number}").write_text(f"{done.returncode}\n")

    def stop(self) -> None:
        (self._folder / "calls").write_text("0\n")


@contextmanager
def piping(app, **over):
    """A Postfix that hands mail for the bounces' domain to the command, and what it handed over."""
    with tempfile.TemporaryDirectory(prefix="digest-pipe-") as folder:
        Path(folder).chmod(0o777)  # pytest's own folders are for their owner alone
        with _piping(app, Path(folder), over) as found:
            yield found


@contextmanager
def _piping(app, folder, over):
    environment = {
        "DIGEST_DATABASE_URL": app.settings.database_url.get_secret_value(),
        "DIGEST_SECRET_KEY": KEY,
        "DIGEST_BOUNCES__DOMAIN": BOUNCES,
    }
    spool = Spool(folder, environment)
    thread = threading.Thread(target=spool.serve)
    thread.start()
    closed = f"closed.example=smtp:[127.0.0.1]:{free_port()}"
    parameters = IMPATIENT | {
        "default_transport": "discard",
        "transport_maps": f"inline:{{{{ {BOUNCES}=digest: , {closed} }}}}",
        "digest_destination_recipient_limit": "1",
        **over,
    }
    # As in README.md, but for who it runs as and which program.
    service = (
        f"digest unix - n n - 1 pipe flags=R user=nobody argv={spool.script}"
        " bounces pipe --recipient ${{original_recipient}}"
    )
    try:
        with Postfix(parameters=parameters, services=[service]) as running:
            yield running, spool
    finally:
        spool.stop()
        thread.join(60)


def test_a_report_comes_in_through_the_pipe_of_a_real_postfix(app):
    app.subscriptions.add([(DAN, preferences())], NOON)
    with piping(app) as (postfix, spool):
        asyncio.run(send(app, postfix.port, envelope(app, 7, DAN)))
        postfix.said(r"to=<bounce\+.*relay=digest, .*status=sent", timeout=90)
        ((*words, to),) = spool.heard
    assert words == ["bounces", "pipe", "--recipient"]
    assert re.fullmatch(rf"bounce\+[a-z2-7]+@{BOUNCES}", to)
    ((event, action, _),) = app.store.bounces.recent()
    assert (event.kind, str(action), event.status) == ("soft bounce", "counted", "4.4.1")
    assert (event.delivery_id, event.fingerprint) == (7, mark(app.signer, DAN))


def test_what_cannot_be_stored_now_stays_with_postfix_and_comes_again(app):
    app.subscriptions.add([(DAN, preferences())], NOON)
    to = verp(app.signer, 7, DAN, bounce_box(app.settings.bounces))
    report = Envelope(sender="", recipient=to, message_id="<report@example.org>", data=dsn(to))
    # It comes again some seconds later: at once, Postfix may find it still locked by the first try.
    times = dict.fromkeys(("minimal_backoff_time", "maximal_backoff_time"), "5s")
    with piping(app, maximal_queue_lifetime="5m", **times) as (postfix, spool):
        spool.faults.append({"DIGEST_DATABASE_URL": "postgresql://127.0.0.1:1/nowhere"})
        asyncio.run(send(app, postfix.port, report))
        postfix.said(r"to=<bounce\+.*status=deferred \(temporary failure", timeout=90)
        postfix.said(r"to=<bounce\+.*relay=digest, .*status=sent", timeout=90)
        assert len(spool.heard) == 2
    assert [event.kind for event, _, _ in app.store.bounces.recent()] == ["hard bounce"]


def test_a_mail_to_the_unsubscribe_address_leaves_through_the_pipe(app):
    app.subscriptions.add([("fay@reader.example", preferences())], NOON)
    fay = app.store.roster.find(fingerprint=mark(app.signer, "fay@reader.example"))
    to = unsubscribe_address(app.signer, fay.key, unsubscribe_box(app.settings.bounces))
    with piping(app) as (postfix, _):
        asyncio.run(send(app, postfix.port, envelope(app, 1, to, sender="fay@reader.example")))
        postfix.said(r"to=<unsubscribe\+.*relay=digest, .*status=sent", timeout=90)
    assert app.store.roster.find(key=fay.key).state is SubscriberState.LEFT
