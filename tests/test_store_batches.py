"""The store's open batches: nothing that waits is ever out of sight, and what is over is."""

import pytest
from make import DAY, HOUR, NOON, edition, item, join, slot, together
from sqlalchemy import func, select

from digest.compose import Choice
from digest.model import DeliveryState, SubscriberState, Verdict
from digest.store.tables import BATCH, DELIVERY, LEASE, SELECTION

SENT, UNKNOWN = Verdict(state=DeliveryState.SENT), Verdict(state=DeliveryState.UNKNOWN)
LATER = Verdict(state=DeliveryState.DEFERRED, again_at=NOON + HOUR)
HELD = Verdict(state=DeliveryState.DEFERRED, again_at=NOON + HOUR, counted=False)


def claim(store, pool=None, batch=0, **over):
    """Takes deliveries; each of an edition shows all its papers."""
    papers = Choice(paper_ids=tuple(one.paper.id for one in pool.items) if pool else ())
    how = {"worker": "me", "now": NOON, "limit": 10, "horizon": 14 * DAY}
    how |= {"choose": lambda *_: papers}
    return store.ledger.claim(pool and pool.id, batch, **{**how, **over})


def rows(store, table):
    """How many rows a table has."""
    with store._database.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


@pytest.fixture
def pool(store):
    """The edition of noon, queued for five readers in batches of two."""
    for number in range(1, 6):
        join(store, number)
    made = store.editions.publish(edition(*(item(n) for n in (1, 2, 3))))
    assert store.ledger.enqueue(made.id, [slot()], 2) == 5
    return made


def test_a_batch_is_open_until_nothing_of_it_waits(store, pool):
    assert rows(store, BATCH) == 3
    taken = claim(store, pool)
    assert claim(store, pool, done={one.delivery_id: SENT for one in taken}) == []
    assert store.ledger.batches(NOON) == [(pool.id, 1), (pool.id, 2)]
    assert rows(store, BATCH) == 2


@pytest.mark.parametrize("verdict", [LATER, HELD])
def test_what_is_deferred_opens_its_batch_again(store, pool, verdict):
    """All of a batch is claimed, and it is closed before the outcomes are there."""
    taken = claim(store, pool)
    assert claim(store, pool) == []
    assert rows(store, BATCH) == 2
    store.ledger.record("me", {taken[1].delivery_id: verdict, taken[0].delivery_id: SENT})
    assert store.ledger.batches(NOON + HOUR)[0] == (pool.id, 0)
    (again,) = claim(store, pool, now=NOON + HOUR)
    assert again.delivery_id == taken[1].delivery_id
    assert again.attempts == (2 if verdict.counted else 1)


def test_what_is_resent_opens_its_batch_again(store, pool):
    taken = claim(store, pool)
    store.ledger.record("me", {one.delivery_id: UNKNOWN for one in taken})
    assert claim(store, pool) == []
    assert store.ledger.resend([taken[0].delivery_id], NOON) == 1
    assert store.ledger.batches(NOON)[0] == (pool.id, 0)
    assert [one.delivery_id for one in claim(store, pool)] == [taken[0].delivery_id]


def test_who_is_due_later_opens_a_batch_again(store, pool):
    taken = claim(store, pool, batch=2)
    assert claim(store, pool, batch=2, done={one.delivery_id: SENT for one in taken}) == []
    join(store, 9)
    assert store.ledger.enqueue(pool.id, [slot()], 2) == 1
    assert (pool.id, 2) in store.ledger.batches(NOON)
    assert [one.subscriber.key for one in claim(store, pool, batch=2)] == ["key-9"]


def test_what_was_deferred_comes_although_its_batch_went_on_after_it(store, pool):
    """A claim goes on where the last one ended, and looks back before it says there is no more."""
    (first,) = claim(store, pool, limit=1)
    (second,) = claim(store, pool, limit=1, done={first.delivery_id: LATER})
    assert second.delivery_id > first.delivery_id
    (again,) = claim(store, pool, limit=1, now=NOON + HOUR)
    assert again.delivery_id == first.delivery_id


def test_a_pass_closes_what_is_given_up(store, pool):
    late = slot().due_at + DAY
    assert store.ledger.expire(slot().due_at) == 0
    assert rows(store, BATCH) == 3
    assert store.ledger.expire(late, (pool.id, 1)) == 2
    assert rows(store, BATCH) == 2
    assert store.ledger.expire(late) == 3
    assert rows(store, BATCH) == 0


def test_closing_and_deferring_at_once_leave_nothing_out_of_sight(store, pool):
    """Whoever comes first: what waits is in an open batch afterwards."""
    for round_ in range(10):
        now = NOON + round_ * 2 * HOUR
        later = Verdict(state=DeliveryState.DEFERRED, again_at=now + HOUR)
        both = {one.delivery_id: later for one in claim(store, pool, now=now)}
        assert len(both) == 2
        together(
            lambda both=both: store.ledger.record("me", both),
            lambda now=now: claim(store, pool, now=now, worker="another"),
            lambda: store.ledger.expire(NOON - DAY),
        )
        assert (pool.id, 0) in store.ledger.batches(now + HOUR)


def test_letters_that_are_over_leave_their_batch_and_come_back_on_command(store):
    join(store, 1, state=SubscriberState.PENDING)
    join(store, 2, state=SubscriberState.PENDING)
    first, second = claim(store)
    store.ledger.record("me", {first.delivery_id: UNKNOWN, second.delivery_id: LATER})
    store.ledger.expire(NOON - 30 * DAY)
    with store._database.read() as connection:
        numbers = connection.execute(select(DELIVERY.c.batch).order_by(DELIVERY.c.id)).scalars()
        assert list(numbers) == [-1, 0]
    assert [one.delivery_id for one in claim(store, now=NOON + HOUR)] == [second.delivery_id]
    assert store.ledger.resend(None, NOON) == 1
    assert [one.delivery_id for one in claim(store)] == [first.delivery_id]


def test_the_papers_that_many_get_are_stored_once(store, pool):
    for batch in range(3):
        claim(store, pool, batch=batch)
    assert rows(store, SELECTION) == 1
    keys = [f"key-{number}" for number in range(1, 6)]
    assert {store.ledger.papers_of(pool.id, key) for key in keys} == {
        tuple(one.paper.id for one in pool.items)
    }


def test_many_readers_with_papers_of_their_own_are_told_apart(store):
    """More lists in one window than are written one by one."""
    more = store.editions.publish(edition(item(1)))
    for number in range(10):
        join(store, number)
    store.ledger.enqueue(more.id, [slot()], 100)
    taken = claim(
        store, more, limit=100, choose=lambda reader, *_: Choice(paper_ids=(reader.key, "x"))
    )
    assert len(taken) == 10
    for one in taken:
        assert store.ledger.papers_of(more.id, one.subscriber.key) == (one.subscriber.key, "x")


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "' % ? {", "x" * 100_000])
@pytest.mark.parametrize("same", [True, False])
def test_whatever_a_server_says_of_what_it_took_is_recorded(store, text, same):
    for number in range(6):
        join(store, number)
    made = store.editions.publish(edition(item(1)))
    store.ledger.enqueue(made.id, [slot()], 100)
    taken = claim(store, made)
    said = {
        one.delivery_id: Verdict(
            state=DeliveryState.SENT, reason=text if same else f"{text} {one.delivery_id}"
        )
        for one in taken
    }
    store.ledger.record("me", said)
    assert dict(store.ledger.counts()) == {"sent": 6}
    (reason, *_) = {one.reason for one in store.ledger.entries()}
    assert reason.startswith(text[0].replace("\ud800", "\ufffd"))


def test_what_was_rolled_back_is_not_taken_for_stored(store, pool, monkeypatch):
    def break_down(*_, **__):
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(store._database, "update_each", break_down)  # comes after the selection
        with pytest.raises(ZeroDivisionError):
            claim(store, pool)
    assert rows(store, SELECTION) == 0
    (one, _) = claim(store, pool)
    assert store.ledger.papers_of(pool.id, one.subscriber.key) == one.paper_ids


def test_a_worker_that_recorded_everything_need_not_be_looked_after(store, pool):
    with store.ledger.enlist() as worker:
        taken = claim(store, pool, worker=worker)
        assert rows(store, LEASE) == 1
        store.ledger.record(worker, {one.delivery_id: SENT for one in taken})
    assert rows(store, LEASE) == 0
    with store.ledger.enlist() as worker:
        claim(store, pool, batch=1, worker=worker)
    assert rows(store, LEASE) == 1
    assert store.ledger.dead() == {worker}
    assert store.ledger.abandon() == 2
    assert (rows(store, LEASE), store.ledger.dead()) == (0, frozenset())


def test_a_commit_that_nobody_heard_of_leaves_its_deliveries_looked_after(store, pool, monkeypatch):
    """The connection is lost just when the commit is answered."""

    def lost(*_):
        raise ZeroDivisionError

    with store.ledger.enlist() as worker:
        with monkeypatch.context() as broken:
            broken.setattr(store.ledger, "_took", lost)  # comes right after the commit
            with pytest.raises(ZeroDivisionError):
                claim(store, pool, worker=worker)
        taken = claim(store, pool, batch=1, worker=worker)
        store.ledger.record(worker, {one.delivery_id: SENT for one in taken})
    assert store.ledger.abandon() == 2


def test_a_worker_taken_for_dead_while_idle_is_looked_after_again(store, pool):
    """Its lock was lost when it had nothing in doubt; it has it again, and goes on."""
    taken = claim(store, pool, worker="00000000000000aa")
    store.ledger.record("00000000000000aa", {one.delivery_id: SENT for one in taken})
    assert store.ledger.abandon() == 0
    assert rows(store, LEASE) == 0
    claim(store, pool, batch=1, worker="00000000000000aa")
    assert store.ledger.abandon() == 2


def test_a_batch_of_which_nobody_gets_anything_is_closed(store, pool):
    store.subscribers.erase("key-2")
    assert claim(store, pool, choose=lambda *_: Choice(skip="left before it was sent")) == []
    assert store.ledger.batches(NOON) == [(pool.id, 1), (pool.id, 2)]
    assert rows(store, BATCH) == 2
