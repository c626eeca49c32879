"""Of the backtest: days from the operator's own store, as they would have been ranked."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from digest.backtest.recorded import Day, Recorded
from digest.errors import InputError
from digest.model import Candidate
from digest.ranking.reading import count, read
from digest.store import Store

ONE = timedelta(days=1)


def from_store(store: Store, now: datetime, *, days: int, hour: int, window: timedelta) -> Recorded:
    """The last ``days`` days, each cut at ``hour`` (UTC) from the candidates of ``window``.

    The truth is what the store knows now; the last days are therefore judged on little.

    Raises:
        InputError: the store has no candidates in that time.
    """
    first: dict[str, datetime] = {}
    found = []
    for day in _dates(now, days, hour):
        at = datetime.combine(day, time(hour), UTC)
        candidates = tuple(one for one in store.papers.window(at - window, at) if _counted(one))
        if not candidates:
            continue
        batch = frozenset(one.paper.id for one in candidates if one.seen_at > at - ONE)
        for one in candidates:
            first.setdefault(one.paper.id, at)
        found.append(Day(day.isoformat(), at, candidates, batch))
    if not found:
        raise InputError("store", f"no papers with votes in the last {days} days")
    known = store.papers.window(now - days * ONE - window, now)
    final = {one.paper.id: count(read(one, now).votes) for one in known}
    return Recorded(tuple(found), {name: final.get(name, 0.0) for name in first}, first, blind=True)


def _counted(candidate: Candidate) -> bool:
    return any(signal.name == "votes" for signal in candidate.signals)


def _dates(now: datetime, days: int, hour: int) -> Iterator[date]:
    last = now.date() if now.hour >= hour else now.date() - ONE
    return (last - back * ONE for back in reversed(range(days)))
