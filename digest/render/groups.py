"""Of the room of Jinja: a reader's papers under the headings of their sections."""

from collections.abc import Sequence

from digest.compose import BEYOND
from digest.model import Item, Section
from digest.notation import shorten

Groups = list[tuple[Section, list[tuple[int, Item]]]]  # as ``grouped`` returns them


def grouped(
    items: Sequence[Item], sections: Sequence[Section], topics: Sequence[str] = ()
) -> Groups:
    """The sections that have papers, in order, each with its (number in the mail, item).

    For who chose topics, papers of none of them stand in the section for that, if there is one. A
    paper of a section that is no longer configured stands last, under that section's name.
    """
    known = {section.name for section in sections}
    chosen = set(topics) if BEYOND in known else set()
    placed = [(_place(item, chosen), item) for item in items]
    names = dict.fromkeys(name for name, _ in placed if name not in known)
    gone = [Section(name=name, title=shorten(name.capitalize(), 60), share=0) for name in names]
    number, groups = 1, []
    for section in (*sections, *gone):
        mine = [item for name, item in placed if name == section.name]
        if mine:
            groups.append((section, list(enumerate(mine, start=number))))
            number += len(mine)
    return groups


def _place(item: Item, topics: set[str]) -> str:
    outside = topics and topics.isdisjoint(item.paper.categories)
    return BEYOND if outside else item.section
