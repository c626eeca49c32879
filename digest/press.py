"""The press: one edition's digests by splicing; what readers share is rendered and encoded once.

    whole pool ──▶ renderer.pieces ──▶ frame, headings, cards (encoded, kept)  ──┐
    one reader ──▶ words, links, numbers (escaped, encoded, not kept)          ──┴─▶ join

Every piece is encoded for itself and ends at a line break, hard or soft, so that neighbours never
touch: ``encoded`` over all pieces of one reader's own rendering gives the same bytes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from html import escape

from digest.mime import encode_part
from digest.model import Edition, Item, MailLinks, Section, Subscriber
from digest.render import Renderer, Words, filters, grouped

_SELECTIONS = 16  # kept ready: readers with the same preferences get the same papers
_LINKS = ("preferences", "unsubscribe", "edition")

Parts = tuple[str, bytes, bytes]  # subject, text and HTML, these encoded
Blocks = Mapping[str, bytes]  # by section or paper


def encode_piece(text: str) -> bytes:
    """As ``mime.encode_part``, but ending at a line break, soft where ``text`` ends without.

    Pieces may be joined, whatever they are: that decodes to the joined texts.
    """
    # A "=" in its place keeps room for that of the soft line break within the 76 characters.
    raw = encode_part(text + "=").removesuffix(b"=3D")
    return raw if not raw or raw.endswith(b"\n") else raw + b"=\r\n"


def encoded(pieces: Iterable[tuple[str, str]]) -> bytes:
    """A part of a mail from its (name, text) pieces."""
    return b"".join(encode_piece(text) for _, text in pieces)


class Part:
    """The shared pieces of one part, HTML or text. ``written`` puts a reader's own value in it."""

    def __init__(
        self,
        pieces: Sequence[tuple[str, str]],
        groups: Sequence[tuple[Section, Sequence[tuple[int, Item]]]],
        written: Callable[[str, str | int], str],
    ) -> None:
        names = [name for name, _ in pieces]
        first = names.index("heading")
        end = 1 + max(at for at, name in enumerate(names) if name in {"card", "end"})
        self._written = written
        self._head = [(name, encode_piece(text)) for name, text in pieces[:first]]
        self._foot = [(name, encode_piece(text)) for name, text in pieces[end:]]

        def all_of(name: str) -> list[bytes]:
            return [encode_piece(text) for found, text in pieces if found == name]

        ids = [item.paper.id for _, cards in groups for _, item in cards]
        self._headings: Blocks = dict(
            zip((section.name for section, _ in groups), all_of("heading"), strict=True)
        )
        self._cards: Blocks = dict(zip(ids, all_of("card"), strict=True))
        self._row, self._end = (next(iter(all_of(name)), b"") for name in ("row", "end"))
        self._number = lru_cache(len(ids))(lambda number: self.own("number", number))

    def own(self, name: str, value: str | int) -> bytes:
        """A value of one reader, as this part has it."""
        return encode_piece(self._written(name, value))

    def rows(self, groups: Sequence[tuple[Section, Sequence[tuple[int, Item]]]]) -> bytes:
        """The papers of one selection under their headings."""
        found = []
        for section, cards in groups:
            found.append(self._headings[section.name])
            for number, item in cards:
                found += (self._row, self._number(number), self._cards[item.paper.id])
            found.append(self._end)
        return b"".join(found)

    def join(self, values: Mapping[str, bytes], rows: bytes) -> bytes:
        """The whole part; ``values`` are a reader's own, encoded."""
        head = [values[name] if name else piece for name, piece in self._head]
        foot = [values[name] if name else piece for name, piece in self._foot]
        return b"".join((*head, rows, *foot))


class Press:
    """Prints one edition; what it keeps goes with it."""

    def __init__(
        self,
        renderer: Renderer,
        edition: Edition,
        sections: Sequence[Section],
        links: MailLinks,
        reader: Subscriber,
    ) -> None:
        """``links`` and ``reader``, anybody's, only show where such values stand."""
        groups = grouped(edition.items, sections)
        pieces = renderer.pieces(edition, edition.items, sections, links, reader)
        self._renderer, self._edition, self._sections = renderer, edition, sections
        self._items = {item.paper.id: item for item in edition.items}
        self._html = Part(pieces.html, groups, _in_html)
        self._text = Part(pieces.text, groups, _in_text)
        self._selected = lru_cache(_SELECTIONS)(self._select)

    def digest(self, paper_ids: Sequence[str], links: MailLinks, reader: Subscriber) -> Parts:
        """The digest of these papers of the edition to this reader.

        Raises:
            KeyError: a paper that the edition has not.
            ValueError: there are no papers; an empty mail is never sent.
        """
        if not paper_ids:
            raise ValueError(f"edition {self._edition.id}: a digest without papers")
        subject, text, text_rows, html, html_rows = self._selected(tuple(paper_ids))
        own = {name: filters.link(getattr(links, name)) for name in _LINKS}
        own["reason"] = self._renderer.reason(reader)
        mine = {name: self._text.own(name, value) for name, value in own.items()}
        text_part = self._text.join(text | mine, text_rows)
        mine = {name: self._html.own(name, value) for name, value in own.items()}
        return subject, text_part, self._html.join(html | mine, html_rows)

    def _select(
        self, paper_ids: tuple[str, ...]
    ) -> tuple[str, dict[str, bytes], bytes, dict[str, bytes], bytes]:
        """What all readers of these papers have in common."""
        groups = grouped([self._items[name] for name in paper_ids], self._sections)
        words: Words = self._renderer.words(self._edition, groups)
        said = {"summary": words.summary}
        text = {name: self._text.own(name, value) for name, value in said.items()}
        said |= {"subject": words.subject, "preheader": words.preheader}
        html = {name: self._html.own(name, value) for name, value in said.items()}
        return words.subject, text, self._text.rows(groups), html, self._html.rows(groups)


def _in_html(_: str, value: str | int) -> str:
    """As css-inline writes what Jinja escaped; quotes need nothing, for no link has any."""
    return escape(str(value), quote=False)


def _in_text(name: str, value: str | int) -> str:
    if name == "number":
        return f"{value:3}. "
    return str(value) if name in _LINKS else filters.wrapped(str(value))
