"""A rule: what of a digest fits below the size at which mail programs cut it off.

First the quotations of the last papers go, one after the other, then the last papers themselves:
they are on the web. What comes first in the mail stays whole the longest.
"""

from collections.abc import Sequence
from typing import NamedTuple

LIMIT = 100_000  # bytes of decoded HTML; Gmail cuts near 102 KB
RESERVE = 4_000  # for what is a reader's own: their address and tokens, a number, a sentence
ROOM = LIMIT - RESERVE  # bytes of what is the same in every mail


class Size(NamedTuple):
    """The bytes of a paper in the mail: with its heading if it opens a section, and its quote."""

    card: int
    quote: int


class Fit(NamedTuple):
    """How many papers are in the mail, and how many of these, from the first, with a quotation."""

    papers: int
    quotes: int


def fit(frame: int, sizes: Sequence[Size], limit: int = ROOM) -> Fit:
    """What fits; the first paper always does.

    Args:
        frame: bytes of everything but the papers.
        sizes: of the papers, in their order.
        limit: bytes of the whole.
    """
    total, quotes = frame + sum(size.card + size.quote for size in sizes), len(sizes)
    while total > limit and quotes:
        quotes -= 1
        total -= sizes[quotes].quote
    papers = len(sizes)
    while total > limit and papers > 1:
        papers -= 1
        total -= sizes[papers].card
    return Fit(papers, quotes)
