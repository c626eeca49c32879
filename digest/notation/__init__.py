r"""Notation: how raw titles, abstracts and authors read as one line of plain Unicode.

    raw ─▶ clean (entities, controls) ─▶ commands.from_latex ─▶ one line      symbols: the tables

Nothing here makes text safe for HTML or for a header: escaping belongs to who renders.
"""

import re
from collections.abc import Sequence
from html import unescape
from html.entities import html5
from unicodedata import combining

from digest.notation.commands import from_latex

LONGEST_NAME = 60  # characters of one author that are shown

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|([A-Za-z][A-Za-z0-9]{1,31}));")
# Controls and direction overrides can make a text read as what it is not.
_UNSAFE = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069]")
_SURROGATE = re.compile("[\ud800-\udfff]")  # cannot be encoded
_NOTATION = re.compile(r"[\\$^_{}~]|``|''|--")
_SENTENCE_END = re.compile(r"""[.!?…]["'\u201d\u2019)\]]*(?=\s+[^a-z\s]|\s*$)|[。\uff01\uff1f]""")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[.\u201c\u2018\"'])(?:[A-Z]|e\.g|i\.e|i\.i\.d|a\.k\.a|w\.r\.t|al|ca|cf|approx|"
    r"resp|vs|viz|[Ff]igs?|[Ee]qs?n?|[Ss]ecs?|[Tt]abs?|[Rr]efs?|[Tt]hm|[Nn]o|[Vv]ol|[Pp]p|"
    r"[Dd]r|[Pp]rof|St)\.$"
)
_EARLIEST_END = 0.4  # of the limit: a shorter text says too little to stop at its sentence


def readable(text: str) -> str:
    """One line of Unicode for a raw title or abstract; what cannot be converted stays as it is.

    Entities are undone once. ``$`` opens maths only where it hugs a formula. Never raises; the
    time grows with the length of the text alone. The result is not escaped for any markup.
    """
    text = _UNSAFE.sub("", _SURROGATE.sub("\ufffd", _ENTITY.sub(_entity, text)))
    if _NOTATION.search(text):
        text = _UNSAFE.sub("", from_latex(text))
    return " ".join(text.split())


def _entity(found: re.Match[str]) -> str:
    name = found[1]
    return html5.get(f"{name};", found[0]) if name else unescape(found[0])


def sentences(text: str) -> list[str]:
    """The sentences of one line of text; joined by spaces they are the text again."""
    found, start = list[str](), 0
    for end in (one.end() for one in _SENTENCE_END.finditer(text)):
        if not _ABBREVIATION.search(text[max(0, end - 8) : end]):
            found.append(text[start:end].strip())
            start = end
    return [one for one in (*found, text[start:].strip()) if one]


def shorten(text: str, limit: int) -> str:
    """At most ``limit`` characters of one line of text.

    Ends with the last sentence that ends within them, if that is past 40 % of the limit; else with
    a whole word and ``…``.
    """
    if len(text) <= limit:
        return text
    ends = (found.end() for found in _SENTENCE_END.finditer(text, 0, limit + 2))
    for end in reversed([end for end in ends if _EARLIEST_END * limit <= end <= limit]):
        if not _ABBREVIATION.search(text[max(0, end - 8) : end]):
            return text[:end]
    return _cut(text, limit)


def _cut(text: str, limit: int) -> str:
    """The words that fit in front of ``…``, or the letters of a word that alone does not."""
    if limit <= 0:
        return ""
    at = limit - 1
    space = at if text[at].isspace() else text.rfind(" ", at // 2, at)
    if space >= 0:
        at = space
    while at > 0 and (combining(text[at]) or text[at] in "\u200d\ufe0f"):
        at -= 1  # a letter and its marks stay together
    return text[:at].rstrip(" .,;:-–—([") + "…"


def name_list(authors: Sequence[str], most: int = 4) -> str:
    """``A, B, C and 9 others``: all names if they are at most ``most``, else one less and a count.

    Names are made readable and cut to `LONGEST_NAME` characters; those that are empty are left out
    and not counted.
    """
    kept = [author for author in authors if any(map(str.isalnum, author))]
    shown = len(kept) if len(kept) <= most else max(1, most - 1)
    names = [shorten(readable(author[: 8 * LONGEST_NAME]), LONGEST_NAME) for author in kept[:shown]]
    names = [name for name in names if name]
    rest = len(kept) - shown
    if rest:
        names.append("1 other" if rest == 1 else f"{rest} others")
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
