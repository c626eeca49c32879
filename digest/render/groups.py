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
    known = [section.name for section in sections]
    chosen = frozenset(topics) if BEYOND in known else frozenset()
    placed: dict[str, list[Item]] = {}
    for item in items:
        outside = chosen and chosen.isdisjoint(item.paper.categories)
        placed.setdefault(BEYOND if outside else item.section, []).append(item)
    gone = [name for name in placed if name not in known]
    shown = [*sections, *map(_gone, gone)] if gone else sections
    number, groups = 1, []
    for section in shown:
        if mine := placed.get(section.name):
            groups.append((section, list(enumerate(mine, start=number))))
            number += len(mine)
    return groups


def _gone(name: str) -> Section:
    return Section(name=name, title=shorten(name.capitalize(), 60), share=0)
