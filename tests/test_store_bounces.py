"""The store of what came back: once each, with what follows in the same transaction."""

from datetime import timedelta
from functools import partial

import pytest
from make import DAY, HOUR, NOON, consent, day, edition, feedback, item, join, slot, together
from sqlalchemy import bindparam, select

from digest import suppression
from digest.model import Action, DeliveryState, FeedbackKind, Preferences, SubscriberState
from digest.store.bounces import MOST_UNVERIFIED, not_at, not_paused
from digest.store.tables import DELIVERY, SUPPRESSION
from digest.suppression import Policy

HARD, SOFT, FULL = FeedbackKind.HARD, FeedbackKind.SOFT, FeedbackKind.FULL
POLICY, COMPLAINT = FeedbackKind.POLICY, FeedbackKind.COMPLAINT
USUAL = Policy()


def record(store, event, same="", policy=USUAL):
    judge = partial(suppression.judge, policy=policy)
    return store.bounces.record(event, same, policy.window, judge)


def suppressed(store):
    with store._database.read() as connection:
        return {row.fingerprint: row.reason for row in connection.execute(select(SUPPRESSION))}


def kept(store):
    return [(one.key, action) for one, action, _ in store.bounces.recent()]


def publish_and_send(store, readers, days=1):
    """Mails of so many dates, accepted for each of the readers."""
    for n in range(days):
        pool = store.editions.publish(edition(item(1), cut=NOON + n * DAY))
        when = slot(local_date=day(n), due_at=NOON.replace(hour=7) + n * DAY)
        assert store.ledger.enqueue(pool.id, [when], 1000) == readers
        with store._database.begin() as connection:
            mine = DELIVERY.c.edition_id == pool.id
            sent = DELIVERY.update().where(mine).values(state=DeliveryState.SENT)
            connection.execute(sent)


def test_a_hard_bounce_suppresses_at_once(store):
    join(store)
    assert record(store, feedback(kind=HARD, status="5.1.1")).action is Action.SUPPRESS
    assert suppressed(store) == {"print-1": "bounce: hard bounce 5.1.1"}


def test_the_same_event_twice_is_one(store):
    join(store)
    assert record(store, feedback(kind=HARD)) is not None
    assert record(store, feedback(kind=HARD)) is None
    assert kept(store) == [("event-1", "suppressed")]


def test_of_the_same_event_at_once_one_is_taken(store):
    join(store)
    taken = together(*[partial(record, store, feedback(kind=HARD))] * 4)
    assert sum(one is not None for one in taken) == 1


def test_points_of_events_at_once_are_all_counted(store):
    join(store)
    events = [feedback(n, at=NOON + n * DAY) for n in range(5)]
    together(*[partial(record, store, one) for one in events])
    # The latest sees all that came in before it; whichever came in last is judged after the rest.
    record(store, feedback(9, at=NOON + 5 * DAY))
    assert list(suppressed(store)) == ["print-1"]


def test_five_days_of_a_full_mailbox_suppress(store):
    join(store)
    actions = [record(store, feedback(n, FULL, at=NOON + n * DAY)).action for n in range(5)]
    assert actions == [Action.COUNT] * 4 + [Action.SUPPRESS]


def test_mail_that_is_accepted_for_a_week_clears_the_points(store):
    join(store)
    for n in range(4):
        record(store, feedback(n, FULL, at=NOON - (4 - n) * DAY))
    publish_and_send(store, 1, days=7)
    assert record(store, feedback(9, FULL, at=NOON + 8 * DAY)).reason == "1 of 5 points"


def test_an_event_outlives_its_reader_and_still_suppresses(store):
    join(store)
    store.subscribers.erase("key-1")
    assert record(store, feedback(kind=HARD)).action is Action.SUPPRESS
    ((_, _, domain),) = store.bounces.recent()
    assert (list(suppressed(store)), domain) == (["print-1"], "")


def test_a_suppression_outlives_its_reader(store):
    join(store)
    record(store, feedback(kind=COMPLAINT))
    store.subscribers.erase("key-1")
    assert suppressed(store) == {"print-1": "complaint"}


def test_a_complaint_takes_the_place_of_a_bounce_and_not_the_other_way_round(store):
    join(store)
    record(store, feedback(1, HARD))
    record(store, feedback(2, COMPLAINT))
    record(store, feedback(3, HARD))
    assert suppressed(store) == {"print-1": "complaint"}


def sign_up_again(store, at):
    store.subscribers.sign_up(
        email="reader1@example.org",
        fingerprint="print-1",
        key="unused",
        preferences=Preferences(),
        consent=consent(at=at),
        network="n",
        per_address=3,
        per_network=9,
    )
    return store.roster.find(key="key-1").state


def test_a_new_double_opt_in_lifts_a_bounce_and_forgets_its_points(store):
    join(store)
    for n in range(5):
        record(store, feedback(n, FULL, at=NOON + n * DAY))
    assert sign_up_again(store, NOON + 5 * DAY) is SubscriberState.PENDING
    store.subscribers.confirm("key-1", consent("confirmed", at=NOON + 5 * DAY))
    assert suppressed(store) == {}
    assert record(store, feedback(9, FULL, at=NOON + 6 * DAY)).reason == "1 of 5 points"


def test_no_opt_in_lifts_a_complaint(store):
    join(store)
    record(store, feedback(kind=COMPLAINT))
    assert sign_up_again(store, NOON + DAY) is SubscriberState.ACTIVE  # and its letter is barred
    assert suppressed(store) == {"print-1": "complaint"}


# ── Domains ──────────────────────────────────────────────────────────────────────────────────────


def refuse(store, number, at=NOON, same="5.7.1 blocked", kind=POLICY):
    event = feedback(number, kind, fingerprint=f"print-{number}", at=at, status="5.7.1")
    return record(store, event, same)


def test_many_equal_refusals_pause_their_domain_and_alert(store):
    for number in range(10):
        join(store, number)
    pauses = [bool(refuse(store, number).pause) for number in range(10)]
    assert pauses == [False] * 9 + [True]
    assert store.bounces.paused_domains(NOON) == {"example.org"}
    (alert,) = store.bounces.alerts(NOON)
    assert (alert.domain, alert.until) == ("example.org", NOON + 6 * HOUR)
    assert alert.reason.startswith("10 equal refusals: 5.7.1")
    assert suppressed(store) == {}  # not the readers' fault


@pytest.mark.parametrize("how", ["different", "slow", "one reader"])
def test_other_refusals_do_not(store, how):
    for number in range(12):
        join(store, number)
    for number in range(12):
        same = f"5.7.1 reason {number}" if how == "different" else "5.7.1 blocked"
        at = NOON + number * 3 * HOUR if how == "slow" else NOON
        who = 1 if how == "one reader" else number
        event = feedback(number, POLICY, fingerprint=f"print-{who}", at=at)
        assert not record(store, event, same).pause
    assert not store.bounces.paused_domains(NOON)


def test_a_complaint_pauses_a_small_domain_and_not_a_large_one(store):
    for number in range(1, 4):
        join(store, number)
    publish_and_send(store, 3)
    loose = Policy(complaint_rate=0.5)
    assert not record(store, feedback(1, COMPLAINT), policy=loose).pause  # one of three
    assert record(store, feedback(2, COMPLAINT, fingerprint="print-2"), policy=loose).pause
    assert store.bounces.paused_domains(NOON) == {"example.org"}


def test_a_pause_ends_by_itself_and_on_the_operators_word(store):
    join(store)
    record(store, feedback(kind=COMPLAINT))
    assert store.bounces.paused_domains(NOON + 6 * HOUR - timedelta(seconds=1))
    assert not store.bounces.paused_domains(NOON + 6 * HOUR)
    assert not store.bounces.alerts(NOON + 6 * HOUR)
    assert store.bounces.resume("Example.ORG")
    assert not store.bounces.resume("example.org")
    assert not store.bounces.paused_domains(NOON)


def test_a_later_reason_makes_a_pause_longer_and_an_earlier_one_not_shorter(store):
    for number in (1, 2, 3):
        join(store, number)
    for number, hours in ((1, 2), (2, 4), (3, 0)):
        event = feedback(number, COMPLAINT, fingerprint=f"print-{number}", at=NOON + hours * HOUR)
        record(store, event)
    assert [one.until for one in store.bounces.alerts(NOON)] == [NOON + 10 * HOUR]


def test_the_condition_for_the_claim_leaves_paused_domains_out(store):
    for number, domain in enumerate(["example.org", "other.example", "sub.example.org", "a_b.net"]):
        row = (f"reader@{domain}", f"print-{number}", f"key-{number}", Preferences())
        store.roster.add([row], consent("added", at=NOON - DAY), SubscriberState.ACTIVE)
    pool = store.editions.publish(edition(item(1)))
    store.ledger.enqueue(pool.id, [slot(due_at=NOON)], 10)

    def left(*domains):
        with store._database.read() as connection:
            wanted = select(DELIVERY.c.id).where(not_at(frozenset(domains)))
            return len(list(connection.execute(wanted)))

    assert left() == 4
    assert left("example.org") == 3
    assert left("example.org", "other.example") == 2
    assert left("axb.net") == 4  # the underscore is no pattern
    assert left("a_b.net") == 3


def test_the_same_condition_made_once_asks_who_waits_now(store):
    for number, domain in enumerate(["example.org", "other.example", "sub.example.org"]):
        row = (f"reader@{domain}", f"print-{number}", f"key-{number}", Preferences())
        store.roster.add([row], consent("added", at=NOON - DAY), SubscriberState.ACTIVE)
    pool = store.editions.publish(edition(item(1)))
    store.ledger.enqueue(pool.id, [slot(due_at=NOON)], 10)
    once = select(DELIVERY.c.id).where(not_paused(bindparam("now")))

    def left(now):
        with store._database.read() as connection:
            return len(list(connection.execute(once, {"now": now})))

    assert left(NOON) == 3
    record(store, feedback(kind=COMPLAINT, fingerprint="print-0"))
    assert left(NOON) == 2
    assert left(NOON + 6 * HOUR) == 3


# ── What proves nothing, and what is good once ───────────────────────────────────────────────────


def test_what_proves_nothing_is_kept_within_bounds_and_does_nothing(store, monkeypatch):
    monkeypatch.setattr("digest.store.bounces.MOST_UNVERIFIED", 3)
    unverified = [feedback(n, FeedbackKind.UNVERIFIED, fingerprint="") for n in range(5)]
    assert [store.bounces.remember(one) for one in unverified] == [True] * 3 + [False] * 2
    assert not store.bounces.remember(unverified[0])
    assert [action for _, action in kept(store)] == ["ignored"] * 3
    assert suppressed(store) == {}
    assert MOST_UNVERIFIED >= 100


def test_a_token_is_taken_once_until_it_is_given_back_or_forgotten(store):
    taken = together(*[partial(store.bounces.first_time, "token", NOON)] * 4)
    assert sorted(taken) == [False, False, False, True]
    store.bounces.give_back("token")
    assert store.bounces.first_time("token", NOON)
    assert not store.bounces.first_time("token", NOON + 23 * HOUR)
    assert store.bounces.first_time("token", NOON + 25 * HOUR)


def test_old_events_are_forgotten(store):
    for n in range(3):
        record(store, feedback(n, at=NOON + n * DAY))
    assert store.bounces.forget(NOON + DAY) == 1
    assert [key for key, _ in kept(store)] == ["event-2", "event-1"]


def test_a_mail_is_found_by_what_its_message_id_calls_it(store):
    join(store, state=SubscriberState.PENDING)
    ((letter, *_),) = [(one.id, one) for one in store.ledger.entries()]
    assert store.bounces.delivery_of(f"confirm.{letter}", "print-1") == letter
    assert store.bounces.delivery_of(f"confirm.{letter}", "print-2") is None
    assert store.bounces.delivery_of("confirm." + "9" * 30, "print-1") is None
    store.subscribers.confirm("key-1", consent("confirmed", at=NOON - 9 * DAY))
    publish_and_send(store, 1)
    found = store.bounces.delivery_of(edition(item(1)).id, "print-1")
    assert found is not None
    assert found != letter
