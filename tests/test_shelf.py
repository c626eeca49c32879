"""Shelves: sets of an edition's papers, the same as a walk through all of them finds."""

from hypothesis import given
from hypothesis import strategies as st
from make import item, paper

from digest.shelf import Shelf

TOPICS = st.lists(st.sampled_from("abcde"), max_size=3, unique=True)
SECTIONS = ("trending", "fresh")


@given(
    papers=st.lists(st.tuples(TOPICS, st.sampled_from(SECTIONS)), max_size=80),
    wanted=st.frozensets(st.sampled_from("abcdez")),
    had=st.frozensets(st.integers(1, 90)),
    most=st.integers(0, 90),
)
def test_a_shelf_finds_what_a_walk_finds(papers, wanted, had, most):
    items = [
        item(n, section=section, paper=paper(n, categories=tuple(topics)))
        for n, (topics, section) in enumerate(papers, 1)
    ]

    def shown(one):
        return -one.rank % 7

    shelf = Shelf(items, section=lambda one: one.section, shown=shown)
    names = {item(n, paper=paper(n)).paper.id for n in had}
    found = shelf.section("fresh") & shelf.about(wanted) & ~shelf.those(names)
    walk = [
        one
        for one in items
        if one.section == "fresh"
        and (not wanted or wanted.intersection(one.paper.categories))
        and one.paper.id not in names
    ]
    assert shelf.first(found, most) == sorted(walk[:most], key=shown, reverse=True)
    assert shelf.first(shelf.all, len(items)) == sorted(items, key=shown, reverse=True)
