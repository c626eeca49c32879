"""What the operator's machines ask: is it alive, can it work."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from digest.errors import StoreError
from digest.web.answers import Service

routes = APIRouter()


@routes.api_route("/healthz", methods=["GET", "HEAD"])
def alive() -> PlainTextResponse:
    """The process answers."""
    return PlainTextResponse("ok\n")


@routes.api_route("/readyz", methods=["GET", "HEAD"])
def ready(app: Service) -> PlainTextResponse:
    """The database is there and of this version."""
    try:
        app.store.check()
    except StoreError:
        return PlainTextResponse("the database cannot be used\n", 503)
    return PlainTextResponse("ok\n")
