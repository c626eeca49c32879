"""Shelves: the papers of a section by topic, the same as a walk through all of them finds."""

from hypothesis import given
from hypothesis import strategies as st
from make import item, paper

from digest.shelf import Shelf

TOPICS = st.lists(st.sampled_from("abcde"), max_size=3, unique=True)


@given(papers=st.lists(TOPICS, max_size=80), wanted=st.frozensets(st.sampled_from("abcdez")))
def test_a_shelf_finds_what_is_about_the_topics_and_the_others_in_order(papers, wanted):
    items = [
        item(n, paper=paper(n, categories=tuple(topics))) for n, topics in enumerate(papers, 1)
    ]
    about = [one for one in items if not wanted or wanted.intersection(one.paper.categories)]
    shelf = Shelf(items)
    assert list(shelf.about(wanted)) == list(shelf.about(wanted)) == about
    assert list(shelf.others(wanted)) == [one for one in items if one not in about]
