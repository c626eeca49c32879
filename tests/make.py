"""Values for the tests: sensible by default, and whatever a test is about by keyword.

Everything happens around ``NOON``, a Thursday.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import TypeVar

from digest.model import (
    EVERY_DAY,
    Candidate,
    Consent,
    DueSlot,
    Edition,
    Feedback,
    FeedbackKind,
    FetchState,
    Harvest,
    Item,
    Paper,
    Preferences,
    Section,
    Signal,
    Subscriber,
    SubscriberState,
    Term,
)
from digest.store import Store

T = TypeVar("T")

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
SECTIONS = (
    Section(name="trending", title="Trending", share=1.0),
    Section(name="fresh", title="Fresh, no votes yet", share=0.25),
)


def paper_id(number: int) -> str:
    """The arXiv id of the n-th paper."""
    return f"2601.{number:05d}"


def paper(number: int = 1, **over) -> Paper:
    """The n-th paper."""
    name = paper_id(number)
    values = {
        "id": name,
        "title": f"Paper {number}",
        "abstract": f"What paper {number} is about.",
        "authors": ("Ada Example", "Ben Example"),
        "categories": ("cs.CL",),
        "source": "arxiv",
        "published_at": NOON - DAY,
        "links": {"paper": f"https://arxiv.org/abs/{name}"},
    }
    return Paper(**{**values, **over})


def signal(value: float = 1.0, **over) -> Signal:
    """One observation of the first paper: so many votes at noon."""
    values = {"paper_id": paper_id(1), "source": "huggingface", "name": "votes", "at": NOON}
    return Signal(value=value, **{**values, **over})


def candidate(number: int = 1, *, votes: float | None = None, **over) -> Candidate:
    """The n-th paper, seen and listed four hours before noon, with its votes of noon, if any."""
    about = {"paper_id": paper_id(number)}
    signals = [signal(name="listed", at=NOON - 4 * HOUR, **about)]
    if votes is not None:
        signals.append(signal(votes, **about))
    values = {"paper": paper(number), "seen_at": NOON - 4 * HOUR, "signals": tuple(signals)}
    return Candidate(**{**values, **over})


def item(number: int = 1, **over) -> Item:
    """The n-th paper at the n-th place of an edition."""
    values = {
        "rank": number,
        "paper": paper(number),
        "section": "trending",
        "score": 1.0,
        "terms": (Term(name="votes", value=0.0, text="1 vote"),),
        "why": "1 vote; new today",
    }
    return Item(**{**values, **over})


def edition(*items: Item, **over) -> Edition:
    """An edition of noon with those items, or with three; its id is its cut's."""
    cut = over.get("cut", NOON)
    values = {
        "id": f"edition-{cut:%Y%m%dT%H%M}",
        "cut": cut,
        "day": cut.date(),
        "items": items or tuple(item(number) for number in (1, 2, 3)),
    }
    return Edition(**{**values, **over})


def preferences(**over) -> Preferences:
    """Every day at seven, UTC."""
    return Preferences(**over)


def subscriber(**over) -> Subscriber:
    """An active reader; ``preferences`` may be given as their fields."""
    chosen = {name: over.pop(name) for name in Preferences.__slots__ if name in over}
    values = {
        "id": 1,
        "key": "key-1",
        "email": "reader1@example.org",
        "state": SubscriberState.ACTIVE,
        "preferences": preferences(**chosen),
        "created_at": NOON - 10 * DAY,
        "confirmed_at": NOON - 10 * DAY,
    }
    return Subscriber(**{**values, **over})


def consent(action: str = "asked", **over) -> Consent:
    """Somebody's agreement on the form, at noon."""
    values = {"at": NOON, "source": "form", "network": "192.0.2.0/24", "text": "Yes, please."}
    return Consent(action=action, **{**values, **over})


def slot(**over) -> DueSlot:
    """Readers who chose seven o'clock UTC on every day are due today."""
    values = {"hour": 7, "zone": "UTC", "days": EVERY_DAY, "local_date": NOON.date(), "late": False}
    values |= over
    default = datetime.combine(values["local_date"], datetime.min.time(), UTC)
    return DueSlot(**{"due_at": default.replace(hour=values["hour"]), **values})


def harvest(*papers: Paper, **over) -> Harvest:
    """One good look at Hugging Face."""
    values = {"source": "huggingface", "state": FetchState.FRESH, "listed": len(papers)}
    return Harvest(papers=papers, **{**values, **over})


def feedback(number: int = 1, kind: str = FeedbackKind.SOFT, **over) -> Feedback:
    """The n-th event, at noon, of the first reader's address."""
    values = {"key": f"event-{number}", "at": NOON, "fingerprint": "print-1", "status": "4.4.1"}
    return Feedback(kind=FeedbackKind(kind), **{**values, **over})


def day(offset: int = 0) -> date:
    """The date of noon, so many days later."""
    return NOON.date() + offset * DAY


def join(
    store: Store,
    number: int = 1,
    *,
    state: SubscriberState = SubscriberState.ACTIVE,
    at: datetime = NOON - 10 * DAY,
    **chosen,
) -> Subscriber:
    """The n-th reader, added to the store at ``at``; ``chosen`` are their preferences."""
    key = f"key-{number}"
    row = (f"reader{number}@example.org", f"print-{number}", key, preferences(**chosen))
    added = SubscriberState.PENDING if state is SubscriberState.PENDING else SubscriberState.ACTIVE
    store.roster.add([row], consent("added", at=at), added)
    if state is SubscriberState.LEFT:
        store.subscribers.leave(key, consent("left", at=at))
    reader = store.roster.find(key=key)
    assert reader is not None
    return reader


def together(*calls: Callable[[], T]) -> list[T]:
    """What the calls give, each in a thread of its own, all started at the same moment."""
    gate = Barrier(len(calls))

    def start(call: Callable[[], T]) -> T:
        gate.wait(10)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(start, calls))
