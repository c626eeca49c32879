"""Of the room of Jinja: what its templates print values through. Pure functions."""

import math
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from heapq import nlargest
from urllib.parse import urlsplit

from markupsafe import Markup

from digest.model import Paper, Tally, Term
from digest.notation import readable, shorten

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
    "hackernews": "Hacker News",
    "review": "Reviews",
}
_FIXED_BELOW = 1000.0  # from there on a number is written with an exponent
_MOST_PARTS = 8  # of a score, in a mail
_MOST_CATEGORIES = 5  # of a source, in the line on what was read
_FACTOR_LIMIT = 12.0  # beyond exp(±12) a factor says nothing to a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One term of a score as drawn: ``x``, ``width`` and ``zero`` in percent of the row."""

    term: Term
    value: str
    factor: str
    x: float
    width: float
    zero: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One term of a score as a cell of a bar: whole ``percent`` of all terms, up or down."""

    name: str
    value: str
    percent: int
    lifts: bool


def visible(value: object) -> object:
    """What a template prints, without the characters nobody should meet (Markup has been here)."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _INVISIBLE.sub("", value)


def one_line(text: str) -> str:
    """Without what ``visible`` takes away; every run of white space is one space."""
    if not (text.isascii() and text.isprintable()):
        text = _INVISIBLE.sub("", text)
    return " ".join(text.split())


def plain(text: str) -> str:
    """A feed's LaTeX and entities as one readable line."""
    return one_line(readable(text))


def titled(plain: Callable[[str], str], short: Callable[[str, int], str]) -> Callable[..., str]:
    """The filter that shows a paper's title, made readable by ``plain`` and cut by ``short``."""

    def of(paper: Paper, limit: int = 200) -> str:
        return short(plain(paper.title), limit) or "Untitled paper"

    return of


def byline(authors: str, lab: str) -> str:
    """Who wrote a paper, and where: both as they shall be read."""
    return " · ".join(part for part in (shorten(authors, 160), shorten(lab, 60)) if part)


def dated(value: date | datetime, style: str = "long") -> str:
    """A day as ``long``, ``short``, ``day``, ``month``; an instant as ``instant`` or ``clock``."""
    written = {
        "long": f"{value:%A}, {value.day} {value:%B %Y}",
        "short": f"{value:%a} {value.day} {value:%b}",
        "day": f"{value.day} {value:%B %Y}",
        "month": f"{value:%B %Y}",
        "clock": f"{value:%H:%M} UTC",
        "instant": f"{value.day} {value:%B %Y, %H:%M} UTC",
    }
    return written[style]


def link(address: object) -> str:
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


def href(address: object) -> str:
    """As ``link``, and paths of this site (``/editions``, never ``//elsewhere``)."""
    own = isinstance(address, str) and re.match(r"/(?!/)", address)
    return f"{address}" if own and link(f"https://here{address}") else link(address)


def addresses(paper: Paper) -> list[tuple[str, str]]:
    """The (label, address) of a paper that can be followed, in the order of the labels."""
    found = ((label, link(paper.links.get(kind))) for kind, label in _LINK_LABELS.items())
    return [(label, address) for label, address in found if address]


def signed(value: float) -> str:
    """With its sign, as typeset: ``+0.12``, ``−0.39``; never a negative zero."""
    written = f"{round(value, 2) + 0.0:+.2f}" if abs(value) < _FIXED_BELOW else f"{value:+.2g}"
    return written.replace("-", "−")


def bars(terms: Sequence[Term]) -> Iterator[Bar]:
    """The terms to draw, on one scale; a value that is not finite has no bar."""
    values = [term.value if math.isfinite(term.value) else 0.0 for term in terms]
    low, high = min([0.0, *values]), max([0.0, *values])
    scale = 100 / ((high - low) or 1.0)
    for term, value in zip(terms, values, strict=True):
        yield Bar(
            term=term,
            value=signed(term.value),
            factor=f"{math.exp(term.value):.3g}" if abs(term.value) <= _FACTOR_LIMIT else "",
            x=round((min(value, 0.0) - low) * scale, 2),
            width=round(abs(value) * scale, 2),
            zero=round(-low * scale, 2),
        )


def parts(terms: Sequence[Term]) -> list[Share]:
    """The terms of a score for a small bar: what lifts it first, each as large as its value.

    Where there are many, the largest.
    """
    finite = [term for term in terms if math.isfinite(term.value)]
    largest = nlargest(_MOST_PARTS, finite, key=lambda term: abs(term.value))
    finite = sorted(largest, key=finite.index)
    total = sum(abs(term.value) for term in finite)
    shares = [
        Share(
            name=term.name,
            value=signed(term.value),
            percent=round(100 * (abs(term.value) / total)) if 0 < total < math.inf else 0,
            lifts=term.value > 0,
        )
        for term in finite
    ]
    return sorted(shares, key=lambda share: not share.lifts)


def folded(tallies: Sequence[Tally]) -> tuple[list[Tally], int, str]:
    """The categories to name, how many more there are, and whether ``all`` were read in full.

    Where not all can be named those at fault come first; ``others``: all but the named ones were
    read in full; ``few``: there are more at fault than can be named; '' where none was.
    """
    wrong = [one for one in tallies if one.again or one.read != one.listed]
    if len(tallies) <= _MOST_CATEGORIES:
        named = list(tallies)
    else:
        named = [*wrong, *(one for one in tallies if one not in wrong)][:_MOST_CATEGORIES]
    outcome = "all"
    if wrong:
        outcome = "few" if len(wrong) > len(named) else "others"
    return named, len(tallies) - len(named), "" if len(wrong) == len(tallies) else outcome


def underlined(title: str) -> str:
    """A section's heading in plain text."""
    return f"{title.upper()}\n{'-' * min(len(title), 72)}"


def wrapped(text: str, indent: int = 0, width: int = 74) -> str:
    """``text`` in lines of at most ``width`` columns; all but the first begin with ``indent``."""
    return textwrap.fill(
        " ".join(text.split()),
        width=width,
        initial_indent=" " * indent,
        subsequent_indent=" " * indent,
        break_long_words=False,  # an address broken in two is no address
        break_on_hyphens=False,
    ).lstrip()
