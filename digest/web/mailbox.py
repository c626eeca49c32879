"""The demonstration's mails, shown: a mail's HTML stands in a frame that may do nothing."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from digest.model import ReceivedMail
from digest.web.answers import Service, page
from digest.web.guard import POLICY

FRAME = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


class Inbox(Protocol):
    """Whoever keeps the mails."""

    def received(self) -> Sequence[ReceivedMail]:
        """All of them, newest first."""


async def _inbox(request: Request) -> Inbox:
    return request.app.state.inbox  # type: ignore[no-any-return]


routes = APIRouter(prefix="/inbox")
Mails = Annotated[Inbox, Depends(_inbox)]


@routes.get("")
def mails(app: Service, inbox: Mails) -> HTMLResponse:
    """All mails."""
    return page(app, "inbox", mails=[asdict(one) for one in inbox.received()])


@routes.get("/{number}")
def mail(app: Service, inbox: Mails, number: int) -> HTMLResponse:
    """One mail, with its HTML in a frame."""
    shown = page(app, "inbox_mail", mail=asdict(_find(inbox, number)))
    shown.headers["Content-Security-Policy"] = f"{POLICY}; frame-src 'self'"
    return shown


@routes.get("/{number}/html")
def html(inbox: Mails, number: int) -> HTMLResponse:
    """What stands in the frame; its links open outside of it, since it may not leave its place."""
    mail = _find(inbox, number).html.replace("<head>", '<head><base target="_blank">', 1)
    shown = HTMLResponse(mail)
    sandbox = "sandbox allow-popups allow-popups-to-escape-sandbox"
    shown.headers["Content-Security-Policy"] = f"{FRAME}; frame-ancestors 'self'; {sandbox}"
    return shown


@routes.get("/{number}/source")
def source(inbox: Mails, number: int) -> PlainTextResponse:
    """The mail's bytes."""
    return PlainTextResponse(_find(inbox, number).source)


def _find(inbox: Inbox, number: int) -> ReceivedMail:
    found = next((mail for mail in inbox.received() if mail.id == number), None)
    if found is None:
        raise HTTPException(404)
    return found
