"""The queue's tables: jobs live and die with the deliveries they point to."""

from datetime import timedelta

import postgres
import pytest
from make import HOUR, NOON, consent, edition, item, join, preferences, slot, together
from sqlalchemy import text

from digest import parts
from digest.errors import StoreError
from digest.model import DIGESTS, PROMPT, Batch, SubscriberState
from digest.store import Script, Store


@pytest.fixture
def store(queue_url):
    """A store whose deliveries are left to workers."""
    opened = Store(queue_url, is_queued=True)
    yield opened
    opened.close()


def publish(store, cut=NOON):
    return store.editions.publish(edition(*(item(n) for n in range(1, 4)), cut=cut))


def jobs(store) -> list[tuple[str, Batch]]:
    """Every job: its queue, and where it points to."""
    asked = text("SELECT queue_name, args->>'edition', args->'batch' FROM procrastinate_jobs")
    with store._database.read() as connection:
        return sorted(
            (queue, (edition_id, batch)) for queue, edition_id, batch in connection.execute(asked)
        )


def test_every_batch_of_an_edition_has_one_job(store):
    for number in range(7):
        join(store, number, hour=7 if number < 5 else 8)
    made = publish(store)
    store.ledger.enqueue(made.id, [slot(), slot(hour=8)], 2)
    assert jobs(store) == [(DIGESTS, (made.id, n)) for n in range(4)]
    assert [job for _, job in jobs(store)] == store.ledger.batches(NOON)
    assert store.queue.defer(store.ledger.batches(NOON)) == 0  # each has one waiting


def test_a_letter_comes_with_its_job_in_the_queue_that_does_not_wait(store):
    asked = {"network": "n", "per_address": 3, "per_network": 9}
    for name in ("a", "b"):
        reader = {"email": f"{name}@example.org", "fingerprint": name, "key": name}
        store.subscribers.sign_up(
            **reader, **asked, preferences=preferences(), consent=consent(at=NOON)
        )
    join(store, 1, state=SubscriberState.PENDING)
    assert jobs(store) == [(PROMPT, (None, 0))]


def test_neither_deliveries_nor_jobs_are_there_without_the_other(store, monkeypatch):
    join(store)
    made = publish(store)

    def break_down(_):
        raise ZeroDivisionError

    monkeypatch.setattr(store.fence, "_advance", break_down)  # the last step before the commit
    with pytest.raises(ZeroDivisionError):
        store.ledger.enqueue(made.id, [slot()], 10)
    assert store.ledger.batches(NOON) == []
    assert jobs(store) == []


def test_schedulers_at_once_write_one_job_a_batch(store):
    for number in range(30):
        join(store, number, hour=number % 3)
    slots = [slot(hour=hour) for hour in range(3)]
    made, later = publish(store), publish(store, NOON + HOUR)
    together(
        lambda: store.ledger.enqueue(made.id, slots, 4),
        lambda: store.ledger.enqueue(later.id, slots[::-1], 4),
        lambda: store.ledger.enqueue(made.id, slots, 4),
        lambda: store.queue.defer([(made.id, n) for n in range(8)]),
    )
    found = [job for _, job in jobs(store)]
    assert len(found) == len(set(found))
    assert set(store.ledger.batches(NOON)) <= set(found)


def test_a_batch_that_is_worked_on_may_have_another_job_waiting(store):
    """What is queued in the last moment of a job must not wait for the next tick."""
    assert store.queue.defer([("x", 0)]) == 1
    with store._database.begin() as connection:
        connection.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))
    assert store.queue.defer([("x", 0), ("x", 1)]) == 2
    (line,) = store.queue.view().jobs
    assert (line.edition_id, line.waiting, line.doing, line.failed) == ("x", 2, 1, 0)


def test_the_view_shows_what_waits_since_when_and_who_is_alive(store):
    assert store.queue.view().jobs == []
    store.queue.defer([("x", 0), ("x", 1), (None, 0)])
    with store._database.begin() as connection:
        connection.execute(text("INSERT INTO procrastinate_workers DEFAULT VALUES"))
        connection.execute(
            text(
                "UPDATE procrastinate_jobs SET status = 'doing',"
                " worker_id = (SELECT id FROM procrastinate_workers)"
                " WHERE args ->> 'batch' = '1'"
            )
        )
        now = connection.execute(text("SELECT now()")).scalar_one()
    view = store.queue.view()
    assert [(one.edition_id, one.waiting, one.doing) for one in view.jobs] == [
        ("x", 1, 1),
        (None, 1, 0),
    ]
    assert now - view.jobs[0].oldest < timedelta(minutes=1)
    (worker,) = view.workers
    assert (worker.doing, worker.heard_at) == (1, now)


def test_where_deliveries_are_sent_inline_no_job_is_written(queue_url):
    store = Store(queue_url)
    join(store)
    made = publish(store)
    assert store.ledger.enqueue(made.id, [slot()], 10) == 1
    assert jobs(store) == []
    store.close()


# ── The schema ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def bare(postgres_url, postgres_template):
    """A store without the queue's tables."""
    with postgres.database(postgres_url, postgres_template) as url:
        opened = Store(url, is_queued=True)
        yield opened
        opened.close()


def test_the_queue_is_made_once_and_found_at_its_version(bare):
    scripts = parts.queue_scripts()
    with pytest.raises(StoreError, match=r"the queue is not there, .*run `digest db upgrade`"):
        bare.check(scripts)
    together(*(lambda: bare.upgrade(scripts) for _ in range(3)))
    bare.check(scripts)
    assert bare.queue.defer([("x", 0)]) == 1


def test_a_newer_library_brings_its_steps_each_once_and_in_order(bare):
    scripts = parts.queue_scripts()
    bare.upgrade(scripts)
    last = scripts[0].name
    steps = [
        Script("99.0_a", "CREATE TABLE procrastinate_new (n int); SELECT 'x%';"),
        Script("99.0_b", "INSERT INTO procrastinate_new VALUES (1)"),
    ]
    newer = [Script("99.0_b", "never run"), *scripts[1:], *steps]
    with pytest.raises(StoreError, match=f"the queue is at {last}, this program needs 99.0_b"):
        bare.check(newer)
    for _ in range(2):
        bare.upgrade(newer)
    bare.check(newer)
    with bare._database.read() as connection:
        count = connection.execute(text("SELECT count(*) FROM procrastinate_new")).scalar_one()
    assert count == 1
