"""The room of Jinja and css-inline: everything a person sees, as text; nothing is sent from here.

    items ──▶ grouped ──▶ words (subject, preheader, …) ──┬─▶ digest.html.j2 ──▶ css-inline ──▶ html
                                                         └─▶ digest.txt.j2 ──────────────────▶ text

Three walls stand between a feed and a reader, for every template alike: autoescape (all but
``.txt.j2``), ``filters.visible`` (no control or bidi characters in anything printed), and the
filters ``link`` and ``href`` (no address but http, https and our own paths).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from functools import lru_cache
from pathlib import Path

from css_inline import CSSInliner
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from digest.excerpt import excerpt
from digest.fit import fit
from digest.model import (
    Colophon,
    Edition,
    Form,
    Item,
    MailKind,
    MailLinks,
    MailText,
    Section,
    Subscriber,
)
from digest.notation import name_list, shorten
from digest.render import filters
from digest.render.groups import grouped
from digest.render.look import Look
from digest.render.pieces import Pieces, cut, fitted, laid, mark, size, sizes, whole
from digest.render.words import Wording, counts

__all__ = ["Look", "Renderer", "Wording", "counts", "grouped"]

_REMEMBERED = 2048  # texts whose readable form is kept: some days' pools of titles and abstracts


class Renderer:
    """Turns values into mails and pages. ``folder`` holds ``mail/`` and ``web/``.

    A context that lacks a name its template uses is a mistake of ours and raises Jinja's
    ``UndefinedError``; nothing that a feed or a form contains makes rendering fail.
    """

    def __init__(self, look: Look, folder: Path) -> None:
        self._look = look
        self._environment = _environment(folder)
        self._environment.globals["look"] = look
        # What a macro of a text template says is plain text: as a filter's value it is escaped.
        self._environment.filters |= {
            "moved": self._moved,
            "news": self._news,
            "read": self._read,
            "receipt": self._receipt,
        }
        self._titled = self._environment.filters["titled"]
        self._macro = lru_cache(self._find_macro)
        self._said = lru_cache(_REMEMBERED)(self._say)
        self._inliner = CSSInliner(load_remote_stylesheets=False, minify_css=True)

    def digest(
        self,
        edition: Edition,
        items: Sequence[Item],
        sections: Sequence[Section],
        links: MailLinks,
        reader: Subscriber,
        *,
        form: Form = Form.DAILY,
    ) -> MailText:
        """A reader's mail: ``items`` in their order, under the headings of ``sections``.

        Its HTML stays below ``fit.LIMIT`` bytes: what has no room is left to the edition's page.

        Raises:
            ValueError: there are no items; an empty mail is never sent.
        """
        made = self.fitted(self.pieces(edition, items, sections, links, reader, form=form))
        html, text = ("".join(text for _, text in part) for part in (made.html, made.text))
        return MailText(subject=made.subject, html=html, text=text)

    def fitted(self, made: Pieces) -> Pieces:
        """What of a mail has room in it."""
        html, text = laid(made.html), laid(made.text)
        kept = fit(size(html.head) + size(html.foot), sizes(html))
        web = self.web(len(html.papers) - kept.papers)
        return replace(made, html=fitted(html, kept, web), text=fitted(text, kept, web))

    def pieces(
        self,
        edition: Edition,
        items: Sequence[Item],
        sections: Sequence[Section],
        links: MailLinks,
        reader: Subscriber,
        *,
        form: Form = Form.DAILY,
    ) -> Pieces:
        """As ``digest``, whole, cut up where what one reader has in common with others begins.

        Raises:
            ValueError: as ``digest``.
        """
        if not items:
            raise ValueError(f"edition {edition.id}: a digest without papers")
        groups = grouped(items, sections, reader.preferences.categories)
        words = self.wording(edition).words(groups, form)
        since = reader.confirmed_at.date() if reader.confirmed_at else None
        said = asdict(words) | {
            "reason": self.reason(since, rated=bool(reader.preferences.taste)),
            "sent_to": filters.one_line(reader.email),
            "news": [line for line, _ in self._news(edition.colophon)],
            "read": self._read(edition.colophon),
            "web": self.web(0),
        }
        context = {"edition": edition, "groups": groups, "links": links, "words": said}
        html, text = self._parts("digest", context)
        return Pieces(subject=words.subject, html=cut(html), text=cut(text))

    def wording(self, edition: Edition) -> Wording:
        """What the digests of an edition say outside their cards."""
        return Wording(edition, self._say, self._titled)

    def web(self, left_out: int) -> str:
        """The words of the link to the edition, where so many papers had no room in the mail."""
        return self._said("web", left_out)

    def _news(self, colophon: Colophon) -> list[tuple[str, str]]:
        """What else there is to say of the day, each with an address or '': gaps, revisions."""
        gaps = [(self._say("gap", one), "") for one in colophon.gaps]
        return gaps + [(self._say("revised", one), one.url) for one in colophon.revised]

    def _read(self, colophon: Colophon) -> str:
        return self._say("read", colophon.looks)

    def _moved(self, item: Item, colophon: Colophon) -> str:
        """Where the paper stood in the edition before; '' where there was none."""
        if colophon.since is None:
            return ""
        places = None if item.before is None else item.before - item.rank
        return self._said("moved", item.rank, places, colophon.since)

    def _receipt(self, item: Item) -> str:
        parts = [(part.name, part.value) for part in filters.parts(item.terms) if part.percent]
        return self._say("receipt", f"{item.score:.3g}", parts)

    def _say(self, what: str, *about: object) -> str:
        """What the template has to say about something, in one line."""
        return filters.one_line(str(self._macro(what)(*about)))

    def _find_macro(self, what: str) -> Callable[..., str]:
        template = self._environment.get_template("mail/words/digest.txt.j2")
        macro: Callable[..., str] = getattr(template.module, what)
        return macro

    def reason(self, since: date | None, *, rated: bool = False) -> str:
        """Why a reader gets a digest, in one line; ``since`` they confirmed."""
        template = self._environment.get_template("mail/words/reason.txt.j2")
        return filters.one_line(template.render(since=since, rated=rated))

    def letter(
        self,
        kind: MailKind,
        links: MailLinks,
        reader: Subscriber,
        *,
        edition: Edition | None = None,
    ) -> MailText:
        """A mail that answers something one person did; a welcome shows what an edition has."""
        words = self._environment.get_template(f"mail/words/{kind.value}.txt.j2")
        shown = edition if kind is MailKind.WELCOME and edition and edition.items else None
        said = words.make_module({"links": links, "reader": reader, "edition": shown})
        html, text = self._parts("letter", {"links": links, "words": said, "edition": shown})
        return MailText(
            subject=filters.one_line(str(said.subject)),  # type: ignore[attr-defined]
            html=whole(html),
            text=whole(text),
        )

    def page(self, name: str, **context: object) -> str:
        """The web page ``web/<name>.html.j2``; each template begins with the names it takes."""
        return self._environment.get_template(f"web/{name}.html.j2").render(context)

    def brand(self) -> str:
        """The style sheet with the operator's colours and fonts."""
        return self._environment.get_template("web/brand.css.j2").render()

    def consent(self) -> str:
        """What somebody agrees to by signing up, as shown there and as kept in the record."""
        return self._environment.get_template("web/consent.txt.j2").render().strip()

    def _parts(self, form: str, context: Mapping[str, object]) -> tuple[str, str]:
        """HTML and text with the marks of ``cut``; both get the same words, so they agree."""
        get = self._environment.get_template
        html = get(f"mail/{form}.html.j2").render(context)
        text = get(f"mail/{form}.txt.j2").render(context).strip() + "\n"
        return _dense(self._inliner.inline(html)), text


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
    quoted = lru_cache(_REMEMBERED)(lambda text: excerpt(plain(text)))
    environment.globals |= {"grouped": grouped, "cut": mark}
    environment.filters |= {
        "readable": plain,
        "shorten": short,
        "titled": filters.titled(plain, short),
        "names": lambda authors, most=4: shorten(names(tuple(authors), most), 160),
        "byline": lambda paper, most=4: filters.byline(
            names(tuple(paper.authors), most), plain(paper.lab)
        ),
        "excerpt": quoted,
        "parts": filters.parts,
        "underlined": filters.underlined,
        "date": lru_cache(_REMEMBERED)(filters.dated),
        "link": filters.link,
        "href": filters.href,
        "addresses": filters.addresses,
        "bars": filters.bars,
        "folded": filters.folded,
        "signed": filters.signed,
        "wrapped": filters.wrapped,
    }
    return environment


def _escaped(name: str | None) -> bool:
    """Whether a template escapes: all do, but those named as plain text.

    Jinja's ``select_autoescape`` looks at the last suffix and would leave ``.html.j2`` open.
    """
    return not (name or "").endswith(".txt.j2")


def _dense(html: str) -> str:
    """Without indents and blank lines, and without css-inline's mark on the style that stays."""
    lines = (line.strip() for line in html.replace(' data-css-inline="keep"', "", 1).splitlines())
    return "\n".join(line for line in lines if line) + "\n"
