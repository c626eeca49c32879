"""A rule: an edition's papers by section and topic, found without a look at each of them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from digest.model import Item


class Shelf:
    """The papers of an edition; a place is where one stands in it."""

    def __init__(self, items: Sequence[Item], sections: Iterable[str]) -> None:
        self._items = items
        self._everything = frozenset(range(len(items)))
        self._sections = {name: set[int]() for name in sections}
        self._topics = defaultdict[str, set[int]](set)
        for place, item in enumerate(items):
            if item.section in self._sections:
                self._sections[item.section].add(place)
            for category in item.paper.categories:
                self._topics[category].add(place)

    def of(self, topics: Collection[str], *, beyond: str) -> dict[str, list[Item]]:
        """The papers of each section for who chose these topics; for who chose none, all.

        The section named ``beyond``, where there is one, has what is outside the topics.
        """
        known = (self._topics[name] for name in topics if name in self._topics)
        inside = frozenset[int]().union(*known) if topics else self._everything
        found = {name: places & inside for name, places in self._sections.items()}
        if beyond in found:
            found[beyond] = set(self._everything - inside)
        return {name: [self._items[at] for at in sorted(at_all)] for name, at_all in found.items()}
