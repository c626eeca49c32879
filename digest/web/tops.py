"""What anybody may read: the best of a week and of a month, and the map of all pages."""

from datetime import date
from xml.etree import ElementTree as ET  # written only, never parsed

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from digest import tops
from digest.app import App
from digest.timetable import editorial_day
from digest.tops import Period
from digest.web.answers import Service, message, page

SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"

routes = APIRouter()


@routes.api_route("/top", methods=["GET", "HEAD"])
def every(app: Service) -> HTMLResponse:
    """All weeks and months that have an edition."""
    weeks, months = tops.periods(_days(app))
    return page(app, "tops", weeks=weeks, months=months)


@routes.api_route("/top/{name}", methods=["GET", "HEAD"])
def top(app: Service, name: str) -> HTMLResponse:
    """The best of a week, ``2026-W03``, or of a month, ``2026-01``."""
    try:
        period = tops.period(name)
    except ValueError:
        text = "A week is written like 2026-W03, a month like 2026-01."
        return _nothing(app, "There is no such week or month", text, 400)
    editions = app.store.editions.lasts(period.first, period.last)
    if not editions:
        text = f"There is no edition from {period.first} to {period.last}."
        return _nothing(app, "Nothing to show", text, 404)
    shortlist, signals = tops.listed(editions), app.store.signals
    best = tops.best(shortlist, signals.latest(shortlist, "votes"), period.most)
    known = signals.history([one.item.paper.id for one in best], "votes")
    counts = {paper: tops.daily(found) for paper, found in known.items()}
    earlier, later = tops.around(_days(app), period)
    return page(
        app,
        "top",
        period=period,
        best=[(one, counts.get(one.item.paper.id, [])) for one in best],
        curve=tops.curve,
        editions=[edition.day for edition in editions],
        open=_is_open(app, period),
        earlier=earlier,
        later=later,
    )


@routes.api_route("/sitemap.xml", methods=["GET", "HEAD"])
def sitemap(app: Service) -> Response:
    """The pages that anybody may read, for search engines."""
    root, base = ET.Element("urlset", xmlns=SITEMAP), app.settings.base_url
    days = _days(app)
    weeks, months = tops.periods(days)
    paths = ["/", "/editions", "/top"] if days else ["/"]
    paths += [f"/editions/{day}" for day in days]
    paths += [f"/top/{one.name}" for one in (*weeks, *months)]
    for path in paths:
        ET.SubElement(ET.SubElement(root, "url"), "loc").text = f"{base}{path}"
    body = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return Response(body, media_type="application/xml")


def _days(app: App) -> list[date]:
    return [one.day for one in app.store.editions.days()]


def _is_open(app: App, period: Period) -> bool:
    """Whether the period may get more editions."""
    return editorial_day(app.clock(), app.settings.schedule.zone) <= period.last


def _nothing(app: App, title: str, text: str, status: int) -> HTMLResponse:
    links = (("All weeks and months", "/top"), ("All editions", "/editions"))
    return message(app, title, text, status=status, tone="bad", links=links)
