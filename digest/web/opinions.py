"""More or less like this: one paper of a mail, two buttons, and what came of them."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from digest import taste
from digest.app import App
from digest.errors import InputError
from digest.model import Rating
from digest.opinions import Opinion
from digest.preferences import Values
from digest.web.answers import Service, page
from digest.web.body import fields, one_text

BACK = "back"  # what the button says that takes a rating back

routes = APIRouter(prefix="/rate/{rank}/{ticket}")


@routes.api_route("", methods=["GET", "HEAD"])
def look(app: Service, rank: int, ticket: str) -> HTMLResponse:
    """The paper and the buttons; scanners that come here change nothing."""
    return _show(app, app.opinions.look(rank, ticket), f"/rate/{rank}/{ticket}")


@routes.post("")
def rate(
    app: Service, rank: int, ticket: str, sent: Annotated[Values, Depends(fields)]
) -> HTMLResponse:
    """Stores what was pressed, and shows the same page: minds may be changed."""
    pressed = one_text(sent, "said")
    if pressed not in (*Rating, BACK):
        raise InputError("said", "Please press one of the buttons.")
    said = None if pressed == BACK else Rating(pressed)
    about = app.opinions.rate(rank, ticket, said, app.clock())
    return _show(app, about, f"/rate/{rank}/{ticket}", done=pressed)


def _show(app: App, about: Opinion, action: str, done: str = "") -> HTMLResponse:
    """Nothing of the reader: a ticket opens this page, and not their preferences."""
    paper = about.item.paper
    return page(
        app,
        "rate",
        paper=paper,
        said=about.said,
        done=done,
        action=action,
        counts=taste.told(taste.of([(Rating.MORE, paper.categories, paper.authors)])),
    )
