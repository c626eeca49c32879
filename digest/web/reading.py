"""What anybody may read: the front page with the form, the archive, an edition."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from digest import compose, links, tops
from digest.app import App
from digest.errors import LinkError
from digest.model import Edition, Item
from digest.preferences import Values, zones
from digest.ranking import timing
from digest.timetable import known_zones
from digest.web.answers import Service, page

HOURS = 24
HOUR = re.compile(r"[0-9]{1,2}")

routes = APIRouter()


def home(
    app: App,
    sent: Values | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> HTMLResponse:
    """The front page; with what was typed, where it has to be corrected."""
    typed = {name: value for name, value in (sent or {}).items() if isinstance(value, str)}
    hour = typed.get("hour", "")
    form = {
        "email": typed.get("email", ""),
        "hour": int(hour) if HOUR.fullmatch(hour) else app.defaults.hour,
        "zone": typed.get("zone", app.defaults.zone),
        "website": "",
    }
    latest = app.store.editions.latest()
    return page(
        app,
        "home",
        status,
        form=form,
        errors=errors or {},
        zones=zones(),
        hours=range(24),
        consent=app.renderer.consent(),
        edition=latest,
        week=tops.week_of(latest.day) if latest else None,
        timing=_timing(app, form),
    )


def _timing(app: App, form: Mapping[str, Any]) -> timing.Choice:
    """What the hour in the form is worth; an hour or a zone that is none is the usual one."""
    zone = form["zone"] if form["zone"] in known_zones() else app.defaults.zone
    hour = form["hour"] if form["hour"] < HOURS else app.defaults.hour
    today = app.clock().astimezone(ZoneInfo(zone)).date()
    return timing.choice(hour, zone, today, app.settings.schedule.cut_hours)


@routes.api_route("/", methods=["GET", "HEAD"])
def front(app: Service) -> HTMLResponse:
    """The front page."""
    return home(app)


@routes.api_route("/brand.css", methods=["GET", "HEAD"])
def brand(app: Service) -> Response:
    """The operator's colours and fonts."""
    return Response(app.renderer.brand(), media_type="text/css")


@routes.api_route("/editions", methods=["GET", "HEAD"])
def archive(app: Service) -> HTMLResponse:
    """All editions by month."""
    days = app.store.editions.days()
    shown = [
        {"day": one.day, "cut": one.cut, "count": one.count, "top_title": one.top_title}
        for one in days
    ]
    return page(app, "editions", editions=shown)


class Shown(NamedTuple):
    """What a page shows: of somebody's mail its papers, their topics, and the ticket to rate by."""

    edition: Edition | None
    items: Sequence[Item] = ()
    topics: Sequence[str] = ()
    ticket: str = ""


@routes.api_route("/editions/{name}", methods=["GET", "HEAD"])
def edition(app: Service, name: str, mail: str = "") -> HTMLResponse:
    """The last edition of a day, or the one with that id for ever.

    With a mail's token it is exactly the papers of that mail, each with the link to rate it.
    """
    one = _mailed(app, mail) if mail else Shown(_named(app, name))
    found = one.edition
    if found is None or name not in (found.day.isoformat(), found.id):
        raise HTTPException(404)
    shown = one.items or compose.select(found, app.defaults, (), app.settings.mail_sections())
    earlier, later = _neighbours(app, found.day)
    return page(
        app,
        "edition",
        edition=found,
        items=shown,
        sections=app.settings.mail_sections(),
        earlier=earlier,
        later=later,
        personal=bool(one.items),
        topics=one.topics,
        ticket=one.ticket,
        periods=(tops.week_of(found.day), tops.month_of(found.day)),
    )


def _named(app: App, name: str) -> Edition | None:
    try:
        return app.store.editions.of_day(date.fromisoformat(name))
    except ValueError:
        found = app.store.editions.get(name)
        return found if found and found.items else None


def _mailed(app: App, token: str) -> Shown:
    """The edition a mail came from, with the mail's papers in their order."""
    try:
        edition_id, key = app.signer.read(links.EDITION, token, app.clock())
    except LinkError:
        return Shown(None)
    found = app.store.editions.get(edition_id)
    if found is None:
        return Shown(None)
    by_id = {item.paper.id: item for item in found.items}
    items = [by_id[name] for name in app.store.ledger.papers_of(edition_id, key)]
    reader = app.store.roster.find(key=key)
    topics = reader.preferences.categories if reader else ()
    return Shown(found, items, topics, app.opinions.ticket(edition_id, key) if items else "")


def _neighbours(app: App, day: date) -> tuple[str | None, str | None]:
    """The addresses of the editions before and after a day."""
    days = [one.day for one in app.store.editions.days()]
    earlier = max((one for one in days if one < day), default=None)
    later = min((one for one in days if one > day), default=None)
    return (
        f"/editions/{earlier}" if earlier else None,
        f"/editions/{later}" if later else None,
    )
