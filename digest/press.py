"""The press: one edition's digests by splicing; what readers share is rendered and encoded once.

    whole pool ──▶ renderer.pieces ──▶ frame, headings, cards (encoded, kept) ──▶ a sheet per
    selection ──▶ words, numbers ────────────────────────────────────────────┘    selection
    one reader ──▶ address, tokens, date ────────────────────────────────────▶ sheet.fill ──▶ mail

Every piece is encoded for itself and ends at a line break, hard or soft, so that neighbours never
touch: ``encoded`` over all pieces of one reader's own rendering gives the same bytes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from html import escape
from typing import NamedTuple, cast

from digest import mime
from digest.model import Edition, Item, MailLinks, Section, Subscriber
from digest.quoted import encode_piece, is_plain
from digest.render import Renderer, Words, filters, grouped

_SELECTIONS = 16  # kept ready: readers with the same preferences get the same papers
_VALUES = 2048  # numbers, subjects, summaries: kept encoded
_REASONS = 1024  # one per day on which somebody became a reader
LINKS = ("preferences", "unsubscribe", "edition")

Chunk = bytes | str  # a piece of a mail, or the name of what a reader has in its place
Blocks = Mapping[str, bytes]  # by section or paper
Numbered = Sequence[tuple[Section, Sequence[tuple[int, Item]]]]


def split_link(link: str) -> tuple[str, str]:
    """What a link of one kind has in common for all readers, and the token behind it."""
    at = max(link.rfind("/"), link.rfind("=")) + 1
    return link[:at], link[at:]


def encoded(pieces: Iterable[tuple[str, str]]) -> bytes:
    """A part of a mail from its (name, text) pieces; a link is two."""
    texts = (split_link(text) if name in LINKS else (text,) for name, text in pieces)
    return b"".join(encode_piece(text) for several in texts for text in several)


class Sheet(NamedTuple):
    """One selection's mail, with holes where a reader's own goes."""

    chunks: list[Chunk]
    holes: list[tuple[int, str]]  # where the names are

    def fill(self, own: Mapping[str, bytes]) -> bytes:
        """The mail of one reader; ``own`` has their bytes by name."""
        chunks = self.chunks.copy()
        for at, name in self.holes:
            chunks[at] = own[name]
        return b"".join(cast("list[bytes]", chunks))


class Part:
    """The shared pieces of one part, HTML or text."""

    def __init__(
        self, kind: str, pieces: Sequence[tuple[str, str]], groups: Numbered, links: MailLinks
    ) -> None:
        names = [name for name, _ in pieces]
        first = names.index("heading")
        end = 1 + max(at for at, name in enumerate(names) if name in {"card", "end"})
        self.kind = kind
        self.own = lru_cache(_VALUES)(self._own)
        self._links = links
        self._head = _joined(self._chunks(pieces[:first]))
        self._foot = _joined(self._chunks(pieces[end:]))

        def all_of(name: str) -> list[bytes]:
            return [encode_piece(text) for found, text in pieces if found == name]

        ids = [item.paper.id for _, cards in groups for _, item in cards]
        self._headings: Blocks = dict(
            zip((section.name for section, _ in groups), all_of("heading"), strict=True)
        )
        self._cards: Blocks = dict(zip(ids, all_of("card"), strict=True))
        self._row, self._end = (next(iter(all_of(name)), b"") for name in ("row", "end"))

    def _own(self, name: str, value: str | int) -> bytes:
        """A value that is not everybody's, as this part has it."""
        return encode_piece((_in_html if self.kind == "html" else _in_text)(name, value))

    def sheet(self, words: Mapping[str, str], groups: Numbered) -> list[Chunk]:
        """The part for one selection; the names of holes in place of what is the readers'."""
        said = {name: self.own(name, value) for name, value in words.items()}
        head = [said.get(chunk, chunk) if isinstance(chunk, str) else chunk for chunk in self._head]
        return [*head, self._rows(groups), *self._foot]

    def _rows(self, groups: Numbered) -> bytes:
        """The papers under their headings."""
        found = list[bytes]()
        for section, cards in groups:
            found.append(self._headings[section.name])
            for number, item in cards:
                found += (self._row, self.own("number", number), self._cards[item.paper.id])
            found.append(self._end)
        return b"".join(found)

    def _chunks(self, pieces: Iterable[tuple[str, str]]) -> Iterable[Chunk]:
        for name, text in pieces:
            if name in LINKS:
                yield encode_piece(_in_html(name, split_link(getattr(self._links, name))[0]))
                yield name
            elif name in {"reason", "address"}:
                yield f"{self.kind}.{name}"
            else:
                yield name or encode_piece(text)


class Press:
    """Prints one edition; what it keeps goes with it."""

    def __init__(
        self,
        renderer: Renderer,
        edition: Edition,
        sections: Sequence[Section],
        links: MailLinks,
        reader: Subscriber,
        *,
        head: Callable[[str], Sequence[Chunk]] = lambda _: (),
    ) -> None:
        """``links`` and ``reader``, anybody's, show where such values stand.

        ``head`` gives the header block for a subject, as chunks.
        """
        groups = grouped(edition.items, sections)
        pieces = renderer.pieces(edition, edition.items, sections, links, reader)
        self._renderer, self._edition, self._sections = renderer, edition, sections
        self._items = {item.paper.id: item for item in edition.items}
        self._boundary = mime.boundary(edition.id)
        self._head = lru_cache(len(self._items))(head)  # a subject is that of a top paper
        self._text = Part("text", pieces.text, groups, links)
        self._html = Part("html", pieces.html, groups, links)
        self._selected = lru_cache(_SELECTIONS)(self._sheet)
        self._reason = lru_cache(_REASONS)(lambda reason: self._both("reason", reason))

    def sheet(self, paper_ids: Sequence[str]) -> Sheet:
        """The mail with these papers of the edition.

        Raises:
            KeyError: a paper that the edition has not.
            ValueError: there are no papers; an empty mail is never sent.
        """
        if not paper_ids:
            raise ValueError(f"edition {self._edition.id}: a digest without papers")
        return self._selected(tuple(paper_ids))

    def own(self, reader: Subscriber, tokens: Mapping[str, str]) -> dict[str, bytes]:
        """What the parts of a mail need of a reader; ``tokens`` are those of ``LINKS``."""
        own = {name: encode_piece(token) for name, token in tokens.items()}
        own["text.reason"], own["html.reason"] = self._reason(self._renderer.reason(reader))
        own["text.address"], own["html.address"] = self._both("address", reader.email)
        return own

    def _both(self, name: str, value: str) -> tuple[bytes, bytes]:
        if is_plain(value):
            return (encode_piece(value),) * 2
        shown = filters.one_line(value)
        return self._text.own(name, shown), self._html.own(name, shown)

    def _sheet(self, paper_ids: tuple[str, ...]) -> Sheet:
        """What all readers of these papers have in common."""
        groups = grouped([self._items[name] for name in paper_ids], self._sections)
        words: Words = self._renderer.words(self._edition, groups)
        said = {"summary": words.summary}
        text = self._text.sheet(said, groups)
        said |= {"subject": words.subject, "preheader": words.preheader}
        html = self._html.sheet(said, groups)
        before, between, after = mime.frame(self._boundary)
        whole = [*self._head(words.subject), before, *text, between, *html, after]
        holes = [(at, chunk) for at, chunk in enumerate(whole) if isinstance(chunk, str)]
        return Sheet(whole, holes)


def _joined(chunks: Iterable[Chunk]) -> list[Chunk]:
    """The same with neighbouring pieces in one."""
    joined: list[Chunk] = []
    for chunk in chunks:
        if isinstance(chunk, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += chunk
        else:
            joined.append(chunk)
    return joined


def _in_html(_: str, value: str | int) -> str:
    """As css-inline writes what Jinja escaped; quotes need nothing, for no link has any."""
    return escape(str(value), quote=False)


def _in_text(name: str, value: str | int) -> str:
    if name == "number":
        return f"{value:3}. "
    return filters.wrapped(str(value)) if name in {"summary", "reason"} else str(value)
