"""Of the room of Jinja: a digest cut up where readers differ, and cut down to what fits.

``cut(name)`` in a template: here begins a piece of that name. The mark is a character that
``visible`` takes away, so nothing that a feed or a reader says is ever taken for one. It stands in
a comment where HTML knows no text, as between the rows of a table.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from markupsafe import Markup

from digest.fit import Fit, Size

Piece = tuple[str, str]  # (name, text); the name of what belongs to nothing is empty
Part = list[Piece]

# A reader's own, and what depends on their selection.
_VARYING = frozenset(
    {"subject", "preheader", "title", "summary", "section", "number", "web", "edition"}
    | {"reason", "address", "preferences", "unsubscribe"}
)
TICKET = 36  # bytes kept free for one, which is on every card
_PAPER = ("lead", "row")  # begin one: the first of a mail, and any other
_CUT = re.compile("(?:<!--)?\x10(\\w*)\x10(?:-->)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """A digest cut up: its subject and its two parts."""

    subject: str
    html: Part
    text: Part


@dataclass(slots=True)
class Laid:
    """A part laid out: what comes before the papers, its sections, what comes after them."""

    head: Part = field(default_factory=list)
    sections: "list[LaidSection]" = field(default_factory=list)
    foot: Part = field(default_factory=list)

    @property
    def papers(self) -> list[Part]:
        """The pieces of each paper, in order."""
        return [paper for section in self.sections for paper in section.papers]


@dataclass(slots=True)
class LaidSection:
    """A section: its heading, its papers, what closes it."""

    opening: Part = field(default_factory=list)
    papers: list[Part] = field(default_factory=list)
    end: Part = field(default_factory=list)


def mark(name: str = "") -> Markup:
    """What ``cut`` puts into a page."""
    return Markup(f"\x10{name}\x10")  # noqa: S704 - a template's own word


def cut(part: str) -> Part:
    """A rendered part at its marks."""
    first, *rest = _CUT.split(part)
    return [("", first), *zip(rest[::2], rest[1::2], strict=True)]


def whole(part: str) -> str:
    """A rendered part without its marks."""
    return _CUT.sub("", part)


def laid(part: Part) -> Laid:
    """The pieces where they belong."""
    made = Laid()
    place = made.head
    for piece in part:
        name, section = piece[0], made.sections[-1] if made.sections else None
        if name == "heading":
            made.sections.append(LaidSection())
            place = made.sections[-1].opening
        elif section and name in _PAPER:
            section.papers.append([])
            place = section.papers[-1]
        elif section and name == "end":
            place = section.end
        elif section and place is section.end:
            place = made.foot
        place.append(piece)
    return made


def size(pieces: Iterable[Piece]) -> int:
    """The bytes of what is the same in every mail; for the rest there is a reserve."""
    found = [(name, text) for name, text in pieces if name not in _VARYING]
    return sum(TICKET if name == "ticket" else len(text.encode()) for name, text in found)


def sizes(part: Laid) -> list[Size]:
    """The bytes of each paper; one that opens a section pays for it."""
    found = []
    for section in part.sections:
        around = size(section.opening) + size(section.end)
        for paper in section.papers:
            quote = size(piece for piece in paper if piece[0] == "quote")
            found.append(Size(around + size(paper) - quote, quote))
            around = 0
    return found


def fitted(part: Laid, kept: Fit, web: str) -> Part:
    """What of a part is kept; ``web`` is what its link to the edition says then."""
    foot = [(name, web if name == "web" else text) for name, text in part.foot]
    return [*part.head, *_kept(part, kept), *foot]


def _kept(part: Laid, kept: Fit) -> Iterator[Piece]:
    number = 0
    for section in part.sections:
        papers = section.papers[: max(0, kept.papers - number)]
        if not papers:
            return
        yield from section.opening
        for paper in papers:
            number += 1
            yield from (one for one in paper if one[0] != "quote" or number <= kept.quotes)
        yield from section.end
