"""The tables of notation: what a LaTeX command says in Unicode, and what each may be part of."""

from pylatexenc.latex2text import get_default_latex_context_db


def _words(text: str) -> list[str]:
    return text.split()


def _symbols() -> dict[str, str]:
    """Command name → text: pylatexenc's plain replacements, then what it lacks or means otherwise.

    Replacements with ``%`` take arguments, and ``today`` would freeze the day of the import.
    """
    database = get_default_latex_context_db()
    found: dict[str, str] = {}
    for category in ("latex-base", "advanced-symbols", "latex-approximations"):
        for spec in database.iter_macro_specs([category]):
            text = spec.simplify_repl
            if isinstance(text, str) and text and "%" not in text and spec.macroname != "today":
                found.setdefault(spec.macroname, text)
    operators = "arg argmax argmin det dim gcd hom ker Pr sec csc cot sgn tr mod bmod sign diag"
    return (
        found
        | {name: name for name in operators.split()}
        | {char: char for char in "%#_{}$&*"}
        | dict.fromkeys("!-/", "")
        | dict.fromkeys(",;:> \n\\", " ")
        | {
            "choose": " choose ",
            "deg": "°",
            "|": "‖",
            "lVert": "‖",
            "rVert": "‖",
            "lvert": "|",
            "rvert": "|",
        }
        | {"eg": "e.g.", "ie": "i.e.", "etc": "etc.", "etal": "et al.", "item": " • ", "mid": "|"}
        | {"TeX": "TeX", "LaTeX": "LaTeX", "textless": "<", "textgreater": ">", "S": "§"}
        | {"lt": "<", "gt": ">", "colon": ":", "degree": "°", "copyright": "©", "euro": "€"}
        | {"par": " ", "newline": " ", "textregistered": "®", "texttrademark": "™"}
    )


SYMBOLS = _symbols()
GREEK = _words(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho "
    "sigma tau phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega ell"
)
# Letters whose command swallows the space that ends its name: ``S\\o ren`` is one word.
LETTERS = frozenset(["o", "O", "l", "L", "ss", "ae", "AE", "oe", "OE", "aa", "AA", "i", "j"])
# Style or size and nothing else; ``\\left`` stands before a delimiter that speaks for itself.
DROPPED = _words(
    "em bf it rm sc sf tt sl tiny small large Large normalsize displaystyle textstyle bfseries "
    "itshape scshape left right middle big Big bigl bigr Bigl Bigr bigg Bigg limits nolimits "
    "allowbreak noindent xspace centering protect"
)
# Commands that show their argument; those in PROSE leave maths while they do.
PROSE = _words("text textbf textit textrm textsc textsf textsl texttt textnormal textup mbox hbox")
SHOWN = _words(
    "emph underline mathbf mathrm mathit mathsf mathtt boldsymbol operatorname uline mathnormal "
    "bm pmb ensuremath overbrace underbrace boxed hl rev revise mathop b"
)
ALPHABETS = {
    "mathcal": "script", "mathscr": "script", "mathfrak": "fraktur",
    "mathbb": "doublestruck", "mathbbm": "doublestruck", "mathds": "doublestruck",
}  # fmt: skip
# Upstream sometimes loses backslashes; a brace right behind one of these names gives it away.
STRIPPED = [
    *PROSE, *SHOWN[:9], *ALPHABETS, "frac", "sqrt", "widetilde", "widehat", "overline",
    "href", "url", "textcolor", "textsuperscript", "textsubscript",
]  # fmt: skip
# Combining marks. In prose an accent must give one letter that exists; in maths any base will do.
ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306",
    ".": "\u0307", '"': "\u0308", "r": "\u030a", "H": "\u030b", "v": "\u030c", "d": "\u0323",
    "c": "\u0327", "k": "\u0328",
}  # fmt: skip
HATS = {
    "grave": "\u0300", "acute": "\u0301", "hat": "\u0302", "widehat": "\u0302", "tilde": "\u0303",
    "widetilde": "\u0303", "bar": "\u0304", "overline": "\u0305", "breve": "\u0306",
    "dot": "\u0307", "ddot": "\u0308", "check": "\u030c", "vec": "\u20d7", "not": "\u0338",
}  # fmt: skip
SCRIPTS = {
    "^": dict(zip(
        "0123456789+-−=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWβγδθφχ⊤*∗′″∘°†‡⋆®™",  # noqa: RUF001 - the letters themselves
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵝᵞᵟᶿᵠᵡᵀ**′″°°†‡⋆®™",  # noqa: RUF001
        strict=True,
    )),
    "_": dict(zip(
        "0123456789+-−=()aehijklmnoprstuvxβγρφχ",  # noqa: RUF001
        "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ",
        strict=True,
    )),
}  # fmt: skip
