"""The papers of a section, by what they are about. A rule: no I/O, no clock.

A reader chose some of many topics, and a million readers each chose others: which papers are about
any of them is a question for sets of numbers, not for a walk through all papers per reader.
"""

from collections.abc import Collection, Iterator, Sequence

from digest.model import Item


class Shelf:
    """Papers in their order. A set of them is a number with a bit for each, from the lowest."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = tuple(items)
        self._all = (1 << len(items)) - 1
        self._about: dict[str, int] = {}
        for place, item in enumerate(items):
            for category in item.paper.categories:
                self._about[category] = self._about.get(category, 0) | 1 << place

    def about(self, categories: Collection[str]) -> "Some":
        """The papers of any of these categories; of all where none is given."""
        return Some(self._items, self._found(categories))

    def others(self, categories: Collection[str]) -> "Some":
        """All but those."""
        return Some(self._items, self._all & ~self._found(categories))

    def _found(self, categories: Collection[str]) -> int:
        if not categories:
            return self._all
        found = 0
        for category in categories:
            found |= self._about.get(category, 0)
        return found


class Some:
    """Some of the papers of a shelf, in its order: only as many are looked at as are wanted."""

    __slots__ = ("_items", "_places")

    def __init__(self, items: Sequence[Item], places: int) -> None:
        self._items = items
        self._places = places

    def __iter__(self) -> Iterator[Item]:
        """From the first to the last."""
        items, left = self._items, self._places
        while left:
            lowest = left & -left
            yield items[lowest.bit_length() - 1]
            left ^= lowest
