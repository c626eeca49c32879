"""The press: one edition's digests by splicing; what readers share is rendered and encoded once.

    whole pool ──▶ renderer.pieces ──▶ frame, headings, cards (encoded, kept) ──▶ a sheet per
    selection ──▶ words, numbers ────────────────────────────────────────────┘    selection
    one reader ──▶ address, tokens, date ────────────────────────────────────▶ sheet.fill ──▶ mail

Every piece is encoded for itself and ends at a line break, hard or soft, so that neighbours never
touch: ``encoded`` over all pieces of one reader's own rendering gives the same bytes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from html import escape
from typing import NamedTuple, cast

from digest import mime
from digest.fit import Fit, Size, fit
from digest.model import Edition, Form, Item, MailLinks, Section, Subscriber
from digest.quoted import encode_piece, is_plain
from digest.render import Renderer, Words, filters, grouped
from digest.render.pieces import Laid, laid, size

_SELECTIONS = 16  # kept ready: readers with the same preferences get the same papers
_VALUES = 2048  # numbers, subjects, summaries: kept encoded
_REASONS = 1024  # one per day on which somebody became a reader
LINKS = ("preferences", "unsubscribe", "edition")

Chunk = bytes | str  # a piece of a mail, or the name of what a reader has in its place
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


class Card(NamedTuple):
    """One paper of a part, encoded: with its quotation and without, and how many bytes it is.

    Both end where the reader's ticket stands; ``after`` follows it.
    """

    whole: bytes
    brief: bytes
    after: bytes
    size: Size


class Part:
    """The shared pieces of one part, HTML or text."""

    def __init__(self, kind: str, part: Laid, ids: Sequence[str], links: MailLinks) -> None:
        self.kind = kind
        self.own = lru_cache(_VALUES)(self._own)
        self.frame = size(part.head) + size(part.foot)
        self._links = links
        self._head, self._foot = (_joined(self._chunks(one)) for one in (part.head, part.foot))
        section = part.sections[0]
        opening = dict(section.opening)
        self._heading, self._list = (encode_piece(opening[name]) for name in ("heading", "list"))
        self._end = b"".join(encode_piece(text) for _, text in section.end)
        self.around = size(section.opening) + size(section.end)
        # The first paper stands in other words than the rest, which there may be none of.
        lead, other = (dict(part.papers[at]) for at in (0, -1))
        self._around_number = [
            tuple(encode_piece(found.get(name, "")) for name in names)
            for found, names in ((lead, ("lead", "lead_open")), (other, ("row", "open")))
        ]
        self.cards = dict(zip(ids, map(self._card, part.papers), strict=True))

    def _card(self, pieces: Sequence[tuple[str, str]]) -> Card:
        found = dict(pieces)
        names = ("card", "quote", "rest", "after")
        card, quote, rest, after = (encode_piece(found[name]) for name in names)
        quoted = size([("quote", found["quote"])])
        return Card(card + quote + rest, card + rest, after, Size(size(pieces) - quoted, quoted))

    def _own(self, name: str, value: str | int) -> bytes:
        """A value that is not everybody's, as this part has it."""
        return encode_piece((_in_html if self.kind == "html" else _in_text)(name, value))

    def sheet(self, words: Mapping[str, str], groups: Numbered, kept: Fit) -> list[Chunk]:
        """The part for one selection; the names of holes in place of what is the readers'."""
        said = {name: self.own(name, value) for name, value in words.items()}
        head, foot = (
            [said.get(chunk, chunk) if isinstance(chunk, str) else chunk for chunk in chunks]
            for chunks in (self._head, self._foot)
        )
        return [*head, *self._rows(groups, kept), *foot]

    def sizes(self, groups: Numbered) -> list[Size]:
        """The bytes of each paper; one that opens a section pays for it."""
        found = list[Size]()
        for _, cards in groups:
            more = self.around
            for _, item in cards:
                card, quote = self.cards[item.paper.id].size
                found.append(Size(card + more, quote))
                more = 0
        return found

    def _rows(self, groups: Numbered, kept: Fit) -> Iterator[Chunk]:
        """The papers under their headings, a hole after each for the ticket."""
        own, lead = self.own, b""
        before, after = self._around_number[0]
        for section, cards in groups:
            if cards[0][0] > kept.papers:
                break
            lead += self._heading + own("section", section.title) + self._list
            for number, item in cards[: max(0, kept.papers + 1 - cards[0][0])]:
                card = self.cards[item.paper.id]
                shown = card.whole if number <= kept.quotes else card.brief
                yield lead + before + own("number", number) + after + shown
                yield "ticket"
                lead, (before, after) = card.after, self._around_number[1]
            lead += self._end
        yield lead

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
        ids = [item.paper.id for _, cards in grouped(edition.items, sections) for _, item in cards]
        pieces = renderer.pieces(edition, edition.items, sections, links, reader)
        self._renderer, self._edition, self._sections = renderer, edition, sections
        self._items = {item.paper.id: item for item in edition.items}
        self._boundary = mime.boundary(edition.id)
        self._head = lru_cache(len(self._items))(head)  # a subject is that of a top paper
        self._text = Part("text", laid(pieces.text), ids, links)
        self._html = Part("html", laid(pieces.html), ids, links)
        self._selected = lru_cache(_SELECTIONS)(self._sheet)
        self._reason = lru_cache(_REASONS)(lambda reason: self._both("reason", reason))

    def sheet(
        self, paper_ids: Sequence[str], form: Form = Form.DAILY, topics: Sequence[str] = ()
    ) -> Sheet:
        """The mail with these papers of the edition, for who chose those topics.

        Raises:
            KeyError: a paper that the edition has not.
            ValueError: there are no papers; an empty mail is never sent.
        """
        if not paper_ids:
            raise ValueError(f"edition {self._edition.id}: a digest without papers")
        return self._selected(tuple(paper_ids), form, tuple(topics))

    def own(self, reader: Subscriber, tokens: Mapping[str, str]) -> dict[str, bytes]:
        """What the parts of a mail need of a reader; ``tokens``: of ``LINKS``, and the ticket."""
        own = {name: encode_piece(token) for name, token in tokens.items()}
        own["text.reason"], own["html.reason"] = self._reason(self._renderer.reason(reader))
        own["text.address"], own["html.address"] = self._both("address", reader.email)
        return own

    def _both(self, name: str, value: str) -> tuple[bytes, bytes]:
        if is_plain(value):
            return (encode_piece(value),) * 2
        shown = filters.one_line(value)
        return self._text.own(name, shown), self._html.own(name, shown)

    def _sheet(self, paper_ids: tuple[str, ...], form: Form, topics: tuple[str, ...]) -> Sheet:
        """What all readers of these papers have in common."""
        groups = grouped([self._items[name] for name in paper_ids], self._sections, topics)
        kept = fit(self._html.frame, self._html.sizes(groups))
        words: Words = self._renderer.words(self._edition, groups, form)
        web = self._renderer.web(len(paper_ids) - kept.papers)
        said = {"title": words.title, "summary": words.summary, "web": web}
        text = self._text.sheet(said, groups, kept)
        said |= {"subject": words.subject, "preheader": words.preheader}
        html = self._html.sheet(said, groups, kept)
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
    if name == "section":
        return filters.underlined(str(value))
    return filters.wrapped(str(value)) if name in {"summary", "reason"} else str(value)
