"""Raw titles, abstracts and names as one readable line: tables, hostile texts, a real corpus."""

import csv
import gzip
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.notation import LONGEST_NAME, name_list, readable, shorten

SHARED = Path(__file__).parents[2] / "shared"
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


# ── Readable ─────────────────────────────────────────────────────────────────────────────────────

MATHS = [
    (r"$\mathcal{O}(\epsilon^{-3})$", "𝒪(ϵ⁻³)"),
    (r"the $\ell_2$-norm", "the ℓ₂-norm"),
    (r"\(x^2\) and \[y_0\]", "x² and y₀"),  # LaTeX's own delimiters
    (r"$$x$$", "x"),
    (r"$x^{ij}$, $x_{ij}$", "xⁱʲ, xᵢⱼ"),  # every character has a script
    (r"$x^{qQ}$, $x_{i,j}$", "x^(qQ), x_(i,j)"),  # one has none: all stay on the line
    (r"$x^Q$, $x^{(Q)}$, $x^{(t)}$", "x^Q, x^(Q), x⁽ᵗ⁾"),  # no brackets around brackets
    (r"$x^*, A^\top, f', f'', 90^\circ, x^{}$", "x*, Aᵀ, f′, f″, 90°, x"),
    (r"$T^{2/3-\varepsilon}$", "T^(2/3-ε)"),
    (r"$x^10$", "x¹0"),  # as TeX sets it
    (r"$\frac{1}{2} + \frac{a+b}{\sqrt{n}}$, $\frac12$", "1/2 + (a+b)/(√n), 1/2"),
    (r"$\sqrt{n}$, $\sqrt{n+1}$, $\sqrt[3]{x}$", "√n, √(n+1), ³√x"),
    (r"$\binom{N}{k}$, ${m\choose k}$", "(N choose k), m choose k"),
    (r"$O(d\log d)$, $\log\log n$, $\max\{a\}$", "O(d log d), log log n, max{a}"),
    (r"$\operatorname*{softmax}(x)$, $\left. x \right)$", "softmax(x), x )"),
    (r"$k\in K$, $a \to b$, $\alpha x$", "k∈K, a → b, αx"),  # a space that only ends a name
    (r"$\alpha*\beta$", "α*β"),  # the star is not part of the command
    (r"$\hat{x}$, $\bar x_t$, $\not\in$, $\tilde{O}(n)$", "x̂, x̄ₜ, ∉, Õ(n)"),
    (r"$\mathbb{R}^n$, $\mathbb 1$, $\mathfrak{g}$", "ℝⁿ, 𝟙, 𝔤"),
    (r"$\pi_{\texttt{RL}}$, $\mathbf{x}$", "π_(RL), x"),
    (r"$\{a, b\}$, $\|x\|_2$", "{a, b}, ‖x‖₂"),
    (r"a$\unicode{x2013}$b", "a–b"),
    (r"$\textbf{decoupled $\mu$P}$", "decoupled μP"),  # maths in prose in maths
    (r"$S \text{ if } T $", "S if T"),  # only a formula has commands: the last space is forgiven
    (r"100$\times$ and L$^3$ and $>$97", "100× and L³ and >97"),
]

MONEY = [
    ("costs $5 and 10% more", "costs $5 and 10% more"),
    ("between $5 and $10", "between $5 and $10"),  # a space in front of the second
    ("$5-$10 each", "$5-$10 each"),  # a digit behind the second
    ("$5 a year, or $6 (about 7$)", "$5 a year, or $6 (about 7$)"),
    (r"60\$ GPUs", "60$ GPUs"),
    ("only $25 for $O(n^2)$ steps", "only $25 for O(n²) steps"),
    ("A$AP and Ke$ha", "A$AP and Ke$ha"),  # words between: prose
    ("in US$, in CA$", "in US$, in CA$"),
    ("$ x $", "$ x $"),
]

PROSE = [
    (r"Schr\"odinger, Erd\H{o}s, \'{\i}, \c{c}, S\o ren", "Schrödinger, Erdős, í, ç, Søren"),
    (r"\textbf{X} and \emph{\textsc{Y}}", "X and Y"),
    (r"R\&D, 5\%, a\_b, \#1", "R&D, 5%, a_b, #1"),
    (r"10% of it", "10% of it"),  # never a comment: that would eat the rest of the line
    ("``quotes'' and ``half\" and ''lazy''", "“quotes” and “half” and “lazy”"),
    ("Fig.~3, (~8 points), 10~100", "Fig. 3, (~8 points), 10~100"),  # tie, about, range
    (r"\~8B, don\'t, \"b\"", '~8B, don\'t, "b"'),  # escaped, no accent
    ("a -- b, 3--5, x---y, the --flag", "a – b, 3–5, x—y, the --flag"),
    ("{F}airness in {\\em deep} {LLM}s", "Fairness in deep LLMs"),
    ("labels {-1, 0, 1}, 11{,}133, red{Warning}", "labels {-1, 0, 1}, 11,133, red{Warning}"),
    (r"\href{https://x.org/a_b}{text}", "text"),
    (r"\href{https://x.org/a\_b}{}", "https://x.org/a_b"),  # an empty text would lose it
    (r"\url{https://x.org/~z\_a}", "https://x.org/~z_a"),
    ("https://x.org/x_1/a--b^2", "https://x.org/x_1/a--b^2"),
    (r"\textcolor{red}{Beware} of \color{blue}it", "Beware of it"),
    (r"done.\footnote{Not yet.} \cite{K24}", "done. (Not yet.) [K24]"),
    (r"M\textsuperscript{3}FD, 360{\deg}", "M³FD, 360°"),
    (r"\begin{itemize}\item one \item two\end{itemize}", "• one • two"),
    (r"We propose \method{}, (\ours) and \Lens", "We propose method, (ours) and Lens"),
    (r"$\Vol(A_t)$ of \tildeO", "Vol(Aₜ) of tildeO"),
    (r"\foo{bar}, \3, \n", r"\foo{bar}, \3, \n"),  # says more, or no name: stays
    (r"\LaTeX{} is, \eg, \textless", "LaTeX is, e.g., <"),
    ("10^-3, O(n^2), M^3Net, c^*", "10⁻³, O(n²), M³Net, c*"),  # scripts without maths
    ("TreeGen_ReLU, _this_, ^_^, snake_case_1", "TreeGen_ReLU, _this_, ^_^, snake_case_1"),
    ("two\n  lines\tand\u2028more", "two lines and more"),
    ("<script>alert(1)</script>", "<script>alert(1)</script>"),  # escaping is the renderer's
]

STRIPPED = [
    ("mathcal{O}(epsilon^{-3})", "𝒪(ϵ⁻³)"),
    ("pi_0-FAST, pi_{0.5}, tau^2-bench, {mu}^2", "π₀-FAST, π_(0.5), τ²-bench, μ²"),
    ("texttt{D}ual {bf MASK}", "Dual MASK"),
    ("360^circ", "360°"),
    ("alpha testing of a pi camera", "alpha testing of a pi camera"),  # words, not letters
    ("https://x.org/a{https://x.org/a}.", "https://x.org/a."),  # an \href to itself
    ("https://x.org/a{Project page}", "https://x.org/a (Project page)"),
]

ENTITIES = [
    ("R&amp;D &lt;b&gt; &#8211; &#x3B1;", "R&D <b> – α"),
    ("&amp;lt;", "&lt;"),  # once
    ("AT&T &copy &nosuch; &#99999999;", "AT&T &copy &nosuch; &#99999999;"),
    ("a\u202eb\u2066c\x00d\x1be&#8238;f$\\unicode{x202e}$", "abcdef\\unicode{x202e}"),
    ("lone \ud800 and &#xD800;", "lone \ufffd and \ufffd"),  # else no mail can be encoded
    ("", ""),
    (" \n ", ""),
]


@pytest.mark.parametrize(("raw", "text"), [*MATHS, *MONEY, *PROSE, *STRIPPED, *ENTITIES])
def test_a_raw_text_reads_as(raw, text):
    assert readable(raw) == text


MANY = 100_000
HOSTILE = [
    ("{" * 3000, "{" * 3000),  # pylatexenc: RecursionError
    ("$" * MANY, "$" * MANY),
    ("\\" * (MANY + 1), "\\"),  # line breaks, and one backslash too many
    ("_" * MANY, "_" * MANY),
    ("&" * MANY, "&" * MANY),
    (" " * MANY + "$", "$"),
    ("x^{" * MANY, "x^{" * MANY),
    (r"\frac{" * 20_000, r"\frac{" * 20_000),
    ("mathcal{" * 20_000, "mathcal{" * 20_000),
    (r"\href{..}{", "..{"),  # an address without its text
    (r"\frac{a}", r"\frac{a}"),
    (r"\sqrt[3", r"\sqrt[3"),
    (r"$\hat*\mathcal*$", "*̂*"),
    ("\\", "\\"),
    (r"$\unicode{xD800}$ $\unicode{110000000}$", r"\unicode{xD800} \unicode{110000000}"),
]


@pytest.mark.parametrize(("raw", "text"), HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_comes_out_as_it_is(raw, text):
    assert readable(raw) == text


@pytest.mark.parametrize(
    "shell",
    [("{", "}"), ("{$", "$}"), (r"\frac{", "}"), (r"\hat", ""), (r"\textbf{", "}"), ("x^{", "}")],
    ids=["braces", "maths", "fractions", "hats", "bold", "scripts"],
)
def test_nesting_beyond_all_sense_keeps_the_letters_within(shell):
    before, behind = shell
    deep = readable(before * 10_000 + "kernel" + behind * 10_000)
    assert "kernel" in unicodedata.normalize("NFD", deep).replace("\u0302", "")


def letters(text: str) -> str:
    """The letters and digits of a text, in order, whether or not they are raised or lowered."""
    return "".join(char for char in unicodedata.normalize("NFKC", text) if char.isalnum())


# No backslash, so no commands; no letters that spell a Greek name, an entity or an address.
plain_notation = st.text("abXY019 \n${}^_~-`'\".,;:%&()[]|=<>", max_size=80)
FRAGMENTS = r"""
    \frac \sqrt \sqrt[ [3] \hat \mathcal \text \textbf \href \url \textcolor \unicode \left \right.
    \log \alpha \ell \not \' \" \~ \^ \\ \( \) \[ \] \begin \item \foo
    \footnote $ $$ { } {} ^ _ ~ * -
    -- `` '' ' [ ] ( ) mathcal{ alpha_ https://x.y/ x2013 a B 1 23 &amp; &#8238;
"""
fragments = st.lists(st.sampled_from([*FRAGMENTS.split(), " ", "\u202e"]), max_size=40).map("".join)


@settings(deadline=None, database=None)
@given(plain_notation)
def test_letters_and_digits_outside_commands_survive_in_order(raw):
    once = readable(raw)
    assert letters(once) == letters(raw)
    assert letters(readable(once)) == letters(raw)


@settings(deadline=None, database=None, max_examples=300)
@given(fragments | st.text(max_size=60))
def test_whatever_comes_becomes_one_safe_line(raw):
    line = readable(raw)
    assert line == " ".join(line.split())
    assert not UNSAFE.search(line)
    assert line.encode().decode() == line


# ── Shorten ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("Short enough.", 13, "Short enough."),
        ("One sentence here. Another one follows.", 25, "One sentence here."),
        ("Is it? It is. And so on and on.", 16, "Is it? It is."),  # the last end that fits
        ("It (works.) And then some more.", 20, "It (works.)"),
        ("One. Then a long sentence without an end.", 20, "One. Then a long…"),  # before 40 %
        ("We use methods, e.g. Adam, for this task.", 22, "We use methods, e.g…"),
        ("As shown by Smith et al. Nobody knows why.", 26, "As shown by Smith et al…"),
        ("We compare it, see Fig. 3 for more of it.", 24, "We compare it, see Fig…"),
        ("We compare ours vs. GPT and many others.", 21, "We compare ours vs…"),
        ("The gain is about 3.5 points on average.", 22, "The gain is about 3.5…"),
        ("Written by Donald E. Knuth, long ago now.", 22, "Written by Donald E…"),
        ("A limit. in lower case it goes on and on.", 12, "A limit. in…"),  # no sentence's start
        ("Many words, and then more of them", 12, "Many words…"),  # no comma in front of the …
        ("Exactly at a word's end it is cut", 13, "Exactly at a…"),
        ("x" * 50, 10, "x" * 9 + "…"),  # one endless word
        ("A " + "x" * 50, 10, "A " + "x" * 7 + "…"),  # better than "A…"
        ("é" * 9 + "e\u0301e\u0301", 11, "é" * 9 + "…"),  # a letter keeps its accent
        ("anything", 1, "…"),
        ("anything", 0, ""),
        ("anything", -3, ""),
        ("", 0, ""),
    ],
)
def test_a_text_is_cut_where_a_reader_would_stop(text, limit, short):
    assert shorten(text, limit) == short


@settings(deadline=None, database=None)
@given(st.text("ab .,!?()\u0301é", max_size=60) | st.text(max_size=60), st.integers(-1, 60))
def test_a_shortened_text_fits_and_begins_like_the_text(text, limit):
    short = shorten(text, limit)
    assert len(short) <= max(limit, 0)
    assert text.startswith(short.removesuffix("…"))


# ── Names ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("authors", "most", "line"),
    [
        ([], 4, ""),
        (["A"], 4, "A"),
        (["A", "B"], 4, "A and B"),
        (["A", "B", "C", "D"], 4, "A, B, C and D"),  # four fit: nobody is "1 other"
        (["A", "B", "C", "D", "E"], 4, "A, B, C and 2 others"),
        (list("ABCDEFGHIJKL"), 4, "A, B, C and 9 others"),
        (["A", "B"], 1, "A and 1 other"),
        (["A", "B", "C"], 0, "A and 2 others"),  # somebody is always named
        (["", "A", " \n", "\x00", "{}", "B"], 4, "A and B"),  # nobody is left out of nothing
        ([r"Erwin Schr\"odinger", "J.\n Doe"], 4, "Erwin Schrödinger and J. Doe"),
        (["\u202eA", "B&amp;Co"], 4, "A and B&Co"),
    ],
)
def test_authors_are_listed_as_in_prose(authors, most, line):
    assert name_list(authors, most) == line


def test_an_absurd_name_is_cut_and_does_not_hide_the_others():
    line = name_list(["x" * 10_000, "{" * 10_000 + "y", "B"])
    assert line.endswith(" and B")
    assert len(line) <= 3 * LONGEST_NAME


# ── What papers really say ───────────────────────────────────────────────────────────────────────


def corpus(every: int) -> Iterator[str]:
    """The titles and abstracts of every so-manieth recorded paper."""
    for name in ("papers.csv.gz", "arxiv_days.csv.gz"):
        path = SHARED / "data" / "ranking" / name
        if not path.is_file():
            pytest.skip("no recorded papers: ../shared/data/ranking is not in this checkout")
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file)):
                if number % every == 0:
                    yield row["title"]
                    yield row["abstract"]


def test_recorded_papers_are_readable_but_for_their_authors_own_macros():
    texts = [(raw, readable(raw)) for raw in corpus(every=4)]
    assert len(texts) > 5000
    # 2.7 % of all texts have commands; 0.3 % keep one, nearly always \method and its like.
    kept = sum(bool(re.search(r"\\[A-Za-z]", text)) for _, text in texts)
    assert kept < 0.005 * len(texts)
    assert kept < 0.2 * sum("\\" in raw for raw, _ in texts)
    # One dollar sign alone is money, always.
    alone = [text for raw, text in texts if raw.count("$") == 1 and "\\" not in raw]
    assert all(text.count("$") == 1 for text in alone)
    # Where there is no command nor address there is nothing that a letter could be lost in.
    wordy = [(raw, text) for raw, text in texts if not re.search(r"[\\{]|_|https?:|\^", raw)]
    assert all(letters(text) == letters(raw) for raw, text in wordy)
