"""The store's readers: joining, choosing, moving, leaving, each in one transaction."""

from datetime import UTC, datetime
from itertools import islice

import pytest
from make import DAY, HOUR, NOON, consent, day, join, preferences, together
from sqlalchemy import func, select

from digest.errors import TooManyRequests
from digest.membership import Answer
from digest.model import MailKind, SubscriberState
from digest.store.tables import ATTEMPT, CONSENT, DELIVERY, SUPPRESSION

PENDING, ACTIVE, LEFT = SubscriberState.PENDING, SubscriberState.ACTIVE, SubscriberState.LEFT


def sign_up(store, number=1, **over):
    """Somebody fills in the form with the n-th address; the key is what a new reader would get."""
    values = {
        "email": f"reader{number}@example.org",
        "fingerprint": f"print-{number}",
        "key": f"key-{number}",
        "preferences": preferences(),
        "consent": consent(at=over.pop("at", NOON)),
        "network": "network-1",
        "per_address": 3,
        "per_network": 20,
    }
    return store.subscribers.sign_up(**{**values, **over})


def letters(store):
    """The kinds of all letters, oldest first."""
    return [one.kind for one in reversed(store.ledger.entries())]


def rows(store, table):
    """How many rows a table has."""
    with store._database.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


# ── Signing up ───────────────────────────────────────────────────────────────────────────────────


def test_a_new_address_is_pending_and_gets_a_letter(store):
    wish = preferences(hour=9, zone="Asia/Kathmandu", days=frozenset({0, 6}), papers=3)
    assert sign_up(store, preferences=wish) == Answer(PENDING, MailKind.CONFIRM)
    reader = store.roster.find(fingerprint="print-1")
    assert (reader.key, reader.email, reader.state) == ("key-1", "reader1@example.org", PENDING)
    assert reader.preferences == wish
    assert (reader.created_at, reader.confirmed_at) == (NOON, None)
    assert letters(store) == [MailKind.CONFIRM]


def test_a_pending_reader_who_asks_again_keeps_the_key_and_waits_for_one_letter(store):
    sign_up(store)
    sign_up(store, key="other", preferences=preferences(hour=20))
    reader = store.roster.find(key="key-1")
    assert reader.preferences.hour == 20
    assert store.roster.find(key="other") is None
    assert letters(store) == [MailKind.CONFIRM]


def test_a_reader_who_left_and_asks_again_is_pending_with_the_new_wishes(store):
    join(store, state=LEFT)
    assert sign_up(store, preferences=preferences(papers=5)).letter is MailKind.CONFIRM
    reader = store.roster.find(key="key-1")
    assert (reader.state, reader.preferences.papers) == (PENDING, 5)


def test_an_active_reader_stays_as_they_are_whatever_the_form_says(store):
    before = join(store)
    answer = sign_up(store, preferences=preferences(hour=3))  # by anybody who knows the address
    assert answer == Answer(ACTIVE, MailKind.KNOWN)
    assert store.roster.find(key="key-1") == before


def test_the_fourth_sign_up_of_a_day_is_silent(store):
    at = [NOON + n * HOUR for n in range(4)]
    assert [sign_up(store, at=moment).letter for moment in at] == [MailKind.CONFIRM] * 3 + [None]
    # A day after the first there is room again.
    assert sign_up(store, at=NOON + DAY + HOUR).letter is MailKind.CONFIRM


def test_the_twenty_first_sign_up_from_a_network_within_an_hour_is_refused(store):
    for number in range(20):
        sign_up(store, number)
    with pytest.raises(TooManyRequests):
        sign_up(store, 20)
    assert store.roster.find(key="key-20") is None
    assert sign_up(store, 21, network="network-2").letter
    assert sign_up(store, 22, at=NOON + HOUR).letter


def test_what_was_refused_is_not_counted(store):
    sign_up(store, 1, per_network=1)
    for _ in range(3):
        with pytest.raises(TooManyRequests):
            sign_up(store, 2, per_network=1)
    assert rows(store, ATTEMPT) == 2  # the network's and the address's, of the one that was taken


def test_attempts_are_forgotten(store):
    sign_up(store)
    store.subscribers.forget_attempts(NOON)
    assert rows(store, ATTEMPT) == 2
    store.subscribers.forget_attempts(NOON + HOUR)
    assert rows(store, ATTEMPT) == 0


def test_who_never_confirmed_is_forgotten_and_nobody_else(store):
    for number, state in ((1, PENDING), (2, PENDING), (3, ACTIVE), (4, LEFT)):
        join(store, number, state=state, at=NOON - 9 * DAY)
    sign_up(store, 2, at=NOON)  # asks again
    assert store.subscribers.forget_unconfirmed(NOON - 9 * DAY) == 0
    assert store.subscribers.forget_unconfirmed(NOON - DAY) == 1
    assert store.roster.counts() == {PENDING: 1, ACTIVE: 1, LEFT: 1}
    assert rows(store, DELIVERY) == 1  # with whoever is gone goes the letter to them


def test_sign_ups_of_one_address_at_once_make_one_reader_and_one_letter(store):
    together(*(lambda n=n: sign_up(store, 1, key=f"key-{n}") for n in range(6)))
    assert store.roster.counts() == {PENDING: 1}
    assert letters(store) == [MailKind.CONFIRM]


def test_sign_ups_of_many_addresses_at_once_are_all_taken(store):
    together(*(lambda n=n: sign_up(store, n) for n in range(6)))
    assert store.roster.counts() == {PENDING: 6}
    assert len(letters(store)) == 6


# ── Confirming ───────────────────────────────────────────────────────────────────────────────────


def test_a_confirmed_reader_is_active_and_again_is_as_good_as_once(store):
    sign_up(store)
    first = store.subscribers.confirm("key-1", consent("confirmed", at=NOON + HOUR))
    assert (first.state, first.confirmed_at) == (ACTIVE, NOON + HOUR)
    assert store.subscribers.confirm("key-1", consent("confirmed", at=NOON + DAY)) == first
    assert [one["action"] for one in store.roster.data("key-1")["consents"]] == [
        "asked",
        "confirmed",
    ]


def test_a_link_from_before_they_left_does_not_bring_a_reader_back(store):
    join(store, state=LEFT)
    assert store.subscribers.confirm("key-1", consent("confirmed")) is None
    assert store.roster.find(key="key-1").state is LEFT


def test_nobody_cannot_confirm(store):
    assert store.subscribers.confirm("nobody", consent("confirmed")) is None


def test_clicks_at_once_confirm_once(store):
    sign_up(store)
    together(*[lambda: store.subscribers.confirm("key-1", consent("confirmed"))] * 4)
    assert len(store.roster.data("key-1")["consents"]) == 2


@pytest.mark.parametrize(("reason", "left"), [("bounce: 550", 0), ("complaint", 1)])
def test_confirming_lifts_a_bounce_and_no_complaint(store, reason, left):
    store.roster.suppress("print-1", reason, NOON)
    store.roster.suppress("print-2", "bounce", NOON)  # somebody else's
    sign_up(store)
    store.subscribers.confirm("key-1", consent("confirmed"))
    assert rows(store, SUPPRESSION) == 1 + left


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        ("bounce", "complaint", 1),  # the graver one stays
        ("complaint", "bounce", 1),
        ("bounce", "bounce again", 0),
    ],
)
def test_a_complaint_is_not_lifted_whenever_it_came(store, first, second, left):
    store.roster.suppress("print-1", first, NOON)
    store.roster.suppress("print-1", second, NOON)
    sign_up(store)
    store.subscribers.confirm("key-1", consent("confirmed"))
    assert rows(store, SUPPRESSION) == left


# ── Choosing, leaving ────────────────────────────────────────────────────────────────────────────


def test_what_a_reader_chooses_is_stored(store):
    join(store)
    wish = preferences(
        hour=23,
        zone="Pacific/Chatham",
        days=frozenset({1, 3}),
        papers=40,
        categories=("cs.CL", "math.GT"),
        paused_until=day(30),
    )
    assert store.subscribers.prefer("key-1", wish, consent("preferences")).preferences == wish
    assert store.roster.find(key="key-1").preferences == wish
    assert store.roster.data("key-1")["consents"][-1]["action"] == "preferences"
    assert store.subscribers.prefer("nobody", wish, consent()) is None


@pytest.mark.parametrize("days", [frozenset(), frozenset({0}), frozenset({6}), frozenset(range(7))])
def test_weekdays_come_back(store, days):
    assert join(store, days=days).preferences.days == days


def test_leaving_again_is_as_good_as_once(store):
    join(store)
    assert store.subscribers.leave("key-1", consent("left"))
    assert not store.subscribers.leave("key-1", consent("left"))
    assert not store.subscribers.leave("nobody", consent("left"))
    found = store.roster.data("key-1")
    assert found["subscriber"]["left_at"] == NOON.isoformat()
    assert [one["action"] for one in found["consents"]] == ["added", "left"]


def test_erasing_leaves_nothing_and_again_is_as_good_as_once(store):
    join(store)
    store.subscribers.ask_change("key-1", "new@example.org", "print-new", consent("moving"), 3)
    assert store.subscribers.erase("key-1")
    assert not store.subscribers.erase("key-1")
    assert store.roster.data("key-1") is None
    assert (rows(store, CONSENT), rows(store, DELIVERY)) == (0, 0)


def test_a_suppression_outlives_the_reader(store):
    join(store)
    store.roster.suppress("print-1", "complaint", NOON)
    store.subscribers.erase("key-1")
    assert rows(store, SUPPRESSION) == 1


# ── Moving to another address ────────────────────────────────────────────────────────────────────


def ask(store, number=2, **over):
    """The first reader asks to move to the n-th address."""
    new = (f"reader{number}@example.org", f"print-{number}")
    store.subscribers.ask_change("key-1", *new, consent("asked to move", **over), 3)


def test_a_reader_moves_when_the_new_address_says_so(store):
    join(store)
    ask(store)
    assert store.roster.find(key="key-1").pending_email == "reader2@example.org"
    assert letters(store) == [MailKind.CHANGE]
    assert store.subscribers.change("key-1", "reader2@example.org", "print-2", consent("moved"))
    reader = store.roster.find(fingerprint="print-2")
    assert (reader.key, reader.email, reader.pending_email) == (
        "key-1",
        "reader2@example.org",
        None,
    )
    assert store.roster.find(fingerprint="print-1") is None


def test_nobody_moves_to_an_address_that_is_somebody_s(store):
    join(store, 1)
    join(store, 2)
    ask(store)
    assert store.roster.find(key="key-1").pending_email is None
    assert letters(store) == []
    assert not store.subscribers.change("key-1", "reader2@example.org", "print-2", consent("x"))


def test_nobody_moves_to_an_address_that_became_somebody_s_since(store):
    join(store, 1)
    ask(store)
    join(store, 2)
    assert not store.subscribers.change("key-1", "reader2@example.org", "print-2", consent("x"))


def test_no_letter_goes_to_an_address_we_must_not_write_to(store):
    join(store)
    store.roster.suppress("print-2", "complaint", NOON)
    ask(store)
    assert letters(store) == []


@pytest.mark.parametrize("state", [PENDING, LEFT])
def test_only_an_active_reader_moves(store, state):
    join(store, state=state)
    before = letters(store)
    ask(store)
    assert store.roster.find(key="key-1").pending_email is None
    assert letters(store) == before


def test_nobody_floods_an_address_by_moving_to_it(store):
    for number in (1, 3, 4, 5):
        join(store, number)
        store.subscribers.ask_change(
            f"key-{number}", "victim@example.org", "victim", consent("asked to move"), 3
        )
    assert letters(store) == [MailKind.CHANGE] * 3


def test_leaving_withdraws_a_move(store):
    join(store)
    ask(store)
    store.subscribers.leave("key-1", consent("left"))
    assert store.roster.find(key="key-1").pending_email is None


# ── All readers ──────────────────────────────────────────────────────────────────────────────────


def crowd(count):
    """So many readers, as ``add`` takes them."""
    return [(f"r{n}@example.org", f"p{n}", f"k{n}", preferences(hour=n % 24)) for n in range(count)]


def test_readers_are_added_once_and_known_ones_stay_as_they_are(store):
    before = join(store, hour=5)
    new = ("other@example.org", "print-other", "key-other", preferences())
    known = ("reader1@example.org", "print-1", "key-new", preferences(hour=6))
    assert store.roster.add([known, new, new], consent("added"), ACTIVE) == 1
    assert store.roster.find(fingerprint="print-1") == before
    assert store.roster.find(key="key-other").confirmed_at == NOON
    assert letters(store) == []


def test_pending_ones_that_are_added_get_a_letter(store):
    store.roster.add(crowd(2), consent("added"), PENDING)
    assert letters(store) == [MailKind.CONFIRM] * 2
    assert store.roster.find(key="k1").confirmed_at is None


def test_more_than_a_thousand_readers_are_streamed_in_the_order_they_came(store):
    store.roster.add(crowd(1_203), consent("added"), ACTIVE)
    assert [one.key for one in store.roster.everybody()] == [f"k{n}" for n in range(1_203)]


def test_who_stops_reading_the_stream_holds_nothing_up(store):
    store.roster.add(crowd(3), consent("added"), ACTIVE)
    assert [one.key for one in islice(store.roster.everybody(), 2)] == ["k0", "k1"]
    stream = store.roster.everybody()
    assert next(stream).key == "k0"
    store.subscribers.erase("k1")  # while somebody is reading
    assert [one.key for one in stream] == ["k1", "k2"]  # as it was when the reading began


def test_readers_are_counted_and_listed_by_state(store):
    for number, state in enumerate([PENDING, ACTIVE, ACTIVE, LEFT]):
        join(store, number, state=state)
    assert store.roster.counts() == {PENDING: 1, ACTIVE: 2, LEFT: 1}
    assert [one.key for one in store.roster.everybody(LEFT)] == ["key-3"]


def test_the_groups_are_what_active_readers_chose(store):
    weekend = frozenset({5, 6})
    join(store, 1, hour=7)
    join(store, 2, hour=7)
    join(store, 3, hour=7, zone="Asia/Tokyo")
    join(store, 4, hour=7, days=weekend)
    join(store, 5, hour=8, state=PENDING)
    join(store, 6, hour=9, state=LEFT)
    every = frozenset(range(7))
    assert set(store.roster.groups()) == {
        (7, "UTC", every),
        (7, "Asia/Tokyo", every),
        (7, "UTC", weekend),
    }


def test_a_reader_is_told_everything_and_no_inner_number(store):
    sign_up(store, at=datetime(2026, 1, 15, 12, tzinfo=UTC))
    found = store.roster.data("key-1")
    assert found["subscriber"]["email"] == "reader1@example.org"
    assert found["subscriber"]["created_at"] == "2026-01-15T12:00:00+00:00"
    assert found["consents"] == [
        {
            "action": "asked",
            "at": "2026-01-15T12:00:00+00:00",
            "source": "form",
            "network": "192.0.2.0/24",
            "agent": "",
            "text": "Yes, please.",
        }
    ]
    assert [(one["kind"], one["state"]) for one in found["mails"]] == [("confirm", "queued")]
    inner = {"id", "subscriber_id", "fingerprint", "worker", "batch"}
    assert not inner & {*found["subscriber"], *found["consents"][0], *found["mails"][0]}


def test_the_data_of_nobody_is_none(store):
    assert store.roster.data("nobody") is None
    assert store.roster.find(key="nobody") is None
    assert store.roster.find(fingerprint="nobody") is None


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b", "'; DROP TABLE subscriber; --", "😀" * 9])
def test_whatever_a_browser_says_of_itself_is_recorded(store, text):
    sign_up(store, consent=consent(agent=text, network=text, source=text))
    told = store.roster.data("key-1")["consents"][0]["agent"]
    assert told == text.replace("\x00", "\ufffd").replace("\ud800", "\ufffd")
    assert store.roster.find(key=text) is None
