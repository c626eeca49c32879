"""The shelf: what is found by places is what a look at each paper finds."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from make import item, paper

from digest.shelf import Shelf

TOPICS = st.sampled_from(["cs.AI", "cs.CL", "cs.LG", "stat.ML"])
SECTIONS = ("trending", "fresh", "beyond")
PLACED = st.tuples(st.sampled_from(["trending", "fresh", "gone"]), st.sets(TOPICS, max_size=3))


@given(placed=st.lists(PLACED, max_size=12), chosen=st.sets(TOPICS | st.just("q-bio"), max_size=3))
def test_a_reader_finds_the_papers_of_their_topics_in_order_and_the_rest_beyond(placed, chosen):
    items = [
        item(number, section=section, paper=replace(paper(number), categories=tuple(topics)))
        for number, (section, topics) in enumerate(placed, start=1)
    ]
    inside = [one for one in items if not chosen or chosen & {*one.paper.categories}]
    found = Shelf(items, SECTIONS).of(chosen, beyond="beyond")
    assert found == {
        "trending": [one for one in inside if one.section == "trending"],
        "fresh": [one for one in inside if one.section == "fresh"],
        "beyond": [one for one in items if one not in inside],
    }


def test_without_a_section_for_it_nothing_is_beyond():
    items = [item(1), item(2, paper=replace(paper(2), categories=("cs.LG",)))]
    assert Shelf(items, ["trending"]).of(["cs.LG"], beyond="beyond") == {"trending": [items[1]]}
