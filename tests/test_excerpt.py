"""Which sentences of an abstract stand in the mail: always its own, always the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.excerpt import LIMIT, excerpt
from digest.notation import sentences

BACKGROUND = "Large models are trained by ever larger teachers, at a cost that grows every year."
PROPOSES = "We propose a small teacher that supervises a student forty times its size."
FINDS = "Across eleven tasks the student outperforms its teacher after 10% of the budget."
CODE = "Our code and data are available at https://example.org/code."
HANGS = "This makes them 3 times faster than before in nearly every case we looked at."
LONG = "We show " + "that it holds for one more kind of thing, " * 10 + "always."


@pytest.mark.parametrize(
    ("abstract", "expected"),
    [
        # What is done and what is found stand beside one another, and both fit.
        ([BACKGROUND, PROPOSES, FINDS, CODE], f"{PROPOSES} {FINDS}"),
        ([PROPOSES, BACKGROUND, CODE], PROPOSES),  # the neighbour is background
        ([BACKGROUND, FINDS], FINDS),
        ([PROPOSES, CODE], PROPOSES),  # where the code is, is a link
        ([BACKGROUND, HANGS, FINDS], FINDS),  # "this" would hang in the air
        ([BACKGROUND], BACKGROUND),  # nothing tells: the abstract itself
        (["However, costs grow.", BACKGROUND], BACKGROUND),  # nor does a fragment
        (["This paper studies why e.g. Smith et al. 2020 were wrong."],) * 2,  # no ends in there
        ([BACKGROUND, "We find 3.5 times less."], "We find 3.5 times less."),
        ([FINDS, PROPOSES.replace("small", "s" * 230)], FINDS),  # together they would be too long
        (["a title without an end"], "a title without an end"),
        ([], ""),
    ],
)
def test_the_sentences_that_tell_are_quoted(abstract, expected):
    expected = " ".join(expected) if isinstance(expected, list) else expected
    assert excerpt(" ".join(abstract)) == expected


def test_a_sentence_too_long_is_cut_at_a_word_and_marked():
    said = excerpt(f"{BACKGROUND} {LONG}")
    assert len(said) <= LIMIT
    assert said.endswith("…")
    assert LONG.startswith(said[:-1])


@given(
    st.lists(st.sampled_from([BACKGROUND, PROPOSES, FINDS, CODE, HANGS, LONG, "Et al.", "e.g."]))
)
def test_a_quotation_is_word_for_word_and_short(abstract):
    whole = " ".join(abstract)
    said = excerpt(whole)
    assert said.removesuffix("…") in whole
    assert len(said) <= LIMIT
    assert bool(said) is bool(whole)
    assert said == excerpt(whole)


@given(st.text(max_size=400))
def test_any_text_is_quoted_or_cut_and_no_sentence_is_lost(text):
    line = " ".join(text.split())
    assert "".join("".join(sentences(line)).split()) == "".join(line.split())
    assert len(excerpt(line)) <= LIMIT
