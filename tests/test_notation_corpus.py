"""Every recorded title and abstract reads as plain text: nothing crashes, nothing is lost.

The recorded papers stand beside the checkout (see ``shared``); where they are not, this skips.
"""

import csv
import gzip
import re
from collections import Counter

import pytest

from digest.notation import readable

FILES = ("papers.csv.gz", "arxiv_days.csv.gz")
# What no reader should meet: a command, a formula between dollars, braces of a script.
LEFT = re.compile(r"\\[A-Za-z]+|\$[^$ ]+\$|(?<!\w)[_^]\{|\{\\|mathcal|mathbb|textbf")
LEAST_READABLE = 0.9995  # of all texts; what is left are notes that were cut off, and slips

# Words of the raw text that LaTeX means as commands, colours, or parts of an accented name.
MARKUP = re.compile(r"https?://\S+|\\[A-Za-z]+\*?|&\w+;|\\[`'^\"~=.]\{?\w|\{\\\w+\}?")
COMMANDS = frozenset(
    re.findall(
        r"\w+",
        "circ textbf texttt text blue ucker mtimes odinger theta circtimes onwall Theta nczak"
        " mathcal times aMmlein echet boldsymbol epsilon topk magenta short black",
    )
)


@pytest.fixture(scope="module")
def texts(shared):
    """All titles and abstracts, raw."""
    found = []
    for name in FILES:
        path = shared / "data" / "ranking" / name
        if not path.is_file():
            pytest.skip(f"no recorded papers at {path}")
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found += [row["title"], row["abstract"]]
    assert len(found) > 20_000
    return found


@pytest.fixture(scope="module")
def pairs(texts):
    """(raw, readable) of each: none raises."""
    return [(text, readable(text)) for text in texts]


def test_nearly_all_recorded_texts_are_readable(pairs):
    left = [shown for _, shown in pairs if LEFT.search(shown)]
    assert len(left) <= (1 - LEAST_READABLE) * len(pairs), left[:20]
    commands = Counter(found for shown in left for found in LEFT.findall(shown))
    assert commands["mathcal"] == commands["mathbb"] == commands["textbf"] == 0


def test_no_word_of_a_recorded_text_is_lost(pairs):
    lost = Counter(
        word
        for raw, shown in pairs
        for word in re.findall(r"[A-Za-z]{4,}", MARKUP.sub(" ", raw))
        if word not in shown
    )
    assert set(lost) <= COMMANDS


def test_no_number_of_a_recorded_text_is_lost(pairs):
    """In prose: the digits of a formula may become small ones."""
    for raw, shown in pairs:
        if not re.search(r"[\\$^_{}~&]", raw):
            assert re.findall(r"\d", raw) == re.findall(r"\d", shown)


def test_what_has_no_notation_stays_letter_for_letter(pairs):
    for raw, shown in pairs:
        if not re.search(r"[\\$^_{}~&`']|--", raw):
            assert "".join(raw.split()) == "".join(shown.split())


def test_money_stays_money(pairs):
    amounts = re.compile(r"(?<![\\$\w])\\?\$(\d[\d,.]*\d)(?= (?:million|billion|per|a|USD))")
    seen = 0
    for raw, shown in pairs:
        for amount in amounts.findall(raw):
            assert f"${amount}" in shown, raw
            seen += 1
    assert seen > 5


@pytest.mark.parametrize(
    ("stripped", "shown"),
    [
        ("mathcal{O}(epsilon^{-3})", "𝒪(ϵ⁻³)"),
        ("textbf{Bold} claims", "Bold claims"),
        ("a rate of frac{1}{sqrt{n}}", "a rate of 1/(√n)"),
        ("$5 and $6", "$5 and $6"),
        ("epsilon-greedy", "epsilon-greedy"),  # a word, and not a letter
        ("the set {a, b} of text", "the set {a, b} of text"),
    ],
)
def test_what_lost_its_backslashes_upstream_is_read_all_the_same(stripped, shown):
    assert readable(stripped) == shown
