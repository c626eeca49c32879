"""The day, in order: collect what is new, make the edition of the hour, queue it for who is due.

    sources.look ─▶ papers.keep ─▶ papers.window ─▶ compose.edition ─▶ editions.publish ─▶ enqueue

Every step may run twice and may be killed anywhere: signals are appended once, a cut has one
edition, a reader one delivery a local date. ``delivery`` takes over from the queue.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from digest import colophon, compose, timetable, tops
from digest.model import (
    Candidate,
    DueSlot,
    Edition,
    FetchState,
    Harvest,
    Section,
    SourceReport,
)
from digest.ranking import Formula, Standing
from digest.sources import Annotator, Source, look
from digest.store import Store

ONE = timedelta(days=1)
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
    every: timedelta = timedelta(hours=1)
    lead: timedelta = timedelta(minutes=5)
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

    def __init__(self, store: Store, sources: Sequence[Source | Annotator], plan: Plan) -> None:
        self._store = store
        self._sources = [one for one in sources if not isinstance(one, Annotator)]
        self._annotators = [one for one in sources if isinstance(one, Annotator)]
        self._plan = plan

    def look_due(self, now: datetime) -> timetable.Look:
        """What the schedule wants to be looked at now."""
        last = {one.source: one.at for one in self._store.papers.last_looks()}
        plan, papers = self._plan, [one.name for one in self._sources]
        return timetable.look_due(
            {name: last.get(name) for name in (*papers, *(a.name for a in self._annotators))},
            papers,
            now,
            every=plan.every,
            lead=plan.lead,
            mailed=lambda: timetable.last_due(self._store.roster.groups(), now + plan.lead),
        )

    async def collect(self, now: datetime, *, brief: bool = False) -> tuple[SourceReport, ...]:
        """Looks at all sources at once and keeps what they show, as seen at ``now``.

        Then all annotators at once, which are told of the papers that an edition may carry; not
        in a ``brief`` look, which is for the latest votes.
        """
        visits = await asyncio.to_thread(self._store.papers.visits)
        reports = await self._keep([look(one, now, visits) for one in self._sources], now)
        if self._annotators and not brief:
            known = await asyncio.to_thread(self._known, now)
            looks = [look(one, now, visits, known) for one in self._annotators]
            reports += await self._keep(looks, now)
        await asyncio.to_thread(self._forget, now)
        return tuple(reports)

    async def _keep(self, looks: Sequence[Awaitable[Harvest]], now: datetime) -> list[SourceReport]:
        harvests = await asyncio.gather(*looks)
        return [await asyncio.to_thread(self._store.papers.keep, one, now) for one in harvests]

    def _known(self, now: datetime) -> dict[str, Candidate]:
        candidates = self._store.papers.window(now - self._plan.window, now)
        return {candidate.paper.id: candidate for candidate in candidates}

    def _forget(self, now: datetime) -> None:
        """Drops what has had its time: looks, spent limits, unconfirmed sign-ups, old bounces."""
        self._store.papers.forget(now - LOOKS_KEPT)
        self._store.subscribers.forget_attempts(now - ATTEMPTS_KEPT)
        self._store.bounces.forget(now - FEEDBACK_KEPT)
        self._store.subscribers.forget_unconfirmed(now - self._plan.unconfirmed_kept)

    def queue(self, now: datetime) -> Queued:
        """Queues the edition of ``now`` for who is due and has none yet; makes it if need be."""
        plan = self._plan
        slots = timetable.due_slots(self._store.roster.groups(), now, plan.catch_up)
        if not slots:
            return Queued(edition=None, note="nobody is due")
        if not self._store.ledger.awaited(slots):  # no edition that nobody would get
            return Queued(edition=None, note="everybody who is due has theirs")
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
        day = timetable.editorial_day(now, plan.zone)
        made = compose.edition(
            candidates,
            now=now,
            cut=timetable.cut_at(now, plan.cut_hours),
            day=day,
            formula=plan.formula,
            sections=plan.sections,
            pool=plan.pool,
            quiet_days=plan.quiet_days,
            standing=Standing.of(earlier),
            shown=self._stood_high(day),
        )
        return (self._told(made, candidates, now) if made.items else made), len(candidates)

    def _stood_high(self, day: date) -> frozenset[str]:
        """What stood high in the editions of earlier days that may have had today's candidates."""
        bar, since = self._plan.formula.burners, day - self._plan.window
        if not bar.best:
            return frozenset()
        return tops.stood_high(self._store.editions.lasts(since, day - ONE), bar.top)

    def _told(self, made: Edition, candidates: Sequence[Candidate], now: datetime) -> Edition:
        """The edition with what readers are told of how it came about."""
        editions, papers = self._store.editions, self._store.papers
        before = editions.before(made.day)
        story = colophon.colophon(
            before=before,
            gaps=editions.gaps(before.day, made.day) if before else (),
            looks=papers.looks(now - colophon.LOOK_BACK, now),
            candidates=candidates,
            now=now,
        )
        return compose.told(made, story, before)

    def _nothing(self, edition: Edition, slots: Sequence[DueSlot], now: datetime) -> str:
        """Says why there is no mail; closes the day unless the reason is a source that failed."""
        if self._blind(now):
            return f"{edition.note}, and a source failed: tried again with the next look"
        self._store.ledger.close_day(slots, edition.id, edition.note)
        return edition.note

    def _blind(self, now: datetime) -> bool:
        """Whether nothing new means little: the last look at a source of papers failed.

        So does one from the future: where a clock was set back, what it found is not yet there.
        """
        names = {source.name for source in self._sources}
        looks = [one for one in self._store.papers.last_looks() if one.source in names]
        return any(one.state is FetchState.FAILED or one.at > now for one in looks)
