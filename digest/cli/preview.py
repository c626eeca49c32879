"""``digest preview`` and ``digest previews``: every kind of mail as a file, and nothing is sent."""

from dataclasses import replace
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from digest import compose
from digest.app import App
from digest.cli import show
from digest.cli.options import Config, Now, application
from digest.errors import InputError
from digest.model import (
    Claim,
    Edition,
    Gap,
    Item,
    MailKind,
    MailText,
    Preferences,
    Revision,
    Subscriber,
)
from digest.model import SubscriberState as State


class Kind(StrEnum):
    """What there is to see: the digest in its forms, and the letters."""

    DAILY = "daily"
    NEWS = "news"  # a daily one that tells of days without an edition, and of a revised paper
    WEEKLY = "weekly"
    RETURN = "return"
    CONFIRM = "confirm"
    KNOWN = "known"
    CHANGE = "change"
    WELCOME = "welcome"
    GOODBYE = "goodbye"


DIGESTS = (Kind.DAILY, Kind.NEWS, Kind.WEEKLY, Kind.RETURN)
NEW = "new@example.org"
DAY = timedelta(days=1)

Day = Annotated[str, typer.Option(help="The edition of this date (default: as of now).")]


def preview(
    config: Config = None,
    now: Now = "",
    day: Day = "",
    kind: Annotated[Kind, typer.Option(help="Which mail.")] = Kind.DAILY,
    out: Annotated[Path, typer.Option(help="The HTML file; .txt beside it.")] = Path("digest.html"),
) -> None:
    """Write a mail as HTML and text, without sending anything."""
    app = application(config, now)
    _write(app, kind, _edition(app, day), out)


def previews(
    folder: Annotated[Path, typer.Argument(help="Where the files go.")],
    config: Config = None,
    now: Now = "",
    day: Day = "",
) -> None:
    """Write every kind of mail into a folder, with a page that lists them; nothing is sent."""
    app = application(config, now)
    edition = _edition(app, day)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("folder", f"cannot make {folder}: {error.strerror}") from error
    made = {kind.value: _write(app, kind, edition, folder / f"{kind}.html") for kind in Kind}
    mails = [(name, mail.subject, _kilobytes(mail)) for name, mail in made.items()]
    index = folder / "index.html"
    _save(index, app.renderer.page("previews", mails=mails))
    show.say(f"All of them: {index}")


def claim_of(app: App, kind: Kind, edition: Edition, number: int = 0) -> Claim:
    """A delivery of that kind to an invented reader, due now; ``number`` tells readers apart.

    Raises:
        InputError: a digest of an edition without papers.
    """
    now, mail = app.clock(), MailKind.DIGEST if kind in DIGESTS else MailKind(kind)
    wish = _wish(app, kind)
    states = {MailKind.CONFIRM: State.PENDING, MailKind.GOODBYE: State.LEFT}
    reader = Subscriber(
        id=number,
        key=f"preview-{number}",
        email=f"reader{number or ''}@example.org",
        state=states.get(mail, State.ACTIVE),
        preferences=wish,
        created_at=now,
        confirmed_at=now,
        pending_email=NEW if mail is MailKind.CHANGE else None,
    )
    items: tuple[Item, ...] = ()
    if mail is MailKind.DIGEST:
        form = compose.form_of(wish, now.date())
        items = compose.select(edition, wish, (), app.settings.mail_sections(), form)
        if not items:
            raise InputError("day", f"nothing to show: {edition.note or 'no papers'}")
    return Claim(
        delivery_id=number,
        kind=mail,
        edition_id=edition.id if items else None,
        subscriber=reader,
        address=reader.pending_email or reader.email,
        paper_ids=tuple(item.paper.id for item in items),
        attempts=1,
        due_at=now,
    )


def shown(kind: Kind, edition: Edition) -> Edition:
    """The edition that this kind of mail comes from: for ``news`` with something to tell."""
    if kind is not Kind.NEWS or not edition.items:
        return edition
    paper, days = edition.items[-1].paper, (edition.day - DAY, edition.day - 2 * DAY)
    quiet = f"nothing new since {days[1] - DAY:%A %d %B}, 04:00 UTC"
    url = paper.links.get("paper", "")
    told = replace(
        edition.colophon,
        since=edition.colophon.since or days[1] - DAY,
        gaps=edition.colophon.gaps or tuple(Gap(day=day, why=quiet) for day in sorted(days)),
        revised=edition.colophon.revised or (Revision(title=paper.title, version=2, url=url),),
    )
    return replace(edition, id=edition.id[::-1], colophon=told)


def _wish(app: App, kind: Kind) -> Preferences:
    """What somebody chose who gets this kind of mail today."""
    today = app.clock().date()
    if kind is Kind.WEEKLY:
        return replace(app.defaults, days=frozenset({today.weekday()}))
    return replace(app.defaults, paused_until=today if kind is Kind.RETURN else None)


def _write(app: App, kind: Kind, pool: Edition, out: Path) -> MailText:
    edition = shown(kind, pool)
    mail = app.writer.words(claim_of(app, kind, edition), edition, app.clock())
    text = out.with_suffix(".txt")
    if text == out:
        raise InputError("out", f"--out {out}: the HTML goes there, and the text beside it as .txt")
    _save(out, mail.html)
    _save(text, mail.text)
    show.say(f"Subject: {mail.subject}")
    show.say(f"{_kilobytes(mail)} KB: {out} and {text}")
    return mail


def _save(out: Path, text: str) -> None:
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise InputError("out", f"cannot write {error.filename}: {error.strerror}") from error


def _kilobytes(mail: MailText) -> int:
    """What the HTML weighs, as a mail program counts it."""
    return round(len(mail.html.encode()) / 1024)


def _edition(app: App, day: str) -> Edition:
    if not day:
        return app.daily.draft(app.clock())[0]
    try:
        found = app.store.editions.of_day(date.fromisoformat(day))
    except ValueError as error:
        raise InputError("day", f"--day {day!r} is not like 2026-01-15") from error
    if found is None:
        raise InputError("day", f"there is no edition of {day}")
    return found
