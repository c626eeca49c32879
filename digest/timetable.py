"""When things are due, as rules: a reader's local hour, an edition's cut, its date. No clock here.

A reader chose an hour in a zone. Their mail of a local date is due at that hour of that date, and
deliveries are keyed on (reader, local date): a night that has the hour twice cannot send twice, and
a night that skips it sends at the next instant that exists.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from digest.model import DueSlot

# Two mails to one reader are never closer than this, whatever they do to their hour and zone.
SHORTEST_GAP = timedelta(hours=12)


@cache
def known_zones() -> frozenset[str]:
    """The names of zones that mean the same on every machine, old ones (``GMT``) included."""
    return frozenset(available_timezones()) - {"localtime", "Factory"}


def due_at(local_date: date, hour: int, zone: str) -> datetime:
    """The instant (UTC) at which ``hour`` of ``local_date`` begins in ``zone``.

    Where the hour comes twice (autumn) it is the first; where it is skipped (spring) the instant is
    counted with the offset from before the change, so it falls just after the gap (PEP 495).
    """
    return datetime.combine(local_date, time(hour), tzinfo=ZoneInfo(zone)).astimezone(UTC)


def due_slots(
    groups: Iterable[tuple[int, str, frozenset[int]]], now: datetime, catch_up: timedelta
) -> tuple[DueSlot, ...]:
    """The slots due at ``now`` among the (hour, zone, days) that readers chose.

    Today's local date is due from its hour until midnight. Yesterday's is due for ``catch_up`` more
    after its hour, so that a machine that was down over midnight catches up once.
    """
    found = []
    for hour, zone, days in groups:
        today = now.astimezone(ZoneInfo(zone)).date()
        for local_date in (today - timedelta(days=1), today):
            at, late = due_at(local_date, hour, zone), local_date < today
            if local_date.weekday() not in days or at > now or (late and now - at > catch_up):
                continue
            found.append(
                DueSlot(
                    hour=hour, zone=zone, days=days, local_date=local_date, due_at=at, late=late
                )
            )
    return tuple(found)


def last_due(groups: Iterable[tuple[int, str, frozenset[int]]], until: datetime) -> datetime | None:
    """The last instant of the day before ``until``, or that instant, at which somebody was due."""
    found = [
        at
        for hour, zone, days in groups
        for back in range(2)
        if (day := until.astimezone(ZoneInfo(zone)).date() - timedelta(days=back)).weekday() in days
        and (at := due_at(day, hour, zone)) <= until
    ]
    return max(found, default=None)


class Look(StrEnum):
    """How much of the outside is looked at."""

    NONE = "none"
    BRIEF = "brief"  # the sources of papers and votes
    FULL = "full"  # and whoever tells more about known papers


def look_due(
    looked: Mapping[str, datetime | None],
    papers: Collection[str],
    now: datetime,
    *,
    every: timedelta,
    lead: timedelta,
    mailed: Callable[[], datetime | None],
) -> Look:
    """What to look at now: everything from time to time, and votes just before they are mailed.

    Args:
        looked: when each source was last looked at, if ever.
        papers: which of them bring papers and votes.
        now: aware, UTC.
        every: after so long everything is looked at.
        lead: an edition is made of votes that were counted at most so long before it; 0: however
            old.
        mailed: gives the last instant at which somebody is due, until ``lead`` from now.
    """
    if any(at is None or at > now or now - at >= every for at in looked.values()):
        return Look.FULL
    oldest = min((at for name, at in looked.items() if at and name in papers), default=now)
    if now - oldest < lead or not lead:
        return Look.NONE
    due = mailed()
    return Look.BRIEF if due and oldest < due - lead else Look.NONE


def cut_at(now: datetime, hours: int) -> datetime:
    """The last cut at or before ``now``: a full hour, UTC, that is a multiple of ``hours``."""
    now = now.astimezone(UTC)
    return now.replace(hour=now.hour // hours * hours, minute=0, second=0, microsecond=0)


def editorial_day(now: datetime, zone: str) -> date:
    """The date printed on an edition made at ``now``."""
    return now.astimezone(ZoneInfo(zone)).date()


def in_words(span: timedelta) -> str:
    """A length of time as people say it: ``40 min``, ``5 h``, ``3 days``."""
    minutes = max(0, int(span.total_seconds() // 60))
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"  # noqa: PLR2004 - two days
