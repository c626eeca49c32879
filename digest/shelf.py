"""The papers of an edition in one order, and sets of them. A rule: no I/O, no clock.

A reader chose some of many topics, and a million readers each chose others: which papers are about
any of them is a question for sets of numbers, not for a walk through all papers per reader.
"""

from collections.abc import Callable, Collection, Sequence

from digest.model import Item


class Shelf:
    """Papers in their order. A set of them is a number with a bit for each, from the lowest.

    ``section`` says where a paper belongs, ``shown`` in which order chosen ones stand, the highest
    first.
    """

    def __init__(
        self,
        items: Sequence[Item],
        *,
        section: Callable[[Item], str],
        shown: Callable[[Item], float],
    ) -> None:
        self._items = tuple(items)
        self._shown = [shown(item) for item in items]
        self._bits = {item.paper.id: 1 << place for place, item in enumerate(items)}
        self.all = (1 << len(items)) - 1
        self._about: dict[str, int] = {}
        self._in: dict[str, int] = {}
        for place, item in enumerate(items):
            for category in item.paper.categories:
                self._about[category] = self._about.get(category, 0) | 1 << place
            name = section(item)
            self._in[name] = self._in.get(name, 0) | 1 << place

    def section(self, name: str) -> int:
        """The papers of a section."""
        return self._in.get(name, 0)

    def about(self, categories: Collection[str]) -> int:
        """The papers of any of these categories; all where none is given."""
        if not categories:
            return self.all
        found = 0
        for category in categories:
            found |= self._about.get(category, 0)
        return found

    def those(self, names: Collection[str]) -> int:
        """The papers with these ids."""
        return sum([self._bits[name] for name in self._bits.keys() & names]) if names else 0

    def first(self, papers: int, most: int) -> list[Item]:
        """Of these papers the first ``most``, as they are shown."""
        places = list[int]()
        while papers and len(places) < most:
            lowest = papers & -papers
            places.append(lowest.bit_length() - 1)
            papers ^= lowest
        places.sort(key=self._shown.__getitem__, reverse=True)
        return [self._items[place] for place in places]
