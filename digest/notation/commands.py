r"""What LaTeX commands with arguments say. A new one is a line in `ACTIONS`.

An action that finds no argument gives its command back as it was written. An argument is read
once: where a second one is missing, the first, already rendered, is put behind the command again.
"""

import re
from unicodedata import combining, normalize

from pylatexenc.latex2text import fmt_math_text_style

from digest.notation.latex import Action, Place, Walk, scripted
from digest.notation.symbols import ACCENTS, ALPHABETS, DROPPED, HATS, PROSE, SHOWN
from digest.notation.tokens import Token

_FARTHEST = 8  # tokens in [brackets] behind \sqrt
_DIGITS = str.maketrans("01", "\U0001d7d8\U0001d7d9")
_DOTLESS = str.maketrans("ıȷ", "ij")


def from_latex(source: str) -> str:
    """``source`` with its LaTeX as Unicode; what is not understood stays. Spaces are not tidied."""
    return Walk(source, ACTIONS).all()


def _shown(walk: Walk, token: Token, place: Place) -> str:
    argument = walk.argument(place, maths=place.maths)
    return token.text if argument is None else argument


def _prose(walk: Walk, token: Token, place: Place) -> str:
    argument = walk.argument(place, maths=False)
    return token.text if argument is None else argument


def _operator(walk: Walk, token: Token, place: Place) -> str:
    return walk.operator(_shown(walk, token, place), place)


def _dropped(walk: Walk, token: Token, place: Place) -> str:
    following = walk.following(place)
    invisible = token.text in (r"\left", r"\right") and following.text == "."
    walk.at += following.kind == "space" or invisible
    return ""


def _alphabet(walk: Walk, token: Token, place: Place) -> str:
    argument = walk.argument(place, maths=True)
    style = ALPHABETS[token.text.removeprefix("\\")]
    if argument is None:
        return token.text
    if style == "doublestruck":
        argument = argument.translate(_DIGITS)
    return str(fmt_math_text_style(argument, style))


def _accent(walk: Walk, token: Token, place: Place) -> str:
    r"""A letter with its accent; ``\~8`` and ``don\'t`` are no accents but escaped characters."""
    name = token.text[1:]
    if not name.isalpha() and walk.following(place).kind == "space":
        return name
    argument = walk.argument(place, maths=place.maths) or ""
    letter = normalize("NFC", argument[:1].translate(_DOTLESS) + ACCENTS[name])
    if argument[:1].isalpha() and len(letter) == 1:
        return letter + argument[1:]
    if name in "=." or name.isalpha():
        return token.text + (f"{{{argument}}}" if argument else "")
    return name + argument


def _hat(walk: Walk, token: Token, place: Place) -> str:
    argument = walk.argument(place, maths=place.maths)
    if argument is None:
        return token.text
    mark = HATS[token.text.removeprefix("\\")]
    return "".join(  # no marks on marks: nested hats would double the text at each level
        char if char.isspace() or combining(char) else normalize("NFC", char + mark)
        for char in argument.translate(_DOTLESS)
    )


def _grouped(text: str) -> str:
    """In brackets, unless it is one number or name and cannot be misread."""
    return text if re.fullmatch(r"[\w.⁰¹²³⁴-⁹ⁿₐ-ₜ₀-₉]+", text) else f"({text})"


def _fraction(walk: Walk, token: Token, place: Place) -> str:
    above = walk.argument(place, maths=True)
    below = None if above is None else walk.argument(place, maths=True)
    if above is None or below is None:
        return token.text if above is None else f"{token.text}{{{above}}}"
    if token.text.endswith("binom"):
        return f"({above} choose {below})"
    return f"{_grouped(above)}/{_grouped(below)}"


def _root(walk: Walk, token: Token, place: Place) -> str:
    degree = ""
    if walk.following(place).text == "[":
        ahead = (walk.following(place, step).text for step in range(1, _FARTHEST))
        inner, found, _ = "\0".join(ahead).partition("\0]")
        if not found:
            return token.text
        walk.at += inner.count("\0") + 3
        degree = scripted("^", inner.replace("\0", ""))
    argument = walk.argument(place, maths=True)
    return degree + (token.text if argument is None else f"√{_grouped(argument)}")


def _link(walk: Walk, token: Token, place: Place) -> str:
    address = walk.raw_group(place)
    if address is None:
        return token.text
    text = walk.argument(place, maths=False) if walk.following(place).kind == "open" else None
    return text or _address(address)


def _url(walk: Walk, token: Token, place: Place) -> str:
    address = walk.raw_group(place)
    return token.text if address is None else _address(address)


def _address(raw: str) -> str:
    return re.sub(r"\\([_%&#~$])(?:\{\})?", r"\1", raw)


def _coloured(walk: Walk, token: Token, place: Place) -> str:
    colour = walk.raw_group(place)
    text = None if colour is None else walk.argument(place, maths=place.maths)
    if colour is None or text is None:
        return token.text if colour is None else f"{token.text}{{{colour}}}"
    return text


def _hidden(walk: Walk, token: Token, place: Place) -> str:
    """A colour switch, the beginning or end of an environment: a space."""
    return token.text if walk.raw_group(place) is None else " "


def _footnote(walk: Walk, token: Token, place: Place) -> str:
    argument = walk.argument(place, maths=False)
    return token.text if argument is None else f" ({argument})"


def _citation(walk: Walk, token: Token, place: Place) -> str:
    argument = walk.raw_group(place)
    return token.text if argument is None else f"[{argument}]"


def _raised(walk: Walk, token: Token, place: Place) -> str:
    mark = "^" if token.text.endswith("superscript") else "_"
    argument = walk.argument(place, maths=False)
    return token.text if argument is None else scripted(mark, argument)


def _unicode(walk: Walk, token: Token, place: Place) -> str:
    argument = walk.raw_group(place)
    if argument is None:
        return token.text
    found = re.fullmatch(r"x([0-9A-Fa-f]{1,5})|(\d{1,6})", argument)
    char = chr(int(found[1], 16) if found[1] else int(found[2])) if found else ""
    return char if char.isprintable() and char else f"{token.text}{{{argument}}}"


ACTIONS: dict[str, Action] = {
    **dict.fromkeys(SHOWN, _shown),
    **dict.fromkeys(PROSE, _prose),
    **dict.fromkeys(DROPPED, _dropped),
    **dict.fromkeys(ALPHABETS, _alphabet),
    **dict.fromkeys(ACCENTS, _accent),
    **dict.fromkeys(HATS, _hat),
    **dict.fromkeys(("frac", "tfrac", "dfrac", "nicefrac", "sfrac", "binom", "tbinom"), _fraction),
    **dict.fromkeys(("(", "["), Walk.maths),
    **dict.fromkeys(("href", "hyperlink"), _link),
    **dict.fromkeys(("url", "path", "nolinkurl"), _url),
    **dict.fromkeys(("textcolor", "colorbox"), _coloured),
    **dict.fromkeys(("color", "begin", "end"), _hidden),
    **dict.fromkeys(("footnote", "thanks"), _footnote),
    **dict.fromkeys(("cite", "citep", "citet", "ref", "cref", "Cref"), _citation),
    **dict.fromkeys(("textsuperscript", "textsubscript"), _raised),
    **dict.fromkeys(("operatorname", "operatorname*"), _operator),
    "sqrt": _root,
    "unicode": _unicode,
}
