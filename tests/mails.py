"""Every kind of mail into a folder, checked and photographed: ``make mails``.

python tests/mails.py FOLDER [CHECKER]

Writes NAME.eml, as a relay would take it, and screenshots of each (375 and 700 pixels, light and
dark). CHECKER, a folder with mailcheck.py and its tools, adds report.txt and report.json.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from email import policy
from email.parser import BytesParser
from pathlib import Path

from playwright.async_api import async_playwright
from screenshots import QUIET
from website import BASE, KEY, SENDER

from digest.app import App
from digest.cli.preview import Kind, claim_of
from digest.settings import load
from digest.sources.sample import SampleTransport

MORNING = datetime.fromisoformat("2026-01-15T12:00:00+00:00")
DAY = timedelta(days=1)
PAPERS = (1, 12, 40)
WIDTHS = (375, 700)
SHELF = Path(__file__).parents[2] / "shared" / "tools" / "mailcheck"


def mails(folder: Path) -> dict[str, bytes]:
    """Every kind by name, from the sample's papers: a daily digest of each of PAPERS, the rest."""
    moment = [MORNING - DAY]
    url = f"sqlite:///{folder}/mails.db"
    made = dict[str, bytes]()
    for papers in PAPERS:
        settings = load(
            environ={},
            database_url=url,
            base_url=BASE,
            secret_key=KEY,
            sender=SENDER,
            readers={"papers": papers},
            schedule={"quiet_days": "send"},
        )
        app = App(settings, clock=lambda: moment[0], transport=SampleTransport(lambda: moment[0]))
        if papers == PAPERS[0]:
            for at in (MORNING - DAY, MORNING):
                moment[0] = at
                asyncio.run(app.daily.collect(at))
                app.daily.edition(at)
        edition = app.store.editions.latest()
        wanted = Kind if papers == 12 else [Kind.DAILY]
        for number, kind in enumerate(wanted, len(made)):
            name = f"daily-{papers}" if kind is Kind.DAILY else kind.value
            claim = claim_of(app, kind, edition, number)
            made[name] = app.writer.write(claim, edition, MORNING).data
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
    """Runs the checker over the mails; its exit status. The change goes to who is on no list."""
    command = [sys.executable, str(checker / "mailcheck.py")]
    files = [str(folder / f"{name}.eml") for name in names if name != Kind.CHANGE]
    about = ["--postal-address", SENDER["postal_address"], "--json", str(folder / "report.json")]
    done = subprocess.run(
        [*command, *files, *about, *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    (folder / "report.txt").write_text(done.stdout + done.stderr, "utf-8")
    return done.returncode


def main(folder: Path, checker: Path) -> int:
    """Does everything; the checker's exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        made = mails(Path(place))
    for name, data in made.items():
        (folder / f"{name}.eml").write_bytes(data)
    pages = {name: page_of(data) for name, data in made.items()}
    for name, html in pages.items():
        sys.stdout.write(f"{name:10} {len(made[name]):7,} bytes, HTML {len(html.encode()):7,}\n")
    asyncio.run(photograph(folder, pages))
    if not (checker / "mailcheck.py").is_file():
        sys.stdout.write(f"not checked: no mailcheck at {checker}\n")
        return 0
    status = check(folder, checker, list(made))
    report = (folder / "report.txt").read_text("utf-8").splitlines()
    sys.stdout.write(
        "\n".join([*(row for row in report if row.startswith("FAIL")), report[-1], ""])
    )
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else SHELF))
