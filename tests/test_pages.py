"""The pages in a real browser: with and without JavaScript, by keyboard, narrow and wide."""

import asyncio
import itertools
import re
import threading
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect, sync_playwright

from digest.demo import READER, Demo

pytestmark = pytest.mark.browser

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTHS = (375, 1280)


class Shown:
    """A demonstration in a thread of its own: ``url`` is where."""

    def __init__(self, demo, seen, loop):
        self.url, self._inbox, self._loop = seen.url, demo._inbox, loop

    def letter_to(self, address):
        """Waits for the first mail to that address; where the inbox shows it."""

        def arrived():
            return [mail for mail in self._inbox.received() if mail.to == address]

        async def wait():
            async with self._inbox._arrived:
                await asyncio.wait_for(self._inbox._arrived.wait_for(arrived), 20)
            return f"/inbox/{arrived()[-1].id}"

        return asyncio.run_coroutine_threadsafe(wait(), self._loop).result(30)


@contextmanager
def shown():
    """Runs the demonstration beside the block."""
    told, ready, found = asyncio.Event(), threading.Event(), []

    async def run():
        demo = Demo(port=0, sample=True)
        try:
            async with demo.running() as seen:
                found.append(Shown(demo, seen, asyncio.get_running_loop()))
                ready.set()
                await told.wait()
        finally:
            ready.set()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert ready.wait(60)
    (one,) = found
    try:
        yield one
    finally:
        one._loop.call_soon_threadsafe(told.set)
        thread.join(30)


@pytest.fixture(scope="module")
def demo(chromium):  # noqa: ARG001 - without a browser nothing needs to be shown
    with shown() as demo:
        yield demo


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, demo):
    """Opens a window of that width at a path; nothing may go wrong in it or leave this machine."""
    contexts, wrong = [], []

    def hear(said):
        if said.type == "error" and "status of 422" not in said.text:  # the answer to a bad form
            wrong.append(said.text)

    def follow(request):
        if not request.url.startswith(demo.url):
            wrong.append(request.url)

    def watch(page):
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", hear)

    def visit(path, width=1280, **over):
        usual = {"viewport": {"width": width, "height": 900}, "timezone_id": "Asia/Tokyo"}
        context = browser.new_context(base_url=demo.url, **usual | over)
        contexts.append(context)
        context.set_default_timeout(10_000)
        context.on("page", watch)
        context.on("request", follow)
        page = context.new_page()
        page.goto(path)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert wrong == []  # what the policy refuses is an error in the console, too


def fits(page):
    """Whether nothing has to be scrolled sideways."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


NUMBERS = itertools.count(1)


def fresh_address():
    """An address that no other test has."""
    return f"reader-{next(NUMBERS)}@example.org"


# ── Joining ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("width", WIDTHS)
def test_from_the_form_to_the_mail_to_the_preferences_and_out_again(visit, demo, width):
    page, address = visit("/", width), fresh_address()
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")  # the browser's own
    page.get_by_label("Email address").fill(address)
    page.get_by_label("Hour").select_option("18:00")
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Please check your inbox")
    assert fits(page)

    page.goto(demo.letter_to(address))
    button = page.frame_locator("iframe").get_by_role("link", name="Confirm the subscription")
    with page.context.expect_page() as opened:  # out of the frame, which may not leave its place
        button.click()
    page = opened.value
    expect(page.get_by_role("heading", level=1)).to_have_text("One more click")
    page.get_by_role("button", name="Yes, confirm").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are subscribed")
    expect(page.get_by_text("18:00, Asia/Tokyo time")).to_be_visible()

    page.get_by_role("link", name="Choose topics, days and more").click()
    page.get_by_label("Hour").select_option("06:00")
    page.get_by_label("Sunday").uncheck()
    page.get_by_label("Artificial Intelligence").check()
    page.get_by_label("Papers, at most").select_option("20")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    assert fits(page)
    page.reload()
    expect(page.get_by_label("Hour")).to_have_value("6")
    expect(page.get_by_label("Sunday")).not_to_be_checked()
    expect(page.get_by_label("Monday")).to_be_checked()
    expect(page.get_by_label("Artificial Intelligence")).to_be_checked()

    page.get_by_role("link", name="Unsubscribe").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Unsubscribe?")
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
    assert fits(page)


def test_without_javascript_everything_is_the_same_but_the_guessed_zone(visit, demo):
    page, address = visit("/", 375, java_script_enabled=False), fresh_address()
    expect(page.get_by_label("Time zone")).to_have_value("UTC")
    page.get_by_label("Email address").fill(address)
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Please check your inbox")
    page.goto(demo.letter_to(address))
    link = re.search(r"/confirm/\S+", page.locator("pre").inner_text())[0]
    page.goto(link)
    page.get_by_role("button", name="Yes, confirm").click()
    expect(page.get_by_text("07:00, Europe/Berlin time")).to_be_visible()


def test_the_form_can_be_filled_and_sent_without_a_mouse(visit, demo):
    page, address = visit("/"), fresh_address()
    press = page.keyboard.press
    press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    press("Enter")
    press("Tab")
    expect(page.get_by_label("Email address")).to_be_focused()
    page.keyboard.type(address)
    press("Tab")
    expect(page.get_by_label("Hour")).to_be_focused()
    page.keyboard.type("09")
    press("Tab")
    expect(page.get_by_label("Time zone")).to_be_focused()
    press("Tab")  # the honeypot is passed over
    expect(page.get_by_role("button", name="Subscribe")).to_be_focused()
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"  # one sees where one is
    press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Please check your inbox")
    page.goto(demo.letter_to(address))
    expect(page.locator("pre")).to_contain_text("at 09:00 (Asia/Tokyo)")


def test_a_typed_zone_is_kept_when_the_form_comes_back(visit):
    page = visit("/")
    page.get_by_label("Time zone").select_option("Europe/Lisbon")
    page.goto("/editions")
    page.go_back()
    expect(page.get_by_label("Email address")).to_be_visible()
    page.get_by_label("Time zone").select_option("Europe/Lisbon")
    page.get_by_label("Email address").fill("not-an-address@example")
    with page.expect_response("**/subscribe") as answered:
        page.get_by_role("button", name="Subscribe").click()
    assert answered.value.status == 422
    alert = page.get_by_role("alert")
    expect(alert).to_be_visible()
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Lisbon")
    expect(page.get_by_label("Email address")).to_have_value("not-an-address@example")
    alert.get_by_role("link").click()
    expect(page.get_by_label("Email address")).to_be_focused()


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────

PATHS = ("/", "/editions", "/inbox", "/inbox/1", "/inbox/3", "/inbox/3/html")


@pytest.mark.parametrize(("width", "scheme"), [(375, "dark"), (1280, "light")])
def test_every_page_fits_its_window_and_asks_nobody_else(visit, width, scheme):
    page = visit("/", width, color_scheme=scheme)
    for path in PATHS:
        page.goto(path)
        assert fits(page), path
    page.goto("/editions")
    page.locator(".archive a").first.click()
    expect(page.locator("article").first).to_be_visible()
    for summary in page.locator("summary").all()[:3]:
        summary.click()
    expect(page.locator("table.score").first).to_be_visible()
    assert fits(page)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) > 3 * 128) == (scheme == "light")


def test_the_mail_stands_in_its_frame_and_leads_to_its_own_edition(visit):
    page = visit("/inbox")
    page.get_by_role("listitem").filter(has_text=READER).first.get_by_role("link").click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", level=1)).to_be_visible()
    with page.context.expect_page() as opened:
        frame.get_by_role("link", name="Read this edition on the web").click()
    edition = opened.value
    expect(edition.get_by_text("Exactly the papers of your mail.")).to_be_visible()
    titles = edition.get_by_role("heading", level=3).all_inner_texts()
    assert len(titles) > 5
    expect(frame.get_by_role("heading", level=3)).to_have_text(titles)


@pytest.mark.parametrize(("width", "scheme"), [(375, "dark"), (1280, "light")])
def test_a_paper_of_a_mail_is_rated_by_keyboard_without_javascript(visit, width, scheme):
    page = visit("/inbox/3", width, java_script_enabled=False, color_scheme=scheme)
    with page.context.expect_page() as opened:
        page.frame_locator("iframe").get_by_role("link", name="More or less like this").last.click()
    rating = opened.value
    expect(rating.get_by_text("You have not said yet.")).to_be_visible()
    assert fits(rating)
    rating.get_by_role("button", name="Less like this").focus()
    rating.keyboard.press("Enter")
    expect(rating.get_by_role("heading", name="Thank you")).to_be_visible()
    pressed = rating.get_by_role("button", pressed=True)
    expect(pressed).to_have_text("Less like this")
    rating.get_by_role("button", name="Take it back").focus()
    rating.keyboard.press("Space")
    expect(rating.get_by_role("heading", name="Taken back")).to_be_visible()
    expect(pressed).to_have_count(0)


def test_no_script_runs_in_the_frame_of_a_mail(visit):
    page = visit("/inbox/3")
    sandbox = page.locator("iframe").get_attribute("sandbox")
    assert "allow-scripts" not in sandbox
    assert "allow-same-origin" not in sandbox
    assert page.evaluate("document.querySelector('iframe').contentDocument") is None
