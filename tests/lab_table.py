"""The tables of docs/delivery.md, each row of which is tried: smtplab on one side, us on the other.

A row is tried with three readers: the one it is about, and one before and one after in the same
window, who must get their mail whatever happens to the other. What lasts is tried until our
deadline; what passes is over at the second try, as faults and limits are.
"""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fakes import FakeSource
from installation import installed, papers
from make import signal

from digest.mailer.smtp import SmtpMailer
from digest.model import DeliveryState

LAB = Path(__file__).parents[2] / "shared" / "tools" / "smtplab" / "smtplab.py"
DOCUMENT = Path(__file__).parents[1] / "docs" / "delivery.md"
HEAD = "| smtplab | the server | the ledger, at first | in the end | the reader has |"
WAITING = (DeliveryState.QUEUED, DeliveryState.DEFERRED)
MOST = 60  # tries


@dataclass(frozen=True)
class Row:
    """A line of a table, taken apart."""

    name: str  # `defer-`, or options of smtplab such as `--fault slow_down=1`
    does: str
    first: str
    last: str
    has: str

    @property
    def is_pattern(self):
        return not self.name.startswith("--")


@dataclass(frozen=True)
class Seen:
    """What became of the readers: the one in the middle, and whether the others had theirs once."""

    first: str
    last: str
    copies: int
    tries: int
    neighbours: bool


def rows(text):
    """The rows of all tables with our head in a document."""
    for table in text.split(HEAD)[1:]:
        for line in table.strip().splitlines()[1:]:
            if not line.startswith("|"):
                break
            yield Row(*(cell.strip().strip("`") for cell in line.strip("|").split(" | ")))


@contextmanager
def lab(ledger, *options, port=0):
    """Runs smtplab on its port, to the end of the block."""
    command = [sys.executable, LAB, "serve", "--ledger", ledger, "--port", str(port), *options]
    # No second has to pass between the two tries of a greylisted reader.
    command += ["--grey-seconds", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            while not line.startswith("smtplab on"):
                line = process.stdout.readline()
            yield int(line.partition(",")[0].rpartition(":")[2])
        finally:
            process.kill()


def tried(row, folder):
    """Tries a row with the real mailer and the real ledger."""
    ledger = folder / "ledger.jsonl"
    names = ["before", f"{row.name}x" if row.is_pattern else "x", "zoe"]
    worse = [] if row.is_pattern else row.name.split()
    tls = row.name.split()[1] if row.name.startswith("--tls ") else ""
    usual = ["--slow-seconds", "0.2", *(["--tls", tls] if tls else [])]
    bad, good = folder / "bad", folder / "good"  # each server has a certificate of its own
    with (
        lab(ledger, *usual, *worse, "--cert-dir", bad) as port,
        _installed(bad, port, tls) as house,
    ):
        house.join(*names)
        house.collect()
        house.queue()
        first = asyncio.run(_pass(house))[names[1]]
        if row.is_pattern:
            return _seen(names, first, _until_the_end(house), ledger)
    with (
        lab(ledger, *usual, "--cert-dir", good, port=port),
        _installed(good, port, tls) as house,
    ):
        return _seen(names, first, _until_the_end(house), ledger)


def _seen(names, first, last, ledger):
    mine, copies = last[names[1]], _copies(ledger)
    others = [names[0], names[2]]
    return Seen(
        first=f"{first.state}: {first.reason}",
        last=f"{mine.state}: {mine.reason}",
        copies=copies[names[1]],
        tries=mine.attempts,
        neighbours=all(last[one].state == "sent" and copies[one] == 1 for one in others),
    )


@contextmanager
def _installed(certificates, port, tls):
    """An installation beside the certificates; the same one for both lives of the server."""
    url = f"sqlite:///{certificates.parent}/table.db"
    source = FakeSource(papers(*range(1, 4), signals=[signal(5.0)]))
    relay = {"port": port, "timeout": 0.5, "connections": 1}
    if tls:
        ca_file = str(certificates / "cert.pem")
        relay |= {"tls": "tls" if tls == "implicit" else "starttls", "ca_file": ca_file}
    waits = {"window": 3, "first_retry_seconds": 3600, "deadline_hours": 9}
    with installed(url, source, smtp=relay, delivery=waits) as house:
        yield house


async def _pass(house):
    """One pass over the real mailer; the ledger after it, by reader."""
    mailer = house.delivery._mailer = SmtpMailer(house.app.settings.smtp, hostname="t.example")
    await house.delivery.run()
    await mailer.close()
    return house.ledger()


def _until_the_end(house):
    """Passes, each at the instant at which the next mail is due, until nothing waits."""
    for _ in range(MOST):
        again = [one.again_at for one in house.ledger().values() if one.state in WAITING]
        if not again:
            break
        house.now = max(house.now, *filter(None, again))
        asyncio.run(_pass(house))
    return house.ledger()


def _copies(ledger):
    lines = ledger.read_text("utf-8").splitlines() if ledger.exists() else ()
    return Counter(to.partition("@")[0] for line in lines for to in json.loads(line)["to"])
