"""What goes into an edition, and what one reader gets of it. Rules: no I/O, no clock.

An edition is the ranked pool at one cut, frozen: the same candidates, instant and formula give the
same bytes and so the same id. A reader's selection comes from the pool alone.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache

from digest import taste
from digest.content import NOTHING, dump
from digest.errors import ConfigError
from digest.membership import barred
from digest.model import (
    Candidate,
    Colophon,
    Edition,
    Form,
    Item,
    MailKind,
    Preferences,
    Section,
    Subscriber,
)
from digest.ranking import NOBODY, Formula, Reading, Standing, rank, urgency
from digest.shelf import Shelf

NEW_FOR = timedelta(hours=24)  # a paper seen within this time makes an edition worth sending
FRESH_DAYS = 2  # papers without votes are fresh for so many days after their announcement

TRENDING, SLOW = "trending", "slow_burners"
BEYOND = "beyond"  # the section for what is outside the topics a reader chose
_TASTES = 1024  # what readers of the same preferences and history get is chosen once
_SHELVES = 64  # the papers in the order of a taste, for a number of them


def _trending(reading: Reading) -> bool:
    return bool(reading.votes)


def _fresh(reading: Reading) -> bool:
    return not reading.votes and reading.delay < FRESH_DAYS


# Which papers a section takes; the order and the share of sections is the configuration's. What two
# of them would take belongs to the one with the smaller share.
MEMBERS: Mapping[str, Callable[[Reading], bool]] = {
    TRENDING: _trending,
    "fresh": _fresh,
    SLOW: lambda reading: reading.burning,
    BEYOND: lambda _: False,  # what is beyond a reader's topics depends on the reader
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What one reader gets: these papers, or nothing, and why."""

    paper_ids: tuple[str, ...] = ()
    skip: str = ""


# Asked for every delivery that is taken: (reader, kind, suppressed, local date, papers had before).
Chooser = Callable[[Subscriber, MailKind, str | None, date | None, frozenset[str]], Choice]


def check_sections(sections: Iterable[Section]) -> None:
    """Raises ConfigError for a section that no rule fills."""
    for section in sections:
        if section.name not in MEMBERS:
            known = ", ".join(MEMBERS)
            raise ConfigError(f"sections: no section is called {section.name!r} (known: {known})")


def edition(
    candidates: Sequence[Candidate],
    *,
    now: datetime,
    cut: datetime,
    day: date,
    formula: Formula,
    sections: Sequence[Section],
    pool: int,
    quiet_days: str = "skip",
    standing: Standing = NOBODY,
    shown: Collection[str] = (),
) -> Edition:
    """Ranks ``candidates`` into the edition of ``cut``.

    Each section keeps at most ``pool`` papers. Without anything new within a day the edition is
    empty (``quiet_days = "skip"``) and its note says why. ``standing`` is what is known of authors,
    ``shown`` what stood high on an earlier day (see ``tops.stood_high``).
    """
    newest = max((candidate.seen_at for candidate in candidates), default=None)
    if newest is None:
        return _frozen(cut, day, (), "no paper has been collected yet")
    if quiet_days == "skip" and newest <= now - NEW_FOR:
        return _frozen(cut, day, (), f"nothing new since {newest:%A %d %B, %H:%M} UTC")
    kept = list[Item]()
    counts = dict.fromkeys((section.name for section in sections), 0)
    takers = sorted(sections, key=lambda section: section.share)
    for item, reading in rank(candidates, now, formula, standing, shown):
        name = next((s.name for s in takers if MEMBERS[s.name](reading)), None)
        if name is not None and counts[name] < pool:
            counts[name] += 1
            kept.append(replace(item, section=name, rank=len(kept) + 1))
            if all(count >= pool for count in counts.values()):
                break
    note = "" if kept else "no paper fits any section"
    return _frozen(cut, day, tuple(kept), note)


class Pool:
    """An edition as readers choose from it. Readers who had the same papers get the same answer."""

    def __init__(self, edition: Edition, sections: Sequence[Section]) -> None:
        self.edition = edition
        self._sections, self._names = tuple(sections), [section.name for section in sections]
        self._by_share = sorted(sections, key=lambda section: section.share)
        self._order = taste.Order(edition.items)
        self._shelf = lru_cache(_SHELVES)(self._ordered)
        self._chosen = lru_cache(_TASTES)(self._choose)

    def choice(self, reader: Subscriber, had: frozenset[str], form: Form = Form.DAILY) -> Choice:
        """What the reader gets; no papers, and the reason why, where nothing is new to them."""
        wish = reader.preferences
        return self._chosen(wish.papers, wish.categories, had, form, wish.taste)

    def select(
        self, preferences: Preferences, had: Collection[str], form: Form = Form.DAILY
    ) -> tuple[Item, ...]:
        """The reader's papers: unread, in their categories, sections in order, within their shares.

        Chosen by score, the fresher the fewer they are; shown by what is expected of them: lateness
        may cost a paper its place in the mail, but those that are in stand by what they are.

        Who looks back on several days gets the best of all of them, however old; who rated papers
        gets theirs in an order that leans to what they liked.

        Where the sections with a full share have nothing at all (an install without a source of
        votes), the other sections may fill the mail.
        """
        daily = form is Form.DAILY
        shelf = self._shelf(preferences.taste, urgency(preferences.papers) if daily else 0.0)
        mine, unread = shelf.about(preferences.categories), ~shelf.those(had)
        papers = {
            name: unread & (shelf.all & ~mine if name == BEYOND else shelf.section(name) & mine)
            for name in self._names
        }
        starved = not any(papers[s.name] for s in self._sections if s.share >= 1)
        # Sections with a small share go first, so that a full one leaves them their places.
        room, taken = preferences.papers, dict[str, list[Item]]()
        for section in self._sections if starved else self._by_share:
            most = int(preferences.papers * section.share)
            if starved and section.name != BEYOND:
                most = preferences.papers
            taken[section.name] = shelf.first(papers[section.name], min(room, most))
            room -= len(taken[section.name])
        return tuple([item for section in self._sections for item in taken[section.name]])

    def _choose(
        self, papers: int, categories: tuple[str, ...], had: frozenset[str], form: Form, mine: str
    ) -> Choice:
        wish = Preferences(papers=papers, categories=categories, taste=mine)
        chosen = self.select(wish, had, form)
        if not chosen:
            return Choice(skip="nothing new for this reader")
        return Choice(paper_ids=tuple(item.paper.id for item in chosen))

    def _ordered(self, mine: str, freshness: float) -> Shelf:
        """All papers in the order in which they are chosen, where freshness counts so much.

        Where it counts for nothing, the mail looks back on days, and no paper is slow, either.
        """
        merged = not freshness and {TRENDING, SLOW} <= set(self._names)

        def section(item: Item) -> str:
            return TRENDING if merged and item.section == SLOW else item.section

        chosen, shown = self._order.places(mine, freshness), self._order.places(mine)
        items = sorted(self.edition.items, key=lambda item: chosen[item.paper.id], reverse=True)
        return Shelf(items, section=section, shown=lambda item: shown[item.paper.id])


def select(
    pool: Edition,
    preferences: Preferences,
    had: Collection[str],
    sections: Sequence[Section],
    form: Form = Form.DAILY,
) -> tuple[Item, ...]:
    """One reader's papers; see ``Pool.select``."""
    return Pool(pool, sections).select(preferences, had, form)


def form_of(preferences: Preferences, today: date) -> Form:
    """What the digest of a reader's local date looks back on.

    One weekday makes a weekly digest. The first chosen day at or after the end of a pause brings
    the best of what was missed (of the ranking's window: what is older is history).
    """
    if len(preferences.days) == 1:
        return Form.WEEKLY
    until = preferences.paused_until
    if until is None or not until <= today < until + timedelta(days=7):
        return Form.DAILY
    since = ((until + timedelta(days=n)).weekday() for n in range((today - until).days))
    return Form.DAILY if preferences.days.intersection(since) else Form.RETURN


def told(edition: Edition, colophon: Colophon, before: Edition | None) -> Edition:
    """The edition with the story of how it came about, and where its papers stood ``before``."""
    ranks = {item.paper.id: item.rank for item in before.items} if before else {}
    items = tuple(replace(item, before=ranks.get(item.paper.id)) for item in edition.items)
    return _frozen(edition.cut, edition.day, items, edition.note, colophon)


def choose(
    subscriber: Subscriber,
    kind: MailKind,
    *,
    suppressed: str | None,
    today: date | None,
    digest: Callable[[], Choice],
) -> Choice:
    """Whether this mail may go to this reader now, and with which papers.

    Asked when a delivery is taken for sending, so that who left a moment ago gets nothing.

    Args:
        subscriber: as stored at this moment.
        kind: of the mail.
        suppressed: the reason why nothing may be sent to the address, if any.
        today: the delivery's local date (a digest's).
        digest: gives the reader's papers (called for digests that may go).
    """
    if reason := barred(subscriber, kind, suppressed, today):
        return Choice(skip=reason)
    return digest() if kind is MailKind.DIGEST else Choice()


def chooser(pool: Pool | None) -> Chooser:
    """What the ledger asks for every delivery it takes: may it go, and with which papers.

    ``pool`` is that of the edition; letters have none.
    """

    def choose_for(
        reader: Subscriber,
        kind: MailKind,
        suppressed: str | None,
        today: date | None,
        had: frozenset[str],
    ) -> Choice:
        def digest() -> Choice:
            assert pool is not None
            form = form_of(reader.preferences, today) if today else Form.DAILY
            return pool.choice(reader, had, form)

        return choose(reader, kind, suppressed=suppressed, today=today, digest=digest)

    return choose_for


def _frozen(
    cut: datetime,
    day: date,
    items: tuple[Item, ...],
    note: str,
    colophon: Colophon = NOTHING,
) -> Edition:
    content = f"{cut.isoformat()}\n{day}\n{note}\n".encode() + dump(items, colophon)
    name = hashlib.sha256(content).hexdigest()[:20]
    return Edition(id=name, cut=cut, day=day, items=items, note=note, colophon=colophon)
