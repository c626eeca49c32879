"""How the web door says things: pages, and what became of an error. Secrets are never repeated."""

import logging
from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from digest.app import App
from digest.errors import InputError, LinkError, StoreError, TooManyRequests
from digest.subscriptions import Origin
from digest.web.guard import HEADERS

_log = logging.getLogger(__name__)


async def _service(request: Request) -> App:
    return request.app.state.service  # type: ignore[no-any-return]


Service = Annotated[App, Depends(_service)]  # what a handler asks for
Links = Sequence[tuple[str, str]]


def page(app: App, name: str, status: int = 200, **context: object) -> HTMLResponse:
    """A rendered page."""
    return HTMLResponse(app.renderer.page(name, **context), status)


def message(
    app: App,
    title: str,
    *text: str,
    status: int = 200,
    tone: str = "plain",
    links: Links = (),
) -> HTMLResponse:
    """A page that only says something."""
    return page(app, "message", status, title=title, text=text, tone=tone, links=links)


def origin(request: Request, source: str) -> Origin:
    """Where a request comes from, for limits and consent."""
    ip = request.client.host if request.client else ""
    return Origin(source=source, ip=ip, agent=request.headers.get("user-agent", ""))


def wants_json(request: Request) -> bool:
    """Whether the other side is a program that sent JSON or asked for it."""
    sent = request.headers.get("content-type", "").startswith("application/json")
    return sent or request.headers.get("accept", "").startswith("application/json")


def handle_errors(web: FastAPI) -> None:
    """Registers what the errors of ``errors``, and our mistakes, look like over HTTP."""
    for kind, answer in (
        (LinkError, _bad_link),
        (InputError, _bad_input),
        (TooManyRequests, _too_many),
        (StoreError, _no_store),
        (HTTPException, _other),
        (RequestValidationError, _no_such_address),
        (Exception, _our_mistake),
    ):
        web.add_exception_handler(kind, answer)


def _answer(request: Request, status: int, title: str, text: str, field: str = "") -> Response:
    if wants_json(request):
        return JSONResponse({"errors": {field or "request": text}}, status)
    links = (("To the front page", "/"),)
    app = request.app.state.service
    return message(app, title, text, status=status, tone="bad", links=links)


def _bad_link(request: Request, error: Exception) -> Response:
    text = f"Sorry, {error}. You can subscribe again on the front page; it takes a minute."
    return _answer(request, 404, "This link does not work", text)


def _bad_input(request: Request, error: Exception) -> Response:
    field = error.field if isinstance(error, InputError) else ""
    return _answer(request, 422, "Please check what you entered", str(error), field)


def _too_many(request: Request, _error: Exception) -> Response:
    text = "Too many sign-ups came from your network. Please try again in an hour."
    response = _answer(request, 429, "Please wait a little", text)
    response.headers["Retry-After"] = "3600"
    return response


def _no_store(request: Request, error: Exception) -> Response:
    # Only the first part of the address: what follows may be a token.
    _log.error("path=/%s store: %s", request.url.path.split("/")[1], error)
    text = "The database cannot be reached. Nothing was lost; please try again in a minute."
    return _answer(request, 503, "Out of order for a moment", text)


def _other(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    titles = {404: "There is no such page", 405: "That is not possible here"}
    title = titles.get(status, "That did not work")
    response = _answer(request, status, title, "Please check the address.")
    if isinstance(error, HTTPException):
        response.headers.update(error.headers or {})
    return response


def _no_such_address(request: Request, _error: Exception) -> Response:
    """Only addresses have parts whose form the framework checks (``/inbox/one``)."""
    return _other(request, HTTPException(404))


def _our_mistake(_request: Request, _error: Exception) -> Response:
    """Without templates, which may be what failed, and outside the guard, so with its headers."""
    text = "Something went wrong on our side. It is in the log; please try again later.\n"
    return PlainTextResponse(text, 500, headers=HEADERS)
