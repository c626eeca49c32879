"""The room of Jinja and css-inline: everything a person sees, as text; nothing is sent from here.

    items ──▶ grouped ──▶ words (subject, preheader, …) ──┬─▶ digest.html.j2 ──▶ css-inline ──▶ html
                                                         └─▶ digest.txt.j2 ──────────────────▶ text

Three walls stand between a feed and a reader, for every template alike: autoescape (all but
``.txt.j2``), ``_visible`` (no control or bidi characters in anything printed), and the filters
``link`` and ``href`` (no address but http, https and our own paths).
"""

import math
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from css_inline import CSSInliner
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from digest.model import (
    Edition,
    Item,
    MailKind,
    MailLinks,
    MailText,
    Paper,
    Section,
    Subscriber,
    Term,
)
from digest.notation import name_list, readable, shorten

# What a title may not do to the line it stands in: control characters, half surrogate pairs,
# U+FFFE/U+FFFF, and the bidi controls that make text read as something else (Unicode TR 36, 2.6).
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\uffff"
    "\ud800-\udfff]"
)
# Nor may an address hold what ends an attribute, a word or, in a browser's eyes, a host name.
_NOT_IN_ADDRESS = re.compile(r"[\s<>\"'`\\^{|}]")
_LONGEST_ADDRESS = 2000  # characters; longer ones are cut by clients anyway
_LINK_LABELS = {
    "paper": "Paper",
    "pdf": "PDF",
    "code": "Code",
    "project": "Project",
    "discussion": "Discussion",
}
_REMEMBERED = 4096  # texts whose readable form is kept: some days' pools of titles and abstracts
_FIXED_BELOW = 1000.0  # from there on a number is written with an exponent
_FACTOR_LIMIT = 12.0  # beyond exp(±12) a factor says nothing to a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the operator says of themselves on every page and in every mail."""

    site_name: str
    tagline: str
    base_url: str
    postal_address: str
    sender_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One term of a score as drawn: ``x``, ``width`` and ``zero`` in percent of the row."""

    term: Term
    value: str
    factor: str
    x: float
    width: float
    zero: float


class Renderer:
    """Turns values into mails and pages. ``folder`` holds ``mail/`` and ``web/``.

    A context that lacks a name its template uses is a mistake of ours and raises Jinja's
    ``UndefinedError``; nothing that a feed or a form contains makes rendering fail.
    """

    def __init__(self, look: Look, folder: Path) -> None:
        self._look = look
        self._environment = _environment(folder)
        self._environment.globals["look"] = look
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
        if not items:
            raise ValueError(f"edition {edition.id}: a digest without papers")
        groups = grouped(items, sections)
        context = {"edition": edition, "groups": groups, "links": links, "reader": reader}
        return self._mail("digest", MailKind.DIGEST, context)

    def letter(self, kind: MailKind, links: MailLinks, reader: Subscriber) -> MailText:
        """A mail that answers one request of one person: CONFIRM, KNOWN or CHANGE."""
        return self._mail("letter", kind, {"links": links, "reader": reader})

    def page(self, name: str, **context: object) -> str:
        """The web page ``web/<name>.html.j2``; each template begins with the names it takes."""
        return self._environment.get_template(f"web/{name}.html.j2").render(context)

    def consent(self) -> str:
        """What somebody agrees to by signing up, as shown there and as kept in the record."""
        return self._environment.get_template("web/consent.txt.j2").render().strip()

    def _mail(self, form: str, kind: MailKind, context: Mapping[str, object]) -> MailText:
        # The words are made once and put into both parts, so that the parts cannot disagree.
        get = self._environment.get_template
        words = get(f"mail/words/{kind.value}.txt.j2").make_module(dict(context))
        context = {**context, "words": words}
        html = get(f"mail/{form}.html.j2").render(context)
        return MailText(
            subject=_one_line(str(words.subject)),  # type: ignore[attr-defined]
            html=_dense(self._inliner.inline(html)),
            text=get(f"mail/{form}.txt.j2").render(context).strip() + "\n",
        )


def grouped(
    items: Sequence[Item], sections: Sequence[Section]
) -> list[tuple[Section, list[tuple[int, Item]]]]:
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
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    # A day's mails show the same papers again and again: each text is made readable once.
    plain = lru_cache(_REMEMBERED)(_plain)
    names = lru_cache(_REMEMBERED)(name_list)
    environment.globals["grouped"] = grouped
    environment.filters |= {
        "readable": plain,
        "shorten": shorten,
        "titled": _titled(plain),
        "names": lambda authors, most=4: shorten(names(tuple(authors), most), 160),
        "date": _date,
        "link": _link,
        "href": _href,
        "addresses": _addresses,
        "bars": _bars,
        "signed": _signed,
        "wrapped": _wrapped,
    }
    return environment


def _escaped(name: str | None) -> bool:
    """Whether a template escapes: all do, but those named as plain text.

    Jinja's ``select_autoescape`` looks at the last suffix and would leave ``.html.j2`` open.
    """
    return not (name or "").endswith(".txt.j2")


def _visible(value: object) -> object:
    """What a template prints, without the characters nobody should meet (Markup has been here)."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _INVISIBLE.sub("", value)


def _one_line(text: str) -> str:
    return " ".join(_INVISIBLE.sub("", text).split())


def _dense(html: str) -> str:
    """Without indents and blank lines, and without css-inline's mark on the style that stays."""
    lines = (line.strip() for line in html.replace(' data-css-inline="keep"', "", 1).splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def _plain(text: str) -> str:
    return _one_line(readable(text))


def _titled(plain: Callable[[str], str]) -> Callable[..., str]:
    def titled(paper: Paper, limit: int = 200) -> str:
        return shorten(plain(paper.title), limit) or "Untitled paper"

    return titled


def _date(value: date | datetime, style: str = "long") -> str:
    """A day as ``long``, ``short``, ``day`` or ``month``; an instant as ``instant`` (UTC)."""
    written = {
        "long": f"{value:%A}, {value.day} {value:%B %Y}",
        "short": f"{value:%a} {value.day} {value:%b}",
        "day": f"{value.day} {value:%B %Y}",
        "month": f"{value:%B %Y}",
        "instant": f"{value.day} {value:%B %Y, %H:%M} UTC",
    }
    return written[style]


def _link(address: object) -> str:
    """``address`` where it is a plain http(s) address, else ''."""
    if not isinstance(address, str) or len(address) > _LONGEST_ADDRESS:
        return ""
    if _NOT_IN_ADDRESS.search(address) or _INVISIBLE.search(address):
        return ""
    try:
        parts = urlsplit(address)
    except ValueError:  # "http://[" and the like
        return ""
    return address if parts.scheme in {"http", "https"} and parts.hostname else ""


def _href(address: object) -> str:
    """As ``link``, and paths of this site (``/editions``, never ``//elsewhere``)."""
    own = isinstance(address, str) and re.match(r"/(?!/)", address)
    return f"{address}" if own and _link(f"https://here{address}") else _link(address)


def _addresses(paper: Paper) -> list[tuple[str, str]]:
    """The (label, address) of a paper that can be followed, in the order of the labels."""
    found = ((label, _link(paper.links.get(kind))) for kind, label in _LINK_LABELS.items())
    return [(label, address) for label, address in found if address]


def _signed(value: float) -> str:
    """With its sign, as typeset: ``+0.12``, ``−0.39``; never a negative zero."""
    written = f"{round(value, 2) + 0.0:+.2f}" if abs(value) < _FIXED_BELOW else f"{value:+.2g}"
    return written.replace("-", "−")


def _bars(terms: Sequence[Term]) -> Iterator[Bar]:
    """The terms to draw, on one scale; a value that is not finite has no bar."""
    values = [term.value if math.isfinite(term.value) else 0.0 for term in terms]
    low, high = min([0.0, *values]), max([0.0, *values])
    scale = 100 / ((high - low) or 1.0)
    for term, value in zip(terms, values, strict=True):
        yield Bar(
            term=term,
            value=_signed(term.value),
            factor=f"{math.exp(term.value):.3g}" if abs(term.value) <= _FACTOR_LIMIT else "",
            x=round((min(value, 0.0) - low) * scale, 2),
            width=round(abs(value) * scale, 2),
            zero=round(-low * scale, 2),
        )


def _wrapped(text: str, indent: int = 0, width: int = 74) -> str:
    """``text`` in lines of at most ``width`` columns; all but the first begin with ``indent``."""
    return textwrap.fill(
        " ".join(text.split()),
        width=width,
        initial_indent=" " * indent,
        subsequent_indent=" " * indent,
        break_long_words=False,  # an address broken in two is no address
        break_on_hyphens=False,
    ).lstrip()
