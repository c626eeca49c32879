"""The room of Jinja and css-inline: everything a person sees, as text; nothing is sent from here.

    items ──▶ grouped ──▶ words (subject, preheader, …) ──┬─▶ digest.html.j2 ──▶ css-inline ──▶ html
                                                         └─▶ digest.txt.j2 ──────────────────▶ text

Three walls stand between a feed and a reader, for every template alike: autoescape (all but
``.txt.j2``), ``filters.visible`` (no control or bidi characters in anything printed), and the
filters ``link`` and ``href`` (no address but http, https and our own paths).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from css_inline import CSSInliner
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from digest.model import (
    Edition,
    Item,
    MailKind,
    MailLinks,
    MailText,
    Section,
    Subscriber,
)
from digest.notation import name_list, shorten
from digest.render import filters

# ``cut(name)`` in a template: here begins a piece of that name. The mark is a character that
# ``visible`` takes away, so nothing that a feed or a reader says is ever taken for one. It stands
# in a comment where HTML knows no text, as between the rows of a table.
_CUT = re.compile("(?:<!--)?\x10(\\w*)\x10(?:-->)?")
_REMEMBERED = 4096  # texts whose readable form is kept: some days' pools of titles and abstracts


Groups = list[tuple[Section, list[tuple[int, Item]]]]  # as ``grouped`` returns them


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the operator says of themselves on every page and in every mail."""

    site_name: str
    tagline: str
    base_url: str
    postal_address: str
    sender_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """A digest cut up: its subject, and each part as (name, text), in order; '' is the frame."""

    subject: str
    html: list[tuple[str, str]]
    text: list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a digest says outside its cards, each in one line."""

    subject: str
    preheader: str
    summary: str


class Renderer:
    """Turns values into mails and pages. ``folder`` holds ``mail/`` and ``web/``.

    A context that lacks a name its template uses is a mistake of ours and raises Jinja's
    ``UndefinedError``; nothing that a feed or a form contains makes rendering fail.
    """

    def __init__(self, look: Look, folder: Path) -> None:
        self._look = look
        self._environment = _environment(folder)
        self._environment.globals["look"] = look
        self._titled = self._environment.filters["titled"]
        self._said = lru_cache(_REMEMBERED)(self._say)
        self._reason = lru_cache(_REMEMBERED)(self._render_reason)
        self._inliner = CSSInliner(load_remote_stylesheets=False, minify_css=True)

    def digest(
        self,
        edition: Edition,
        items: Sequence[Item],
        sections: Sequence[Section],
        links: MailLinks,
        reader: Subscriber,
    ) -> MailText:
        """The daily mail: ``items`` in their order, under the headings of ``sections``.

        Raises:
            ValueError: there are no items; an empty mail is never sent.
        """
        made = self.pieces(edition, items, sections, links, reader)
        html, text = ("".join(text for _, text in part) for part in (made.html, made.text))
        return MailText(subject=made.subject, html=html, text=text)

    def pieces(
        self,
        edition: Edition,
        items: Sequence[Item],
        sections: Sequence[Section],
        links: MailLinks,
        reader: Subscriber,
    ) -> Pieces:
        """As ``digest``, cut up where what one reader has in common with others begins and ends.

        Raises:
            ValueError: as ``digest``.
        """
        if not items:
            raise ValueError(f"edition {edition.id}: a digest without papers")
        groups = grouped(items, sections)
        words = self.words(edition, groups)
        said = asdict(words) | {
            "reason": self.reason(reader),
            "sent_to": filters.one_line(reader.email),
        }
        context = {"edition": edition, "groups": groups, "links": links, "words": said}
        html, text = self._parts("digest", context)
        return Pieces(subject=words.subject, html=_cut(html), text=_cut(text))

    def words(self, edition: Edition, groups: Groups) -> Words:
        """The words of a digest with these papers."""
        items = [item for _, cards in groups for _, item in cards]
        titles = [self._titled(item.paper, 80) for item in items[:4]]
        counts = tuple((len(cards), section.name) for section, cards in groups)
        summary = self._said("summary", len(items), counts)
        return Words(
            subject=self._said("subject", edition.day, self._titled(items[0].paper)),
            summary=summary,
            preheader=self._say("preheader", edition.day, summary, titles[1:], items[0].why),
        )

    def _say(self, what: str, *about: object) -> str:
        """What the template has to say about something, in one line."""
        template = self._environment.get_template("mail/words/digest.txt.j2")
        return filters.one_line(str(getattr(template.module, what)(*about)))

    def reason(self, reader: Subscriber) -> str:
        """Why this reader gets a digest, in one line."""
        return self._reason(reader.confirmed_at.date() if reader.confirmed_at else None)

    def _render_reason(self, since: date | None) -> str:
        template = self._environment.get_template("mail/words/reason.txt.j2")
        return filters.one_line(template.render(since=since))

    def letter(self, kind: MailKind, links: MailLinks, reader: Subscriber) -> MailText:
        """A mail that answers one request of one person: CONFIRM, KNOWN or CHANGE."""
        words = self._environment.get_template(f"mail/words/{kind.value}.txt.j2")
        said = words.make_module({"links": links, "reader": reader})
        html, text = self._parts("letter", {"links": links, "words": said})
        return MailText(
            subject=filters.one_line(str(said.subject)),  # type: ignore[attr-defined]
            html=_CUT.sub("", html),
            text=_CUT.sub("", text),
        )

    def page(self, name: str, **context: object) -> str:
        """The web page ``web/<name>.html.j2``; each template begins with the names it takes."""
        return self._environment.get_template(f"web/{name}.html.j2").render(context)

    def consent(self) -> str:
        """What somebody agrees to by signing up, as shown there and as kept in the record."""
        return self._environment.get_template("web/consent.txt.j2").render().strip()

    def _parts(self, form: str, context: Mapping[str, object]) -> tuple[str, str]:
        """HTML and text with the marks of ``cut``; both get the same words, so they agree."""
        get = self._environment.get_template
        html = get(f"mail/{form}.html.j2").render(context)
        text = get(f"mail/{form}.txt.j2").render(context).strip() + "\n"
        return _dense(self._inliner.inline(html)), text


def grouped(items: Sequence[Item], sections: Sequence[Section]) -> Groups:
    """The sections that have papers, in order, each with its (number in the mail, item).

    A paper of a section that is no longer configured stands last, under that section's name.
    """
    known = {section.name for section in sections}
    names = dict.fromkeys(item.section for item in items if item.section not in known)
    gone = [Section(name=name, title=shorten(name.capitalize(), 60), share=0) for name in names]
    number, groups = 1, []
    for section in (*sections, *gone):
        mine = [item for item in items if item.section == section.name]
        if mine:
            groups.append((section, list(enumerate(mine, start=number))))
            number += len(mine)
    return groups


def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=_escaped,  # noqa: S701 - on for all but plain text, see _escaped
        undefined=StrictUndefined,
        finalize=filters.visible,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    # A day's mails show the same papers again and again: each text is made readable once.
    plain = lru_cache(_REMEMBERED)(filters.plain)
    short = lru_cache(_REMEMBERED)(shorten)
    names = lru_cache(_REMEMBERED)(name_list)
    environment.globals |= {"grouped": grouped, "cut": _mark}
    environment.filters |= {
        "readable": plain,
        "shorten": short,
        "titled": filters.titled(plain, short),
        "names": lambda authors, most=4: shorten(names(tuple(authors), most), 160),
        "date": lru_cache(_REMEMBERED)(filters.dated),
        "link": filters.link,
        "href": filters.href,
        "addresses": filters.addresses,
        "bars": filters.bars,
        "signed": filters.signed,
        "wrapped": filters.wrapped,
    }
    return environment


def _escaped(name: str | None) -> bool:
    """Whether a template escapes: all do, but those named as plain text.

    Jinja's ``select_autoescape`` looks at the last suffix and would leave ``.html.j2`` open.
    """
    return not (name or "").endswith(".txt.j2")


def _mark(name: str = "") -> Markup:
    return Markup(f"\x10{name}\x10")  # noqa: S704 - a template's own word


def _cut(part: str) -> list[tuple[str, str]]:
    first, *rest = _CUT.split(part)
    return [("", first), *zip(rest[::2], rest[1::2], strict=True)]


def _dense(html: str) -> str:
    """Without indents and blank lines, and without css-inline's mark on the style that stays."""
    lines = (line.strip() for line in html.replace(' data-css-inline="keep"', "", 1).splitlines())
    return "\n".join(line for line in lines if line) + "\n"
