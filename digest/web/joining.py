"""Joining and leaving: the sign-up form, the confirmation link, the unsubscribe link.

Mail scanners follow every link, so a GET only shows a button. The one-click POST of RFC 8058 needs
no cookie, no page before it and no body, and is answered without a redirect.
"""

import asyncio
import logging
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from digest import links, preferences
from digest.app import App
from digest.errors import DigestError, InputError, LinkError
from digest.preferences import Values
from digest.web.answers import Service, message, origin, page, wants_json
from digest.web.body import fields, one_text
from digest.web.reading import home

_log = logging.getLogger(__name__)

CHECK = (
    "Please check your inbox",
    "If this address can be subscribed, a mail with a confirmation link is on its way to it.",
    "The digest starts once you have confirmed. Nothing there? Look into the spam folder.",
)
MINE = "Please confirm that this address is yours."
LEFT = (
    "You are unsubscribed",
    "No more mails from this list will reach you, starting now.",
)

routes = APIRouter()


def post_soon(app: App, later: BackgroundTasks) -> None:
    """Sends waiting letters once the answer is out; what fails is left to the scheduler."""

    async def post() -> None:
        try:
            await asyncio.shield(app.post_letters())
        except DigestError as error:
            _log.warning("letters wait for the scheduler: %s", error)

    later.add_task(post)


@routes.post("/subscribe")
async def subscribe(
    app: Service, request: Request, later: BackgroundTasks, sent: Annotated[Values, Depends(fields)]
) -> Response:
    """Takes a sign-up; the answer is the same whether or not the address is known."""
    try:
        await run_in_threadpool(_sign_up, app, request, sent)
    except InputError as error:
        if wants_json(request):
            raise
        errors = {error.field: str(error)}
        return await run_in_threadpool(home, app, sent, errors, 422)
    post_soon(app, later)
    if wants_json(request):
        return JSONResponse({"status": "accepted", "message": " ".join(CHECK[1:])}, 202)
    return message(app, *CHECK, tone="good")


@routes.api_route("/confirm/{token}", methods=["GET", "HEAD"])
def ask_confirm(app: Service, token: str) -> HTMLResponse:
    """Shows a button, for good links and bad ones alike: only the POST tells."""
    return _ask(app, "One more click", MINE, f"/confirm/{token}", "Yes, confirm")


@routes.post("/confirm/{token}")
def confirm(app: Service, token: str, request: Request, later: BackgroundTasks) -> HTMLResponse:
    """Makes the reader active."""
    reader = app.subscriptions.confirm(token, origin(request, "web"), app.clock())
    post_soon(app, later)
    chosen = app.signer.token(links.PREFERENCES, reader.key)
    wish = reader.preferences
    when = f"{wish.hour:02}:00, {wish.zone.replace('_', ' ')} time"
    return message(
        app,
        "You are subscribed",
        f"Your digest comes at {when}. Every mail has a link to change that, or to leave.",
        tone="good",
        links=(
            ("Choose topics, days and more", f"/preferences/{chosen}"),
            ("Read the editions so far", "/editions"),
        ),
    )


@routes.api_route("/move/{token}", methods=["GET", "HEAD"])
def ask_move(app: Service, token: str) -> HTMLResponse:
    """Shows a button."""
    return _ask(app, "One more click", MINE, f"/move/{token}", "Yes, send it here")


@routes.post("/move/{token}")
def move(app: Service, token: str, request: Request) -> HTMLResponse:
    """Sends the digest to a new address from now on."""
    app.subscriptions.confirm_change(token, origin(request, "web"), app.clock())
    title, text = "Your new address is confirmed", "From now on the digest comes here."
    return message(app, title, text, tone="good")


@routes.api_route("/unsubscribe/{token}", methods=["GET", "HEAD"])
def ask_unsubscribe(app: Service, token: str) -> HTMLResponse:
    """Shows a button."""
    text = "One click, and no more mails from this list will reach you."
    return _ask(app, "Unsubscribe?", text, f"/unsubscribe/{token}", "Unsubscribe")


@routes.post("/unsubscribe/{token}")
def unsubscribe(app: Service, token: str, request: Request, later: BackgroundTasks) -> HTMLResponse:
    """The same page for every token, so that nobody can try out which are good."""
    try:
        app.subscriptions.leave(token, origin(request, "web"), app.clock())
        post_soon(app, later)
    except LinkError:
        _log.info("an unsubscribe link that is not ours was used")
    return message(app, *LEFT, tone="good", links=(("Subscribe again", "/#subscribe"),))


@routes.api_route("/undo/{token}", methods=["GET", "HEAD"])
def ask_undo(app: Service, token: str) -> HTMLResponse:
    """Shows a button."""
    text = "One click, and the digest comes again, as you had chosen it."
    return _ask(app, "Subscribe again?", text, f"/undo/{token}", "Yes, keep the digest")


@routes.post("/undo/{token}")
def undo(app: Service, token: str, request: Request) -> HTMLResponse:
    """Takes a leaving back."""
    app.subscriptions.undo(token, origin(request, "web"), app.clock())
    text = "Your digest comes again, with everything as you had chosen it."
    return message(app, "Welcome back", text, tone="good")


def _ask(app: App, title: str, text: str, action: str, button: str) -> HTMLResponse:
    return page(
        app,
        "ask",
        title=title,
        text=(text,),
        action=action,
        button=button,
        links=(("To the front page", "/"),),
        fields=(),
    )


def _sign_up(app: App, request: Request, sent: Values) -> None:
    """Takes the form. A filled honeypot is thanked like everybody and forgotten."""
    if sent.get("website"):
        _log.info("a sign-up with a filled honeypot was dropped")
        return
    email = one_text(sent, "email")
    now = app.clock()
    chosen = {name: value for name, value in sent.items() if name in ("hour", "zone")}
    wish = preferences.parse(chosen, app.defaults, offered=(), today=now.date())
    source = "json" if wants_json(request) else "web"
    app.subscriptions.sign_up(email, wish, origin(request, source), now)
