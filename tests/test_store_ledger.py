"""The store's ledger: one delivery a reader and date, taken once, recorded by who took it."""

import subprocess
import sys
import time
from collections import Counter
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from make import DAY, HOUR, NOON, SECTIONS, consent, day, edition, item, join, slot, together

from digest import compose, timetable
from digest.compose import Choice
from digest.model import DeliveryState, MailKind, SubscriberState, Verdict
from digest.store import Store

PENDING, ACTIVE, LEFT = SubscriberState.PENDING, SubscriberState.ACTIVE, SubscriberState.LEFT
SENT, UNKNOWN = Verdict(state=DeliveryState.SENT), Verdict(state=DeliveryState.UNKNOWN)


def publish(store, cut=NOON, count=3):
    """The edition of that cut, with the papers 1 to ``count``."""
    made = edition(*(item(n) for n in range(1, count + 1)), cut=cut)
    return store.editions.publish(made)


def chooser(pool):
    """Chooses as the story does: the rules, over that edition."""

    def choose(reader, kind, suppressed, today, had):
        def digest():
            return compose.Pool(pool, SECTIONS).choice(reader, had)

        return compose.choose(reader, kind, suppressed=suppressed, today=today, digest=digest)

    return choose


def claim(store, pool=None, batch=0, **over):
    """Takes deliveries of an edition, or letters."""
    how = {"worker": "me", "now": NOON, "limit": 10, "horizon": 14 * DAY, "choose": chooser(pool)}
    return store.ledger.claim(pool and pool.id, batch, **{**how, **over})


def states(store):
    """How many deliveries are in which state."""
    return dict(store.ledger.counts())


@pytest.fixture
def pool(store):
    """The edition of noon."""
    return publish(store)


# ── Who gets one ─────────────────────────────────────────────────────────────────────────────────


def test_a_delivery_is_queued_for_who_is_due_and_for_nobody_else(store, pool):
    join(store, 1)
    join(store, 2, hour=8)
    join(store, 3, zone="Europe/London")  # the same instant, but another slot
    join(store, 4, days=frozenset({0, 1, 2, 3, 4}))
    join(store, 5, state=PENDING)
    join(store, 6, state=LEFT)
    assert store.ledger.enqueue(pool.id, [slot()], 10) == 1
    (one,) = (entry for entry in store.ledger.entries() if entry.kind is MailKind.DIGEST)
    assert (one.email, one.kind, one.state) == ("reader1@example.org", "digest", "queued")
    assert (one.local_date, one.due_at) == (NOON.date(), NOON.replace(hour=7))


def test_enqueueing_again_queues_nothing(store, pool):
    join(store)
    assert [store.ledger.enqueue(pool.id, [slot()], 10) for _ in range(3)] == [1, 0, 0]


def test_a_later_edition_of_the_same_date_is_not_for_who_has_one(store, pool):
    join(store)
    later = publish(store, NOON + HOUR)
    assert store.ledger.enqueue(pool.id, [slot()], 10) == 1
    assert store.ledger.enqueue(later.id, [slot()], 10) == 0


def test_schedulers_at_once_queue_one_delivery_a_reader(store, pool):
    for number in range(30):
        join(store, number, hour=number % 3)
    slots = [slot(hour=hour) for hour in range(3)]
    later = publish(store, NOON + HOUR)  # the hour turns between two schedulers
    counts = together(
        lambda: store.ledger.enqueue(pool.id, slots, 10),
        lambda: store.ledger.enqueue(pool.id, slots[::-1], 10),
        lambda: store.ledger.enqueue(later.id, slots[1:] + slots[:1], 10),
        lambda: store.ledger.enqueue(later.id, slots, 10),
    )
    assert sum(counts) == 30
    assert {entry.email for entry in store.ledger.entries()} == {
        f"reader{number}@example.org" for number in range(30)
    }


def test_batches_are_filled_over_slots_to_the_size_asked_for(store, pool):
    for number in range(7):
        join(store, number, hour=7 if number < 5 else 8)
    store.ledger.enqueue(pool.id, [slot(), slot(hour=8)], 2)
    assert store.ledger.batches(NOON) == [(pool.id, n) for n in range(4)]
    assert [len(claim(store, pool, batch)) for batch in range(4)] == [2, 2, 2, 1]


def test_who_is_due_later_for_the_same_edition_is_found_in_its_batches(store, pool):
    join(store, 1)
    store.ledger.enqueue(pool.id, [slot()], 10)
    assert len(claim(store, pool)) == 1
    join(store, 2)
    assert store.ledger.enqueue(pool.id, [slot()], 10) == 1
    taken = [one for _, n in store.ledger.batches(NOON) for one in claim(store, pool, n)]
    assert [one.subscriber.key for one in taken] == ["key-2"]


@pytest.mark.parametrize(
    ("paused_until", "queued"),
    [
        (None, 1),
        (day(-1), 1),
        (day(), 1),  # until that day: on it, mails come again
        (day(1), 0),
    ],
)
def test_a_paused_reader_is_not_due(store, pool, paused_until, queued):
    join(store, paused_until=paused_until)
    assert store.ledger.enqueue(pool.id, [slot()], 10) == queued


@pytest.mark.parametrize(
    ("confirmed", "late", "queued"),
    [
        (NOON.replace(hour=7), True, 1),
        (NOON.replace(hour=7, microsecond=1), True, 0),  # was no reader yet when it was due
        (NOON.replace(hour=11), False, 1),  # joined today, after their hour: gets today's
    ],
)
def test_a_late_slot_is_for_who_was_a_reader_then(store, pool, confirmed, late, queued):
    join(store, at=confirmed)
    assert store.ledger.enqueue(pool.id, [slot(late=late)], 10) == queued


@pytest.mark.parametrize(
    ("hours", "queued"),
    [
        (24, 1),
        (12, 1),  # exactly the shortest gap
        (11, 0),
        (1, 0),
        (-11, 0),  # to a later date and back again
    ],
)
def test_two_mails_to_one_reader_are_never_closer_than_twelve_hours(store, pool, hours, queued):
    reader = join(store, hour=7)
    before = publish(store, NOON - DAY)
    first = slot(local_date=day(-1), due_at=slot().due_at - hours * HOUR)
    assert store.ledger.enqueue(before.id, [first], 10) == 1
    assert reader.preferences.hour == 7
    assert store.ledger.enqueue(pool.id, [slot()], 10) == queued


def test_a_mail_that_was_not_sent_is_not_kept_away_from(store, pool):
    join(store)
    before = publish(store, NOON - DAY)
    late = slot(local_date=day(-1), due_at=slot().due_at - HOUR)
    store.ledger.close_day([late], before.id, "nothing new")
    assert store.ledger.enqueue(pool.id, [slot()], 10) == 1


def test_moving_around_the_world_gives_one_mail_a_local_date(store):
    """A reader who changes the zone before every tick, for three days."""
    join(store, hour=7)
    zones = ("Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago", "Asia/Kathmandu")
    for hour in range(72):
        now = NOON + hour * HOUR
        wish = store.roster.find(key="key-1").preferences
        moved = type(wish)(hour=7, zone=zones[hour % 4], days=wish.days)
        store.subscribers.prefer("key-1", moved, consent(at=now))
        slots = timetable.due_slots(store.roster.groups(), now, 6 * HOUR)
        if slots:
            store.ledger.enqueue(publish(store, now).id, slots, 10)
    mails = sorted(store.ledger.entries(), key=lambda one: one.due_at)
    gaps = [later.due_at - earlier.due_at for earlier, later in pairwise(mails)]
    assert len(mails) in (3, 4)
    assert len({one.local_date for one in mails}) == len(mails)
    assert min(gaps) >= timetable.SHORTEST_GAP


@pytest.mark.parametrize(
    ("zone", "hour", "start"),
    [
        ("Europe/Berlin", 2, date(2026, 10, 24)),  # the hour comes twice
        ("Europe/Berlin", 2, date(2026, 3, 28)),  # the hour is skipped
        ("Australia/Lord_Howe", 1, date(2026, 4, 4)),  # half an hour comes twice
    ],
)
def test_a_change_of_the_clocks_neither_repeats_nor_drops_a_mail(store, zone, hour, start):
    join(store, hour=hour, zone=zone, at=NOON - 30 * DAY)
    begin = timetable.due_at(start, 0, zone)
    for hours in range(3 * 24):
        now = begin + hours * HOUR
        if slots := timetable.due_slots(store.roster.groups(), now, 6 * HOUR):
            store.ledger.enqueue(publish(store, now).id, slots, 10)
    dates = sorted(one.local_date for one in store.ledger.entries())
    assert dates == [start + n * DAY for n in range(3)]


def test_nobody_is_due_without_slots(store, pool):
    join(store)
    assert store.ledger.enqueue(pool.id, [], 10) == 0
    assert store.ledger.batches(NOON) == []


# ── Taking ───────────────────────────────────────────────────────────────────────────────────────


def queue(store, pool, readers=1, batch=100):
    """So many readers with one delivery each."""
    for number in range(1, readers + 1):
        join(store, number)
    assert store.ledger.enqueue(pool.id, [slot()], batch) == readers


def test_a_claim_has_what_is_needed_and_is_sending_from_then_on(store, pool):
    queue(store, pool)
    (taken,) = claim(store, pool)
    assert taken.subscriber == store.roster.find(key="key-1")
    assert (taken.kind, taken.edition_id, taken.address) == (
        MailKind.DIGEST,
        pool.id,
        "reader1@example.org",
    )
    assert taken.paper_ids == tuple(one.paper.id for one in pool.items)
    assert (taken.attempts, taken.due_at) == (1, NOON.replace(hour=7))
    assert states(store) == {"sending": 1}
    assert store.ledger.papers_of(pool.id, "key-1") == taken.paper_ids
    assert claim(store, pool) == []


def test_a_claim_takes_so_many_and_those_of_its_batch(store, pool):
    queue(store, pool, readers=7, batch=5)
    assert [len(claim(store, pool, limit=3)) for _ in range(3)] == [3, 2, 0]
    assert len(claim(store, pool, batch=1)) == 2


def test_workers_at_once_take_every_delivery_once(store, pool):
    queue(store, pool, readers=40)

    def work(name):
        taken = []
        while some := claim(store, pool, worker=name, limit=3):
            taken += some
        return taken

    taken = [
        one for some in together(*(lambda n=n: work(f"w{n}") for n in range(4))) for one in some
    ]
    assert sorted(one.subscriber.key for one in taken) == sorted(f"key-{n}" for n in range(1, 41))
    assert states(store) == {"sending": 40}


def test_two_deliveries_of_one_reader_taken_at_once_never_carry_the_same_paper(store):
    """An edition of yesterday that had to wait, and today's, which has its papers and more."""
    before, now = publish(store, NOON - DAY, count=3), publish(store, NOON, count=6)
    for number in range(1, 9):
        join(store, number, papers=4)
    store.ledger.enqueue(before.id, [slot(local_date=day(-1))], 100)
    store.ledger.enqueue(now.id, [slot()], 100)
    taken = together(
        *(lambda pool=pool: claim(store, pool, worker=pool.id, limit=8) for pool in (before, now))
    )
    had = Counter(
        (one.subscriber.key, name) for some in taken for one in some for name in one.paper_ids
    )
    assert set(had.values()) == {1}
    assert len(had) >= 8 * 4


@pytest.mark.parametrize(
    ("verdict", "again"),
    [
        (SENT, False),
        (UNKNOWN, False),  # it may have arrived
        (Verdict(state=DeliveryState.REFUSED), True),  # it has not
        (Verdict(state=DeliveryState.DEFERRED, again_at=NOON + DAY), True),
    ],
)
def test_what_a_reader_may_have_had_is_not_sent_again(store, pool, verdict, again):
    queue(store, pool)
    (first,) = claim(store, pool)
    store.ledger.record("me", {first.delivery_id: verdict})
    tomorrow = publish(store, NOON + DAY, count=5)
    store.ledger.enqueue(tomorrow.id, [slot(local_date=day(1))], 10)
    (second,) = claim(store, tomorrow)
    assert set(second.paper_ids).isdisjoint(first.paper_ids) is not again
    assert len(second.paper_ids) == (5 if again else 2)


def test_what_a_reader_had_before_the_horizon_is_forgotten(store, pool):
    queue(store, pool)
    (first,) = claim(store, pool)
    store.ledger.record("me", {first.delivery_id: SENT})
    later = publish(store, NOON + 20 * DAY)
    store.ledger.enqueue(later.id, [slot(local_date=day(20))], 10)
    (second,) = claim(store, later, now=NOON + 20 * DAY)
    assert second.paper_ids == first.paper_ids


def between(store, what):
    """Something happens between the queue and the claim."""
    if what == "left":
        store.subscribers.leave("key-1", consent("left"))
    elif what == "suppressed":
        store.roster.suppress("print-1", "complaint", NOON)
    elif what == "paused":
        wish = type(store.roster.find(key="key-1").preferences)(paused_until=day(1))
        store.subscribers.prefer("key-1", wish, consent())
    else:
        store.subscribers.erase("key-1")


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("left", "left before it was sent"),
        ("suppressed", "suppressed: complaint"),
        ("paused", f"paused until {day(1)}"),
        ("erased", None),
    ],
)
def test_what_happens_between_queue_and_claim_counts(store, pool, what, reason):
    queue(store, pool, readers=2)
    between(store, what)
    assert [one.subscriber.key for one in claim(store, pool)] == ["key-2"]
    skipped = store.ledger.entries(DeliveryState.SKIPPED)
    assert [one.reason for one in skipped] == ([reason] if reason else [])


def test_a_claim_goes_on_until_it_has_something(store, pool):
    queue(store, pool, readers=9)
    for number in range(1, 9):
        store.subscribers.leave(f"key-{number}", consent("left"))
    assert [one.subscriber.key for one in claim(store, pool, limit=2)] == ["key-9"]
    assert states(store) == {"skipped": 8, "sending": 1}


def test_a_reader_for_whom_there_is_nothing_new_is_skipped_with_the_reason(store, pool):
    join(store, categories=("math.GT",))
    store.ledger.enqueue(pool.id, [slot()], 10)
    assert claim(store, pool) == []
    (entry,) = store.ledger.entries()
    assert (entry.state, entry.reason, entry.attempts) == (
        "skipped",
        "nothing new for this reader",
        0,
    )


def test_a_chooser_that_fails_takes_nothing(store, pool):
    queue(store, pool)

    def broken(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        claim(store, pool, choose=broken)
    assert states(store) == {"queued": 1}


def test_a_letter_is_claimed_without_an_edition_and_goes_where_it_should(store):
    join(store, 1)
    join(store, 2, state=PENDING)
    store.subscribers.ask_change("key-1", "new@example.org", "print-new", consent("moving"), 3)
    assert store.ledger.batches(NOON) == [(None, 0)]
    taken = {one.kind: one for one in claim(store)}
    assert taken[MailKind.CONFIRM].address == "reader2@example.org"
    assert taken[MailKind.CHANGE].address == "new@example.org"
    assert taken[MailKind.CHANGE].paper_ids == ()


# ── What became of it ────────────────────────────────────────────────────────────────────────────


def test_only_the_worker_that_claimed_may_record(store, pool):
    queue(store, pool)
    (one,) = claim(store, pool, worker="me")
    store.ledger.record("another", {one.delivery_id: SENT})
    assert states(store) == {"sending": 1}
    store.ledger.record("me", {one.delivery_id: SENT})
    assert states(store) == {"sent": 1}
    store.ledger.record("me", {one.delivery_id: UNKNOWN})  # said once, said for ever
    assert states(store) == {"sent": 1}


def test_every_delivery_gets_its_own_verdict(store, pool):
    queue(store, pool, readers=4)
    verdicts = (
        Verdict(state=DeliveryState.SENT, reason="250 OK"),
        Verdict(state=DeliveryState.REFUSED, reason="550 no such user"),
        Verdict(state=DeliveryState.UNKNOWN, reason="connection lost"),
        Verdict(state=DeliveryState.DEFERRED, again_at=NOON + HOUR, reason="451 later"),
    )
    ids = [one.delivery_id for one in claim(store, pool)]
    store.ledger.record("me", dict(zip(ids, verdicts, strict=True)))
    told = {one.id: (one.state, one.again_at, one.reason) for one in store.ledger.entries()}
    assert told == {
        name: (v.state, v.again_at, v.reason) for name, v in zip(ids, verdicts, strict=True)
    }


def test_nothing_to_record_is_nothing(store):
    store.ledger.record("me", {})
    assert states(store) == {}


def test_a_deferred_delivery_is_taken_again_at_its_time_and_counts_its_tries(store, pool):
    queue(store, pool)
    (first,) = claim(store, pool)
    later = Verdict(state=DeliveryState.DEFERRED, again_at=NOON + HOUR)
    store.ledger.record("me", {first.delivery_id: later})
    almost = NOON + HOUR - HOUR / 3600
    assert store.ledger.batches(almost) == []
    assert claim(store, pool, now=almost) == []
    assert store.ledger.batches(NOON + HOUR) == [(pool.id, 0)]
    (second,) = claim(store, pool, now=NOON + HOUR)
    assert (second.delivery_id, second.attempts) == (first.delivery_id, 2)
    assert second.paper_ids == first.paper_ids  # its own papers are not held against it


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "x" * 100_000])
def test_whatever_a_server_answers_is_recorded(store, pool, text):
    queue(store, pool)
    (one,) = claim(store, pool)
    answer = Verdict(state=DeliveryState.REFUSED, reason=text)
    store.ledger.record("me", {one.delivery_id: answer})
    assert states(store) == {"refused": 1}


# ── Workers that die ─────────────────────────────────────────────────────────────────────────────


def test_the_rows_of_a_worker_that_lives_are_left_alone(store, pool):
    queue(store, pool)
    with store.ledger.enlist() as worker:
        (one,) = claim(store, pool, worker=worker)
        assert store.ledger.abandon() == 0
        store.ledger.record(worker, {one.delivery_id: SENT})
    assert store.ledger.abandon() == 0
    assert states(store) == {"sent": 1}


def test_the_rows_of_a_worker_that_ended_without_a_word_are_in_doubt(store, pool):
    queue(store, pool, readers=3)
    with store.ledger.enlist() as worker:
        claim(store, pool, worker=worker, limit=2)
    assert store.ledger.abandon() == 2
    assert states(store) == {"unknown": 2, "queued": 1}
    assert store.ledger.abandon() == 0


def test_a_worker_that_fails_is_dead(store, pool):
    queue(store, pool)

    def fail():
        with store.ledger.enlist() as worker:
            claim(store, pool, worker=worker)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.ledger.abandon() == 1


def test_one_dead_worker_of_two(store, pool):
    queue(store, pool, readers=2)
    with store.ledger.enlist() as living:
        with store.ledger.enlist() as dead:
            claim(store, pool, worker=dead, limit=1)
        claim(store, pool, worker=living, limit=1)
        assert store.ledger.abandon() == 1
    assert states(store) == {"unknown": 1, "sending": 1}


def test_workers_have_names_of_their_own(store):
    with store.ledger.enlist() as one, store.ledger.enlist() as other:
        assert one != other


WORKER = """
import sys
from datetime import datetime, timedelta
from digest.compose import Choice
from digest.store import Store

store = Store(sys.argv[1])
with store.ledger.enlist() as worker:
    store.ledger.claim(
        sys.argv[2], 0, worker=worker, now=datetime.fromisoformat(sys.argv[3]), limit=2,
        horizon=timedelta(days=14), choose=lambda *_: Choice(paper_ids=("2601.00001",)),
    )
    print("claimed", flush=True)
    sys.stdin.read()
"""


def test_the_rows_of_a_worker_killed_in_the_middle_are_in_doubt_and_only_those(store, store_url):
    pool = publish(store)
    queue(store, pool, readers=3)
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, store_url, pool.id, NOON.isoformat()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    ) as worker:
        assert worker.stdout.readline() == "claimed\n"
        assert store.ledger.abandon() == 0
        worker.kill()  # SIGKILL: nothing of it runs any more
        worker.wait(10)
    deadline = time.monotonic() + 10  # the server needs a moment to see that the client is gone
    while not (found := store.ledger.abandon()):
        assert time.monotonic() < deadline
    assert found == 2
    assert states(store) == {"unknown": 2, "queued": 1}


# ── Giving up, closing, resending ────────────────────────────────────────────────────────────────


def test_what_is_past_its_deadline_and_never_went_out_is_given_up(store, pool):
    queue(store, pool, readers=4)
    first, second, *_ = claim(store, pool, limit=2)
    later = Verdict(state=DeliveryState.DEFERRED, again_at=NOON + HOUR)
    store.ledger.record("me", {first.delivery_id: later, second.delivery_id: SENT})
    due_at = slot().due_at
    assert store.ledger.expire(due_at) == 0  # at the deadline is in time
    assert store.ledger.expire(due_at + HOUR) == 3
    assert states(store) == {"skipped": 3, "sent": 1}
    assert store.ledger.batches(NOON + DAY) == []


def test_a_closed_day_says_why_and_cannot_be_opened_by_a_later_edition(store):
    join(store)
    empty = store.editions.publish(edition(items=(), note="nothing new"))
    assert store.ledger.close_day([slot()], empty.id, empty.note) == 1
    assert store.ledger.close_day([slot()], empty.id, empty.note) == 0
    (entry,) = store.ledger.entries()
    assert (entry.state, entry.reason) == ("skipped", "nothing new")
    assert store.ledger.enqueue(publish(store, NOON + HOUR).id, [slot()], 10) == 0


def test_what_is_in_doubt_is_sent_again_only_on_command(store, pool):
    queue(store, pool, readers=3)
    ids = [one.delivery_id for one in claim(store, pool)]
    store.ledger.record("me", {ids[0]: UNKNOWN, ids[1]: UNKNOWN, ids[2]: SENT})
    assert store.ledger.batches(NOON + DAY) == []
    assert store.ledger.resend([ids[0], ids[2]], NOON + DAY) == 1  # what was sent is not in doubt
    assert states(store) == {"queued": 1, "unknown": 1, "sent": 1}
    assert store.ledger.resend(None, NOON + DAY) == 1
    assert store.ledger.resend([], NOON + DAY) == 0
    assert store.ledger.expire(NOON + DAY) == 0  # the operator's word has no deadline
    (again, _) = claim(store, pool, now=NOON + DAY)
    assert (again.delivery_id, again.attempts, len(again.paper_ids)) == (ids[0], 2, 3)


def test_a_mail_resent_today_does_not_cost_its_reader_todays_digest(store, pool):
    queue(store, pool, readers=1)
    (taken,) = claim(store, pool)
    store.ledger.record("me", {taken.delivery_id: UNKNOWN})
    store.ledger.resend(None, NOON + DAY - HOUR)
    today = slot(local_date=slot().local_date + DAY, due_at=slot().due_at + DAY)
    assert store.ledger.enqueue(publish(store, NOON + DAY).id, [today], 10) == 1


# ── Reading the ledger ───────────────────────────────────────────────────────────────────────────


def test_entries_come_newest_first_by_state_and_so_many(store, pool):
    queue(store, pool, readers=4)
    claim(store, pool, limit=1)
    emails = [one.email for one in store.ledger.entries()]
    assert emails == [f"reader{n}@example.org" for n in (4, 3, 2, 1)]
    assert [one.email for one in store.ledger.entries(limit=2)] == emails[:2]
    assert [one.email for one in store.ledger.entries(DeliveryState.SENDING)] == emails[3:]


def test_counts_are_of_all_or_of_one_edition(store, pool):
    queue(store, pool, readers=2)
    join(store, 3, state=PENDING)
    assert store.ledger.counts() == {"queued": 3}
    assert store.ledger.counts(pool.id) == {"queued": 2}
    assert store.ledger.counts("nothing") == {}


def test_the_papers_of_a_mail_are_shown_to_its_reader_alone(store, pool):
    queue(store, pool, readers=2)
    first, _ = claim(store, pool, choose=lambda *_: Choice(paper_ids=("b", "a")))
    assert store.ledger.papers_of(pool.id, first.subscriber.key) == ("b", "a")  # in its order
    assert store.ledger.papers_of(pool.id, "key-9") == ()
    assert store.ledger.papers_of("nothing", "key-1") == ()


def test_an_open_store_shares_its_ledger_with_another(store, store_url, pool):
    queue(store, pool, readers=2)
    other = Store(store_url)
    assert len(claim(other, pool, worker="other", limit=1)) == 1
    assert len(claim(store, pool)) == 1
    other.close()
