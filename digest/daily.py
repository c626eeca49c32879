"""The day, in order: collect what is new, make the edition of the hour, queue it for who is due.

    sources.look ─▶ papers.keep ─▶ papers.window ─▶ compose.edition ─▶ editions.publish ─▶ enqueue

Every step may run twice and may be killed anywhere: signals are appended once, a cut has one
edition, a reader one delivery a local date. ``delivery`` takes over from the queue.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest import compose, timetable
from digest.model import DueSlot, Edition, FetchState, Section, SourceReport
from digest.ranking import Formula, Standing
from digest.sources import Source, look
from digest.store import Store

LOOKS_KEPT = timedelta(days=90)
FEEDBACK_KEPT = timedelta(days=400)  # the rule looks back a month, the operator a year
ATTEMPTS_KEPT = timedelta(days=2)  # the limits look back a day


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the operator decided about editions."""

    formula: Formula
    sections: Sequence[Section]
    window: timedelta
    pool: int
    zone: str
    cut_hours: int
    catch_up: timedelta
    quiet_days: str
    batch: int
    history: timedelta = timedelta(days=365)
    unconfirmed_kept: timedelta = timedelta(days=9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """What became of the hour: its edition (if one was needed) and how many mails it queued."""

    edition: Edition | None
    candidates: int = 0
    readers: int = 0
    note: str = ""


class Daily:
    """Editions, from the sources to the queue."""

    def __init__(self, store: Store, sources: Sequence[Source], plan: Plan) -> None:
        self._store = store
        self._sources = sources
        self._plan = plan

    async def collect(self, now: datetime) -> tuple[SourceReport, ...]:
        """Looks at all sources at once and keeps what they show, as seen at ``now``."""
        visits = await asyncio.to_thread(self._store.papers.visits)
        harvests = await asyncio.gather(*(look(s, now, visits) for s in self._sources))
        kept = [await asyncio.to_thread(self._store.papers.keep, one, now) for one in harvests]
        await asyncio.to_thread(self._forget, now)
        return tuple(kept)

    def _forget(self, now: datetime) -> None:
        """Drops what has had its time: looks, spent limits, unconfirmed sign-ups, old bounces."""
        self._store.papers.forget(now - LOOKS_KEPT)
        self._store.subscribers.forget_attempts(now - ATTEMPTS_KEPT)
        self._store.bounces.forget(now - FEEDBACK_KEPT)
        self._store.subscribers.forget_unconfirmed(now - self._plan.unconfirmed_kept)

    def queue(self, now: datetime) -> Queued:
        """Queues the edition of ``now`` for the readers who are due; makes it if need be."""
        plan = self._plan
        slots = timetable.due_slots(self._store.roster.groups(), now, plan.catch_up)
        if not slots:
            return Queued(edition=None, note="nobody is due")
        edition, candidates = self.edition(now)
        if edition.items:
            readers = self._store.ledger.enqueue(edition.id, slots, plan.batch)
            return Queued(edition=edition, candidates=candidates, readers=readers)
        note = self._nothing(edition, slots, now)
        return Queued(edition=edition, candidates=candidates, note=note)

    def edition(self, now: datetime) -> tuple[Edition, int]:
        """The edition of the cut of ``now``, and how many candidates it was made from.

        An edition that exists is given back as it is (with 0 candidates).
        """
        cut = timetable.cut_at(now, self._plan.cut_hours)
        if there := self._store.editions.at(cut):
            return there, 0
        made, candidates = self.draft(now)
        if not made.items and self._blind(now):
            return made, candidates  # not published: a later try may see more
        return self._store.editions.publish(made), candidates

    def draft(self, now: datetime) -> tuple[Edition, int]:
        """An edition as it would be made at ``now``, without storing it."""
        plan = self._plan
        candidates = self._store.papers.window(now - plan.window, now)
        earlier = self._store.papers.earlier(now - plan.history, now) if plan.formula.cold else ()
        made = compose.edition(
            candidates,
            now=now,
            cut=timetable.cut_at(now, plan.cut_hours),
            day=timetable.editorial_day(now, plan.zone),
            formula=plan.formula,
            sections=plan.sections,
            pool=plan.pool,
            quiet_days=plan.quiet_days,
            standing=Standing.of(earlier),
        )
        return made, len(candidates)

    def _nothing(self, edition: Edition, slots: Sequence[DueSlot], now: datetime) -> str:
        """Says why there is no mail; closes the day unless the reason is a source that failed."""
        if self._blind(now):
            return f"{edition.note}, and a source failed: tried again with the next look"
        self._store.ledger.close_day(slots, edition.id, edition.note)
        return edition.note

    def _blind(self, now: datetime) -> bool:
        """Whether nothing new means little: the last look at a source failed.

        So does one from the future: where a clock was set back, what it found is not yet there.
        """
        looks = self._store.papers.last_looks()
        return any(one.state is FetchState.FAILED or one.at > now for one in looks)
