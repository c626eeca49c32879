"""Takes the README's screenshots from a running demonstration: ``make shots``.

python tests/screenshots.py docs
"""

import asyncio
import os
import sys
from pathlib import Path

from playwright.async_api import async_playwright

from digest.demo import Demo

QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


async def take(folder: Path) -> None:
    """The mail at 680 and the page at 1100 pixels."""
    program = os.environ.get("DIGEST_CHROMIUM", "/usr/bin/chromium")
    async with Demo(sample=True, port=0).running() as seen, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(QUIET))
        for name, path, width, height in (
            ("mail", "/inbox/3/html", 680, 1000),
            ("page", "/", 900, 1325),
        ):
            page = await browser.new_page(viewport={"width": width, "height": height})
            await page.goto(seen.url + path)
            await page.screenshot(path=folder / f"{name}.png")
        await browser.close()


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1])))
