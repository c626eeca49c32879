"""Tokens of LaTeX, and which of them belong together: braces, and the two ends of a formula."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from digest.notation.symbols import GREEK, STRIPPED

_TOKEN = re.compile(
    rf"""(?P<url>https?://(?:[^\s{{}}\\$<>"]|\\[_%&\#~])+)
    |(?P<command>\\(?:operatorname\*|[A-Za-z]+|.)|(?<![A-Za-z])(?:{"|".join(STRIPPED)})(?={{))
    |(?P<greek>(?<![A-Za-z])(?:{"|".join(GREEK)})(?=}}?[_^](?:{{|-?\d|\w\b))|(?<=\^)circ)
    |(?P<style>(?<={{)(?:em|bf|it|sc|tt)\s+)
    |(?P<maths>\$\$?)|(?P<open>{{)|(?P<close>}})|(?P<script>[_^])|(?P<tie>~)
    |(?P<quote>``|''|["'])|(?P<dash>-{{2,}})|(?P<space>\s+)|(?P<word>[^\W\d_]+|\d+)|(?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_WINDOW = 80  # characters of a formula that are looked at: keeps nested formulas linear


class Token(NamedTuple):
    """A piece of the source: its kind (a group of the expression above), text and offset."""

    kind: str
    text: str
    start: int


def tokens_of(source: str) -> list[Token]:
    """All of ``source``, cut into tokens."""
    return [
        Token(found.lastgroup or "other", found[0], found.start())
        for found in _TOKEN.finditer(source)
    ]


def pairs_of(tokens: Sequence[Token], source: str) -> dict[int, int]:
    """Opening token → closing token, of braces and of maths that begins and ends in one group."""
    pairs = _braces(tokens)
    closing = set(pairs.values())
    groups: list[dict[str, int]] = [{}]  # of each open group: closing delimiter → where it opened
    for at, token in enumerate(tokens):
        waiting = groups[-1]
        if at in closing:
            groups.pop()
        elif token.kind == "open" and at in pairs:
            groups.append({})
        elif token.text in (r"\(", r"\["):
            waiting[r"\)" if token.text == r"\(" else r"\]"] = at
        elif token.text in waiting and _is_maths(source, tokens[waiting[token.text]], token):
            pairs[waiting[token.text]] = at
            waiting.clear()
        elif token.kind == "maths":
            waiting[token.text] = at
    return pairs


def _braces(tokens: Sequence[Token]) -> dict[int, int]:
    pairs: dict[int, int] = {}
    opened: list[int] = []
    for at, token in enumerate(tokens):
        if token.kind == "open":
            opened.append(at)
        elif token.kind == "close" and opened:
            pairs[opened.pop()] = at
    return pairs


def _is_maths(source: str, opening: Token, closing: Token) -> bool:
    """Whether two dollar signs hug a formula, and neither money nor prose.

    The rule of flanking spaces and of the digit behind is Pandoc's ``tex_math_dollars``.
    """
    if closing.kind != "maths":
        return True
    start, after = opening.start + len(opening.text), closing.start + len(closing.text)
    inner = source[start : min(closing.start, start + _WINDOW)]
    if not inner or re.match(r"[\s,;:)!?]", inner):
        return False
    if source[closing.start - 1].isspace():  # tolerated where only a formula has commands
        return bool(re.match(r"\D.*?\\[A-Za-z]", inner, re.DOTALL))
    if re.search(r"[\\^_{}=]", inner) or not re.search(r"[\w.]", inner):
        return True
    money = re.match(r"\d.*[A-Za-z]{3}", inner, re.DOTALL)
    prose = re.search(r"[A-Za-z]{2}\s+[A-Za-z]{2}", inner)
    return not (money or prose or source[after : after + 1].isdigit())
