"""The press's stock: what readers share of one edition's mails, encoded, with holes for the rest.

Every piece is encoded for itself and ends at a line break, hard or soft, so that neighbours never
touch: ``encoded`` over all pieces of one reader's own rendering gives the same bytes.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from html import escape
from typing import NamedTuple

from digest.fit import ROOM, Fit, Size, fit
from digest.model import MailLinks
from digest.quoted import encode_piece
from digest.render import filters
from digest.render.pieces import Laid, size

LINKS = ("preferences", "unsubscribe", "edition")

Chunk = bytes | str  # a piece of a mail, or the name of what a reader has in its place
Titled = Sequence[tuple[str, Sequence[str]]]  # sections: a title, and the ids of its papers

# What depends on the selection; "before" is what stands before a part.
_SELECTED = frozenset({"before", "title", "summary", "web", "subject", "preheader"})


def split_link(link: str) -> tuple[str, str]:
    """What a link of one kind has in common for all readers, and the token behind it."""
    at = max(link.rfind("/"), link.rfind("=")) + 1
    return link[:at], link[at:]


def encoded(pieces: Iterable[tuple[str, str]]) -> bytes:
    """A part of a mail from its (name, text) pieces; a link is two."""
    texts = (split_link(text) if name in LINKS else (text,) for name, text in pieces)
    return b"".join(encode_piece(text) for several in texts for text in several)


class Stretch:
    """A stretch of the mail with its readers' holes, and with places for what is selected."""

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        self.holes = list[str]()
        between: list[list[Chunk]] = [[]]
        for chunk in _joined(chunks):
            if isinstance(chunk, bytes) or chunk in _SELECTED:
                between[-1].append(chunk)
            else:
                self.holes.append(chunk)
                between.append([])
        self._varying = [
            (at, pieces) for at, pieces in enumerate(between) if not _SELECTED.isdisjoint(pieces)
        ]
        # Those that vary are put in place by ``segments``.
        self._segments = [
            b"".join(piece for piece in pieces if isinstance(piece, bytes)) for pieces in between
        ]

    def segments(self, said: Mapping[str, bytes]) -> list[bytes]:
        """What stands before, between and after the holes, with what is selected in its places."""
        found = self._segments.copy()
        for at, pieces in self._varying:
            found[at] = b"".join(
                [said[piece] if isinstance(piece, str) else piece for piece in pieces]
            )
        return found


class Card(NamedTuple):
    """One paper of a part, encoded: up to the reader's ticket, and what follows that.

    ``quote`` is where its quotation is, ``size`` how many bytes it is decoded.
    """

    whole: bytes
    after: bytes
    quote: slice
    size: Size

    def brief(self) -> bytes:
        """Without the quotation."""
        return self.whole[: self.quote.start] + self.whole[self.quote.stop :]


class Part:
    """The shared pieces of one part, HTML or text, and what closes it."""

    def __init__(
        self, kind: str, part: Laid, ids: Sequence[str], links: MailLinks, closing: bytes = b""
    ) -> None:
        self.kind = kind
        self._links = links
        self._frame = size(part.head) + size(part.foot)
        self._head = Stretch(["before", *self._chunks(part.head)])
        self._foot = Stretch([*self._chunks(part.foot), closing])
        section = part.sections[0]
        opening = dict(section.opening)
        self._open, self._list = (encode_piece(opening[name]) for name in ("heading", "list"))
        self._end = b"".join(encode_piece(text) for _, text in section.end)
        self._around = size(section.opening) + size(section.end)
        self._heading = lru_cache(None)(self._titled)
        # The first paper stands in other words than the rest, which there may be none of.
        lead, other = (dict(part.papers[at]) for at in (0, -1))
        self._numbered = [self._number(1, lead, ("lead", "lead_open"))]
        self._numbered += [
            self._number(number, other, ("row", "open")) for number in range(2, len(ids) + 1)
        ]
        self._cards = dict(zip(ids, map(self._card, part.papers), strict=True))
        self._whole = {name: card.whole for name, card in self._cards.items()}
        self._after = {name: card.after for name, card in self._cards.items()}
        self._bytes = {name: sum(card.size) for name, card in self._cards.items()}

    def _card(self, pieces: Sequence[tuple[str, str]]) -> Card:
        found = dict(pieces)
        names = ("card", "quote", "rest", "after")
        card, quote, rest, after = (encode_piece(found[name]) for name in names)
        quoted = size([("quote", found["quote"])])
        place = slice(len(card), len(card) + len(quote))
        return Card(card + quote + rest, after, place, Size(size(pieces) - quoted, quoted))

    def _number(self, number: int, row: Mapping[str, str], around: tuple[str, str]) -> bytes:
        before, after = (encode_piece(row.get(name, "")) for name in around)
        return before + self.own("number", number) + after

    def _titled(self, title: str) -> bytes:
        return self._open + self.own("section", title) + self._list

    def own(self, name: str, value: str | int) -> bytes:
        """A value that is not everybody's, as this part has it."""
        return encode_piece((_in_html if self.kind == "html" else _in_text)(name, value))

    def segments(self, said: Mapping[str, bytes], groups: Titled, kept: Fit) -> list[bytes]:
        """The part for one selection, as what stands around its holes."""
        head, foot = self._head.segments(said), self._foot.segments(said)
        first, *rows, last = self._rows(groups, kept)
        return [*head[:-1], head[-1] + first, *rows, last + foot[0], *foot[1:]]

    def holes(self, papers: int) -> list[str]:
        """What stands between the segments of so many papers."""
        return [*self._head.holes, *["ticket"] * papers, *self._foot.holes]

    def fit(self, groups: Titled) -> Fit:
        """How much of these papers has room."""
        total, papers = self._frame, 0
        for _, ids in groups:
            total += self._around + sum(map(self._bytes.__getitem__, ids))
            papers += len(ids)
        if total <= ROOM:
            return Fit(papers, papers)
        return fit(self._frame, self._sizes(groups))

    def _sizes(self, groups: Titled) -> list[Size]:
        """The bytes of each paper; one that opens a section pays for it."""
        found = list[Size]()
        for _, ids in groups:
            sizes = [self._cards[name].size for name in ids]
            found += (Size(sizes[0].card + self._around, sizes[0].quote), *sizes[1:])
        return found

    def _rows(self, groups: Titled, kept: Fit) -> list[bytes]:
        """The papers under their headings, around the tickets: of each its number and its card."""
        found, number, before = list[bytes](), 0, b""
        for title, ids in groups:
            names = ids[: max(0, kept.papers - number)]
            if not names:
                break
            numbers = self._numbered[number : number + len(names)]
            cards = [*map(self._whole.__getitem__, names)]
            for at in range(max(0, kept.quotes - number), len(names)):
                cards[at] = self._cards[names[at]].brief()
            *between, end = map(self._after.__getitem__, names)
            openings = (before + self._heading(title), *between)
            found += map(b"".join, zip(openings, numbers, cards, strict=True))
            before = end + self._end
            number += len(names)
        return [*found, before]

    def _chunks(self, pieces: Iterable[tuple[str, str]]) -> Iterable[Chunk]:
        for name, text in pieces:
            if name in LINKS:
                yield encode_piece(_in_html(name, split_link(getattr(self._links, name))[0]))
                yield name
            elif name in {"reason", "address"}:
                yield f"{self.kind}.{name}"
            else:
                yield name or encode_piece(text)


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
