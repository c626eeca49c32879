"""Sources: one batch of arXiv's, category by category. Pure.

The feed of all categories is put together from one list for each, and one of them has been seen to
show the batch of the day before while the others went on. A paper is announced as new once, so
the ids of a category's new papers tell: they are remembered with its own address, the feed's with
``#category``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from digest.model import Tally, Visit
from digest.sources.arxiv_feed import Batch

AGAIN = 0.5  # of a category's new papers: so many of the list before make it the same list
FEWEST = 3  # new papers, to tell that from


def address(url: str, category: str) -> str:
    """Where a category of the feed is remembered."""
    return f"{url}#{category}"


@dataclass(frozen=True, slots=True)
class Lists:
    """What a batch says of its categories: numbers, what to remember, what is wrong with them."""

    tallies: tuple[Tally, ...] = ()
    visits: tuple[Visit, ...] = ()
    note: str = ""


def lists(
    batch: Batch,
    categories: Sequence[str],
    url: str,
    visits: Mapping[str, Visit],
    is_due: Callable[[Visit], bool],
) -> Lists:
    """Looks at a batch category by category; cross-lists count where they are listed.

    One that shows an old list is remembered as it was before.

    Args:
        batch: as read.
        categories: those that were asked for, archives (``cs``) among them.
        url: of the feed.
        visits: what is remembered.
        is_due: whether another batch than the one of that visit should be there.
    """
    shown = [entry.paper.categories for entry in batch.announced]
    tallies, kept, faults = list[Tally](), list[Visit](), list[str]()
    for name in categories:
        where, new = address(url, name), _new(batch, name)
        before = visits.get(where)
        old = new & _ids(before) if before and is_due(before) else set[str]()
        again = len(new) >= FEWEST and len(old) >= AGAIN * len(new)
        read, lost = _in(name, shown), _in(name, batch.lost)
        tallies.append(Tally(name=name, listed=read + lost, read=read, again=again))
        if again:
            faults.append(f"{name}: {len(old)} of {len(new)} new papers are those of before")
        elif new:
            kept.append(Visit(url=where, built=batch.built, batch=" ".join(sorted(new))))
    return Lists(tuple(tallies), tuple(kept), "; ".join(faults))


def _in(name: str, papers: Iterable[Sequence[str]]) -> int:
    return sum(any(_belongs(one, name) for one in categories) for categories in papers)


def _belongs(category: str, name: str) -> bool:
    return category == name or category.partition(".")[0] == name


def _new(batch: Batch, name: str) -> set[str]:
    """The ids of what is announced as new in its primary category."""
    new = [entry.paper for entry in batch.announced if entry.kind == "new"]
    return {one.id for one in new if one.categories and _belongs(one.categories[0], name)}


def _ids(visit: Visit) -> set[str]:
    return set((visit.batch or "").split())
