"""Every kind of mail into a folder, checked and photographed: ``make mails``.

python tests/mails.py FOLDER [CHECKER]

Writes NAME.eml, as a relay would take it, and screenshots of each (375 and 700 pixels, light and
dark). CHECKER, a folder with mailcheck.py and its tools, adds report.txt; change.txt of the letter
to a new address, which is on no list, so that what is said of lists fails there; and click.txt,
what a running service answers to one click. What is found wrong is the exit status.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import policy
from email.parser import BytesParser
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.async_api import async_playwright
from screenshots import QUIET
from website import BASE, KEY, SENDER, served, website

from digest.app import App
from digest.cli.preview import Kind, claim_of, shown
from digest.intake import dkim_signer
from digest.model import Edition
from digest.settings import load
from digest.sources.sample import SampleTransport

MORNING = datetime.fromisoformat("2026-01-15T12:00:00+00:00")
# Said of a mail to somebody who is on the list; a letter to a new address is to nobody who is.
OF_THE_LIST = frozenset({"C01", "C02", "C06", "C07", "C14", "C15", "C16", "E02", "E03"})
DAY = timedelta(days=1)
PAPERS = (1, 12, 40)
WIDTHS = (375, 700)
SHELF = Path(__file__).parents[2] / "shared" / "tools" / "mailcheck"
BOUNCES = "bounce.digest.example.org"
KEY_FILE, RECORD = "dkim.pem", "dkim.txt"


def key_of(folder: Path) -> dict[str, str]:
    """A key to sign with, made there, as settings."""
    made = rsa.generate_private_key(65537, 2048)
    path = folder / KEY_FILE
    path.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    domain = SENDER["address"].rpartition("@")[2]
    return {"domain": domain, "selector": "one", "key_file": str(path)}


def enough(edition: Edition, papers: int) -> Edition:
    """The edition with as many papers at least: the sample has fewer than anybody may choose."""
    items = list(edition.items)
    for item in edition.items[: max(0, papers - len(items))]:
        paper = replace(item.paper, id=f"{item.paper.id}-again")
        items.append(replace(item, rank=len(items) + 1, paper=paper, section="trending"))
    return replace(edition, id=edition.id[1:] + edition.id[:1], items=tuple(items))


def mails(folder: Path, now: datetime = MORNING) -> dict[str, bytes]:
    """Every kind by name, from the sample's papers: a daily digest of each of PAPERS, the rest.

    They are signed; the record to check that with is left in the folder.
    """
    moment = [now - DAY]
    key, made = key_of(folder), dict[str, bytes]()
    for papers in PAPERS:
        settings = load(
            environ={},
            database_url=f"sqlite:///{folder}/mails.db",
            base_url=BASE,
            secret_key=KEY,
            sender=SENDER,
            bounces={"domain": BOUNCES},
            dkim=key,
            readers={"papers": papers},
            schedule={"quiet_days": "send"},
        )
        app = App(settings, clock=lambda: moment[0], transport=SampleTransport(lambda: moment[0]))
        if papers == PAPERS[0]:
            ((_, record),) = dkim_signer(settings.dkim).records()
            (folder / RECORD).write_text(record, "utf-8")
            for at in (now - DAY, now):
                moment[0] = at
                asyncio.run(app.daily.collect(at))
                app.daily.edition(at)
        edition = enough(app.store.editions.latest(), papers)
        wanted = Kind if papers == 12 else [Kind.DAILY]
        for number, kind in enumerate(wanted, len(made)):
            name, issue = (
                f"daily-{papers}" if kind is Kind.DAILY else kind.value,
                shown(kind, edition),
            )
            claim = claim_of(app, kind, issue, number)
            made[name] = app.writer.write(claim, issue, now).data
        app.store.close()
    return made


def page_of(data: bytes) -> str:
    """The HTML of a mail."""
    message = BytesParser(policy=policy.default).parsebytes(data)
    return message.get_body(("html",)).get_content()


async def photograph(folder: Path, pages: dict[str, str]) -> None:
    """Each page at each width in both schemes, whole; the network is closed to it."""
    program = os.environ.get("DIGEST_CHROMIUM", "/usr/bin/chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(QUIET))
        for width in WIDTHS:
            for scheme in ("light", "dark"):
                context = await browser.new_context(
                    viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True
                )
                page = await context.new_page()
                for name, html in pages.items():
                    await page.set_content(html)
                    path = folder / f"{name}-{width}-{scheme}.png"
                    await page.screenshot(path=path, full_page=True)
                await context.close()
        await browser.close()


def check(folder: Path, checker: Path, names: list[str], *options: str) -> int:
    """Runs the checker over the mails; its exit status."""
    files = [str(folder / f"{name}.eml") for name in names if name != Kind.CHANGE]
    status = _run(checker, folder / "report", *files, *_about(folder), *options)
    if Kind.CHANGE not in names:
        return status
    _run(checker, folder / "change", str(folder / "change.eml"), *_about(folder), *options)
    rows = json.loads((folder / "change.json").read_text("utf-8"))
    return status or any(r["status"] == "FAIL" and r["id"] not in OF_THE_LIST for r in rows)


def _about(folder: Path) -> list[str]:
    name = f"one._domainkey.{SENDER['address'].rpartition('@')[2]}"
    signed = ["--require-dkim", "--dkim-key", f"{name}={folder / RECORD}"]
    return ["--postal-address", SENDER["postal_address"], *signed * (folder / RECORD).exists()]


def check_click(folder: Path, checker: Path) -> int:
    """Has the checker leave a list by one click, at a service that runs here; its exit status."""
    ask = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchall())"
    state = "select id, state from subscriber order by id"
    with tempfile.TemporaryDirectory() as place, website(Path(place)) as site:
        reader = site.reader("ada@reader.example.net")
        site.app._transport = SampleTransport(site.clock)
        site.do(lambda: site.app.daily.collect(site.clock()))
        issue, _ = site.app.daily.edition(site.clock())
        claim = replace(claim_of(site.app, Kind.DAILY, issue), subscriber=reader)
        mail = folder / "click.eml"
        mail.write_bytes(site.app.writer.write(claim, issue, site.clock()).data)
        command = f'{sys.executable} -c "{ask}" {site.file} "{state}"'
        with served(site.client.app) as url:
            about = ["--postal-address", SENDER["postal_address"], "--no-tools"]
            live = ["--live", url, "--state-cmd", command]
            return _run(checker, folder / "click", str(mail), *about, *live)


def _run(checker: Path, report: Path, *arguments: str) -> int:
    done = subprocess.run(
        [sys.executable, str(checker / "mailcheck.py"), "--json", f"{report}.json", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    Path(f"{report}.txt").write_text(done.stdout + done.stderr, "utf-8")
    return done.returncode


def tell(folder: Path, made: dict[str, bytes]) -> None:
    """A line for each mail, and what was found wrong or not looked at."""
    names = ("report", "change", "click")
    rows = [row for one in names for row in json.loads((folder / f"{one}.json").read_text("utf-8"))]
    scores = {
        Path(row["file"]).stem: re.search(r"score (\S+)", row["evidence"])[1]
        for row in rows
        if row["id"] == "E10" and row["evidence"].startswith("score")
    }
    sys.stdout.write("mail         bytes    HTML  SpamAssassin\n")
    for name, data in made.items():
        html = len(page_of(data).encode())
        sys.stdout.write(f"{name:10} {len(data):7,} {html:7,}  {scores.get(name, '-')}\n")
    for report in names:
        lines = (folder / f"{report}.txt").read_text("utf-8").splitlines()
        told = [line for line in lines if line.startswith(("FAIL", "WARN", "SKIP"))]
        if report == "change":
            told = [line for line in told if line.split()[1] not in OF_THE_LIST]
            told.append(f"left out, as said of lists: {', '.join(sorted(OF_THE_LIST))}")
        sys.stdout.write("\n".join([f"\n{report}.txt", *dict.fromkeys(told), lines[-1], ""]))


def main(folder: Path, checker: Path) -> int:
    """Does everything; the checker's exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        # As of now: a mail that is months old looks like spam by that alone.
        made = mails(Path(place), datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
        (folder / RECORD).write_text((Path(place) / RECORD).read_text("utf-8"), "utf-8")
    for name, data in made.items():
        (folder / f"{name}.eml").write_bytes(data)
    asyncio.run(photograph(folder, {name: page_of(data) for name, data in made.items()}))
    if not (checker / "mailcheck.py").is_file():
        sys.stdout.write(f"not checked: no mailcheck at {checker}\n")
        return 0
    statuses = check(folder, checker, list(made)), check_click(folder, checker)
    tell(folder, made)
    return max(statuses)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else SHELF))
