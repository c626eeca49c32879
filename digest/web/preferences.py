"""The preferences page of who has its link: choose, move, download, delete."""

from dataclasses import replace
from datetime import date
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse

from digest import links, preferences, taste
from digest.app import App
from digest.compose import BEYOND
from digest.errors import InputError
from digest.model import Preferences, Subscriber
from digest.preferences import MOST_PAPERS, Values, zones
from digest.ranking import timing
from digest.taxonomy import CATEGORIES
from digest.web.answers import Service, message, origin, page
from digest.web.body import fields, one_text
from digest.web.joining import post_soon

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LISTS = ("days", "categories")  # a form sends nothing for boxes that are not ticked

routes = APIRouter(prefix="/preferences/{token}")


def show(
    app: App,
    token: str,
    reader: Subscriber,
    *,
    errors: dict[str, str] | None = None,
    notice: str = "",
    chosen: Preferences | None = None,
    email: str = "",
) -> HTMLResponse:
    """The page, with what went wrong or right, and ``chosen`` and ``email`` as they were typed."""
    leave = app.signer.token(links.UNSUBSCRIBE, reader.key)
    wish, today = reader.preferences, _today(app, reader)
    return page(
        app,
        "preferences",
        422 if errors else 200,
        action=f"/preferences/{token}",
        reader=reader,
        chosen=chosen,
        email=email,
        zones=sorted({*zones(), wish.zone}),
        hours=range(24),
        weekdays=tuple(enumerate(WEEKDAYS)),
        categories=[(code, CATEGORIES[code]) for code in offered(app)],
        paper_choices=range(1, MOST_PAPERS + 1),
        errors=errors or {},
        notice=notice,
        today=today,
        timing=timing.choice(wish.hour, wish.zone, today, app.settings.schedule.cut_hours),
        rated=app.opinions.count(reader),
        weighed=taste.told(reader.preferences.taste),
        unsubscribe_url=f"/unsubscribe/{leave}",
        beyond=next((s.title for s in app.settings.sections if s.name == BEYOND), ""),
    )


def _today(app: App, reader: Subscriber) -> date:
    """The reader's own date."""
    return app.clock().astimezone(ZoneInfo(reader.preferences.zone)).date()


def offered(app: App) -> tuple[str, ...]:
    """The categories that the operator collects."""
    return app.settings.sources.topics


@routes.api_route("", methods=["GET", "HEAD"])
def look(app: Service, token: str) -> HTMLResponse:
    """The page as it stands; who left finds their data there, and nothing to choose."""
    return show(app, token, app.subscriptions.holder(token, app.clock()))


@routes.post("")
def choose(
    app: Service, token: str, request: Request, sent: Annotated[Values, Depends(fields)]
) -> HTMLResponse:
    """Stores what was chosen."""
    now = app.clock()
    reader = app.subscriptions.reader(token, now)
    wish, errors = _read(app, reader, dict.fromkeys(LISTS, "") | dict(sent))
    if errors:
        return show(app, token, reader, errors=errors, chosen=wish)
    reader = app.subscriptions.prefer(token, wish, origin(request, "web"), now)
    return show(app, token, reader, notice="Saved.")


def _read(app: App, reader: Subscriber, sent: Values) -> tuple[Preferences, dict[str, str]]:
    """What was typed, as far as it can be taken, and an error for every other field."""
    wish, errors, today = reader.preferences, dict[str, str](), _today(app, reader)
    for field, value in sent.items():
        try:
            wish = preferences.parse({field: value}, wish, offered=offered(app), today=today)
        except InputError as error:
            errors[error.field] = str(error)
    return (replace(wish, days=frozenset()) if "days" in errors else wish), errors


@routes.post("/email")
def move(
    app: Service,
    token: str,
    request: Request,
    later: BackgroundTasks,
    sent: Annotated[Values, Depends(fields)],
) -> HTMLResponse:
    """Asks the new address to confirm."""
    now = app.clock()
    reader = app.subscriptions.reader(token, now)
    email = one_text(sent, "email")
    try:
        app.subscriptions.ask_change(token, email, origin(request, "web"), now)
    except InputError as error:
        return show(app, token, reader, errors={error.field: str(error)}, email=email)
    post_soon(app, later)
    text = "If the new address can be used, a mail with a confirmation link is on its way to it"
    return show(app, token, reader, notice=f"{text}. Until then nothing changes.")


@routes.post("/forget")
def forget(app: Service, token: str) -> HTMLResponse:
    """Drops what the reader said of papers; without any, that is as good as once."""
    reader = app.subscriptions.reader(token, app.clock())
    app.opinions.forget(reader)
    reader = app.subscriptions.reader(token, app.clock())
    return show(app, token, reader, notice="Your ratings are forgotten.")


@routes.get("/data.json")
def data(app: Service, token: str) -> JSONResponse:
    """Everything stored about the reader, to keep."""
    found = app.subscriptions.data(token, app.clock())
    name = {"Content-Disposition": 'attachment; filename="my-digest-data.json"'}
    return JSONResponse(dict(found), headers=name)


@routes.post("/delete")
def delete(app: Service, token: str, sent: Annotated[Values, Depends(fields)]) -> HTMLResponse:
    """Forgets the reader."""
    now = app.clock()
    reader = app.subscriptions.holder(token, now)
    if sent.get("sure") != "yes":
        errors = {"sure": "Please tick the box to say that you are sure."}
        return show(app, token, reader, errors=errors)
    app.subscriptions.erase(token, now)
    return message(
        app,
        "Everything about you is deleted",
        "Your address, your preferences and the record of your mails are gone.",
        tone="good",
    )
