"""Webhooks of mail providers: each is there only once it is configured, and believed once checked.

403 for what is not the provider's, 503 where we cannot check it now (the provider comes again).
"""

import logging

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from digest.app import App
from digest.bounces.mailgun import Mailgun
from digest.errors import SignatureError, SourceError
from digest.web.answers import Service

_log = logging.getLogger(__name__)

routes = APIRouter(prefix="/webhooks")


@routes.post("/ses")
async def ses(app: Service, request: Request) -> Response:
    """Amazon SES over SNS."""
    sns = (await run_in_threadpool(lambda: app.intake)).sns
    if sns is None:
        raise HTTPException(404)
    try:
        notice = await sns.receive(await _body(request))
    except SignatureError as error:
        return _refuse(error)
    except SourceError as error:
        _log.warning("webhook put off: %s", error)
        return PlainTextResponse("cannot be checked now\n", 503)
    if notice is not None:
        await run_in_threadpool(app.intake.returns.take, notice, "ses", app.clock())
    return PlainTextResponse("taken\n")


@routes.post("/mailgun")
async def mailgun(app: Service, request: Request) -> Response:
    """Mailgun."""
    known = (await run_in_threadpool(lambda: app.intake)).mailgun
    if known is None:
        raise HTTPException(404)
    try:
        await run_in_threadpool(_take, app, known, await _body(request))
    except SignatureError as error:
        return _refuse(error)
    return PlainTextResponse("taken\n")


def _take(app: App, known: Mailgun, body: bytes) -> None:
    """A token is good once: the signature does not say for which event it was made."""
    token, notice = known.receive(body, app.clock())
    if not app.store.bounces.first_time(token, app.clock()):
        raise SignatureError("mailgun: this message came before")
    try:
        app.intake.returns.take(notice, "mailgun", app.clock())
    except BaseException:
        app.store.bounces.give_back(token)
        raise


async def _body(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect as error:
        raise SignatureError("a message without end") from error


def _refuse(error: SignatureError) -> Response:
    _log.warning("webhook refused: %s", error)
    return PlainTextResponse("not believed\n", 403)
