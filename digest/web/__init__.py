"""The web door: pages and endpoints over HTTP. It holds no rule; a GET never changes anything.

reading      /  /editions  /editions/{day}                  anybody
tops         /top  /top/{week or month}  /sitemap.xml       anybody
joining      /subscribe  /confirm/{token}  /unsubscribe/{token}
preferences  /preferences/{token} …                         who has the link
opinions     /rate/{rank}/{ticket}                          who has the mail
webhooks     /webhooks/ses  /webhooks/mailgun               mail providers, where configured
health       /healthz  /readyz                              the operator's machines
mailbox      /inbox …                                       the demonstration only
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from digest.app import App
from digest.settings import resource
from digest.web import health, joining, mailbox, opinions, preferences, reading, tops, webhooks
from digest.web.answers import handle_errors
from digest.web.guard import Guard

__all__ = ["create"]

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create(
    app: App, *, inbox: mailbox.Inbox | None = None, lifespan: Lifespan | None = None
) -> FastAPI:
    """The web application.

    Args:
        app: what it speaks for.
        inbox: the demonstration's mails, shown under ``/inbox``.
        lifespan: what runs beside it (the scheduler, in ``digest serve``).
    """
    web = FastAPI(
        title=app.settings.site.name,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # a redirect takes its host from the request, and carries the token
        lifespan=lifespan,
    )
    web.state.service = app
    for part in (reading, tops, joining, preferences, opinions, webhooks, health):
        web.include_router(part.routes)
    if inbox is not None:
        web.state.inbox = inbox
        web.include_router(mailbox.routes)
    static = resource("templates") / "web" / "static"
    web.mount("/static", StaticFiles(directory=static), name="static")
    handle_errors(web)
    web.add_middleware(Guard)
    return web
