"""A rule: what stood out over several days, a week or a month, from the editions of these days."""

from collections.abc import Iterable

from digest.compose import SLOW
from digest.model import Edition


def stood_high(editions: Iterable[Edition], most: int) -> frozenset[str]:
    """The papers that editions had among their first ``most``, or as slow burners."""
    return frozenset(
        item.paper.id
        for edition in editions
        for item in edition.items
        if item.rank <= most or item.section == SLOW
    )
