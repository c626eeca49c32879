r"""The walk through LaTeX: tokens become one string of Unicode, each rendered once, in order.

    source ─▶ tokens ─▶ pairs (braces, maths) ─▶ spans ─▶ text

Only pylatexenc's table of symbols is used, not its parser: that takes every ``$`` for maths, drops
commands it does not know, and raises on a few thousand ``{``. Here the position never goes back
and spans nest at most `DEEPEST` levels, so the time grows with the length of the text alone.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from digest.notation.symbols import GREEK, LETTERS, SCRIPTS, SYMBOLS
from digest.notation.tokens import Token, pairs_of, tokens_of

DEEPEST = 24  # levels of nesting; an abstract has five, and each costs a few frames of the stack

_ESCAPED = re.compile(r"\\([_%&#~$])")
# Scripts in prose, without braces: only what can hardly be a file name: 10^-3, G^2VLM, p_t, pi_0.
_BASE = {
    "^": re.compile(r"[\w)\]}|'*]$"),
    "_": re.compile(rf"(?:}}|\\[A-Za-z]+|(?<![\w/.-])(?:[^\W\d_]|{'|'.join(GREEK)}))$"),
}
_LOOSE = {
    "^": re.compile(r"[-+]?\d+(?!\.?\d)|\*(?!\*)|[^\W\d_](?!\w)"),
    "_": re.compile(r"(?:\d+(?:\.\d+)?|[^\W\d_])(?!\w)"),
}
_MACRO = re.compile(r"[A-Za-z]{2,}")
_NO_ARGUMENT = frozenset({"", "close", "maths", "script", "space"})


class Place(NamedTuple):
    """How far the walk may go, whether it is in maths, how deep, and what was written before."""

    end: int
    maths: bool = False
    depth: int = 0
    before: str = ""  # the last character of this span so far


Action = Callable[["Walk", Token, Place], str]


def scripted(mark: str, content: str) -> str:
    """``content`` as superscript (``^``) or subscript (``_``), or ``x^(ij)`` where it has none."""
    table = SCRIPTS[mark]
    compact = "".join(content.split())
    if all(char in table for char in compact):
        return "".join(table[char] for char in compact)
    bracketed = len(content) == 1 or (content[0] == "(" and content.find(")") == len(content) - 1)
    return f"{mark}{content}" if bracketed else f"{mark}({content})"


def _is_grouping(inner: str, before: str) -> bool:
    """Whether plain braces in prose are LaTeX's, ``{F}airness``: not a set, not an argument."""
    if before.isalnum():
        return len(inner) == 1 and (before + inner).isalpha()
    return inner != "" and "," not in inner


class Walk:
    """One walk over the tokens of one text: ``at`` is the next token and never goes back."""

    def __init__(self, source: str, actions: Mapping[str, Action]) -> None:
        self.source = source
        self.actions = actions
        self.tokens = tokens_of(source)
        self.pairs = pairs_of(self.tokens, source)
        self.at = 0
        self.quoting = False

    def all(self) -> str:
        """The whole text."""
        return self.span(Place(len(self.tokens)))

    def span(self, place: Place) -> str:
        """Everything up to ``place.end``, rendered."""
        pieces: list[str] = []
        while self.at < place.end:
            token = self.tokens[self.at]
            self.at += 1
            handle = _HANDLERS.get(token.kind)
            piece = handle(self, token, place) if handle else token.text
            if piece:
                pieces.append(piece)
                place = place._replace(before=piece[-1])
        return "".join(pieces)

    # ── What follows ─────────────────────────────────────────────────────────────────────────────

    def following(self, place: Place, ahead: int = 0) -> Token:
        """The next token, or one of no kind at the end of this place."""
        at = self.at + ahead
        return self.tokens[at] if at < place.end else Token("", "", len(self.source))

    def closing(self, at: int, place: Place) -> int | None:
        """Where the pair that opens at ``at`` closes, if it may be entered from here."""
        end = self.pairs.get(at, place.end)
        return end if end < place.end and place.depth < DEEPEST else None

    def inside(self, end: int, place: Place, *, maths: bool) -> str:
        """What stands before the closing token ``end``; the walk goes on behind that."""
        inner = self.span(Place(end, maths, place.depth + 1))
        self.at = end + 1
        return inner

    def argument(self, place: Place, *, maths: bool) -> str | None:
        """The next group, command or character, as TeX takes an argument; None where none is."""
        if self.following(place).kind == "space" and self.following(place, 1).kind:
            self.at += 1
        token = self.following(place)
        if token.kind == "open":
            end = self.closing(self.at, place)
            self.at += end is not None
            return None if end is None else self.inside(end, place, maths=maths)
        if token.kind in _NO_ARGUMENT or place.depth >= DEEPEST:
            return None
        self.at += 1
        if token.kind == "command":
            return self.command(token, Place(place.end, maths, place.depth + 1))
        if token.kind == "greek":
            return self.greek(token, place)
        if token.kind == "word" and len(token.text) > 1:  # one character; the rest stays a token
            self.at -= 1
            self.tokens[self.at] = Token("word", token.text[1:], token.start + 1)
            return token.text[0]
        return token.text

    def group_ahead(self, place: Place) -> int | None:
        """Where the group that comes next closes, if one does."""
        return self.closing(self.at, place) if self.following(place).kind == "open" else None

    def raw_group(self, place: Place) -> str | None:
        """The next group as it is written: an address, a colour, the name of an environment."""
        opening, end = self.following(place), self.group_ahead(place)
        if end is None:
            return None
        self.at = end + 1
        return self.source[opening.start + 1 : self.tokens[end].start]

    # ── Tokens ───────────────────────────────────────────────────────────────────────────────────

    def command(self, token: Token, place: Place) -> str:
        r"""What a command says; one that is not known stays, with its arguments.

        Alone it is a macro of the authors' own, most often what they call their work ("we propose
        \method, a …"): its name is read as a word.
        """
        name = token.text.removeprefix("\\")
        if name in SYMBOLS:
            return self.symbol(name, place)
        act = self.actions.get(name)
        if act:
            return act(self, token, place)
        opened = self.following(place).kind == "open"
        empty = opened and self.following(place, 1).kind == "close"
        if _MACRO.fullmatch(name) and (empty or not opened):
            self.at += 2 * empty  # {} only ends the name
            return self.operator(name, place) if place.maths else name
        pieces = [token.text]
        while (end := self.group_ahead(place)) is not None:
            self.at += 1
            inner = self.inside(end, place, maths=place.maths)
            pieces.append(f"{{{inner}}}" * bool(inner))
        return "".join(pieces)

    def symbol(self, name: str, place: Place) -> str:
        """A command without arguments, and the space or ``{}`` that only ends its name."""
        text = SYMBOLS[name]
        if self.following(place).kind == "open" and self.following(place, 1).kind == "close":
            self.at += 2
        if text.isalpha() and text.isascii() and len(text) > 1:
            return self.operator(text, place)
        # "S\o ren", and in maths "k\in K"; but "a \to b" means its spaces.
        swallows = name in LETTERS or (
            place.maths and not place.before.isspace() and name.isalpha()
        )
        if swallows and self.following(place).kind == "space":
            self.at += 1
        return text

    def operator(self, text: str, place: Place) -> str:
        """A name that must not run into its neighbours: ``d log d``."""
        following = self.following(place)
        glued = following.kind in ("word", "open", "greek") or re.match(
            r"\\(?!left|big|Big)[A-Za-z]", following.text
        )
        return " " * (place.before.isalnum()) + text + " " * bool(glued)

    def greek(self, token: Token, place: Place) -> str:
        """A letter whose backslash was lost."""
        return self.symbol(token.text, place)

    def maths(self, token: Token, place: Place) -> str:
        """A formula, or the delimiter itself where nothing closes it."""
        end = self.closing(self.at - 1, place)
        return token.text if end is None else self.inside(end, place, maths=True)

    def group(self, token: Token, place: Place) -> str:
        """Braces vanish in maths; in prose those stay that do not look like LaTeX's."""
        end = self.closing(self.at - 1, place)
        if end is None:
            return token.text
        behind = self.tokens[self.at - 2] if self.at > 1 else token
        marked_up = self.following(place).kind in ("command", "style")
        inner = self.inside(end, place, maths=place.maths)
        if behind.kind == "url":  # the rest of an \href that lost its backslash
            return "" if inner.rstrip("/") in behind.text else f" ({inner})"
        if place.maths or marked_up or inner == "," or _is_grouping(inner, place.before):
            return inner
        return f"{{{inner}}}"

    def script(self, token: Token, place: Place) -> str:
        """A superscript or subscript."""
        braced = ("open", "command", "greek") if token.text == "^" else ("open",)
        if place.maths or (self.following(place).kind in braced and place.before.strip()):
            content = self.argument(place, maths=True)
        else:
            content = self.loose(token, place)
        return token.text if content is None else scripted(token.text, content)

    def loose(self, token: Token, place: Place) -> str | None:
        """The script that prose means without saying so."""
        base = self.source[max(0, token.start - 16) : token.start]
        found = _LOOSE[token.text].match(self.source, token.start + 1)
        if found is None or not _BASE[token.text].search(base):
            return None
        while self.following(place).kind and self.following(place).start < found.end():
            self.at += 1
        return found[0]

    def tie(self, token: Token, place: Place) -> str:
        """A space that does not break, or "about" (``~8 points``), or "to" (``10~100``)."""
        behind = self.source[max(0, token.start - 1) : token.start]
        ahead = self.source[token.start + 1 : token.start + 3]
        about = behind.strip("([").strip() == "" and re.match(r"\s?[\d=$./<>]", ahead)
        between = behind.isdigit() and ahead[:1].isdigit()
        return "~" if (about or between) and not place.maths else " "

    def quote(self, token: Token, place: Place) -> str:
        """TeX's quotes, a lone double quote that closes them, and in maths a prime."""
        if place.maths and token.text != "``":
            return token.text.replace("''", "″").replace("'", "\u2032")
        outside = place.before == "" or place.before.isspace() or place.before in "(["
        if token.text == "``" or (token.text == "''" and outside and not self.quoting):
            self.quoting = True
            return "“"
        if token.text == "''" or (self.quoting and token.text == '"'):
            self.quoting = False
            return "”"
        return token.text

    def dash(self, token: Token, place: Place) -> str:
        """A dash, unless it is a flag of some program or a rule."""
        flag = not place.before.strip() and self.following(place).kind == "word"
        if place.maths or flag:
            return token.text
        return {2: "–", 3: "—"}.get(len(token.text), token.text)

    def url(self, token: Token, _place: Place) -> str:
        """An address: nothing in it is notation but escaped characters."""
        return _ESCAPED.sub(r"\1", token.text)

    def style(self, _token: Token, _place: Place) -> str:
        """A switch of style whose backslash was lost."""
        return ""


_HANDLERS: dict[str, Action] = {
    "command": Walk.command,
    "greek": Walk.greek,
    "style": Walk.style,
    "maths": Walk.maths,
    "open": Walk.group,
    "script": Walk.script,
    "tie": Walk.tie,
    "quote": Walk.quote,
    "dash": Walk.dash,
    "url": Walk.url,
}
