"""The day's second half: a window is claimed, written, sent, recorded, whatever happens to it."""

import asyncio
import itertools
from datetime import timedelta
from functools import partial

import pytest
from fakes import FakeMailer
from installation import installed, queued_readers
from make import DAY, HOUR, NOON

from digest import loop
from digest.errors import InputError
from digest.model import DeliveryState, Outcome, OutcomeKind
from digest.pacing import Pace

MINUTE = timedelta(minutes=1)
ACCEPTED = Outcome(kind=OutcomeKind.ACCEPTED, code=250, text="2.0.0 queued")
GREY = Outcome(kind=OutcomeKind.DEFERRED, code=451, text="4.7.1 greylisted")
BOUNCE = Outcome(kind=OutcomeKind.REFUSED, code=550, text="5.1.1 no such user")
UNSENT = Outcome(kind=OutcomeKind.UNSENT, text="no connection")
DOUBT = Outcome(kind=OutcomeKind.IN_DOUBT, text="connection lost at the end of the message")
SENT, DEFERRED, REFUSED = DeliveryState.SENT, DeliveryState.DEFERRED, DeliveryState.REFUSED
UNKNOWN, SKIPPED = DeliveryState.UNKNOWN, DeliveryState.SKIPPED


@pytest.fixture
def queued(store_url):
    """Opens an installation in which these readers are queued."""
    return partial(queued_readers, store_url)


def names(count):
    return [f"r{n}" for n in range(count)]


# ── What becomes of a mail ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("outcome", "state", "reason"),
    [
        (ACCEPTED, SENT, "250 2.0.0 queued"),
        (GREY, DEFERRED, "451 4.7.1 greylisted"),
        (BOUNCE, REFUSED, "550 5.1.1 no such user"),
        (UNSENT, DEFERRED, "no connection"),  # nobody can have it: again
        (DOUBT, UNKNOWN, "connection lost at the end of the message"),
    ],
)
def test_every_outcome_is_counted_and_in_the_ledger(queued, outcome, state, reason):
    with queued("ann", "ben", mailer=FakeMailer({"ann": [outcome]})) as house:
        told = []
        delivered = house.deliver(progress=told.append)
        both = {state: 2} if state is SENT else {state: 1, SENT: 1}
        assert (delivered.outcomes, delivered.abandoned, delivered.expired) == (both, 0, 0)
        ann = house.ledger()["ann"]
        assert (ann.state, ann.reason, ann.attempts) == (state, reason, 1)
        assert (ann.again_at is not None) is (state is DEFERRED)
        assert sum(told) == 2


def test_a_second_pass_sends_nothing_again(queued):
    with queued("ann", "ben", mailer=FakeMailer({"ben": [DOUBT]})) as house:
        house.deliver()
        again = house.deliver()
        assert again.outcomes == {}
        assert sorted(house.mails()) == ["ann", "ben"]


def test_a_greylisted_mail_is_sent_when_its_time_has_come(queued):
    with queued("ann", mailer=FakeMailer({"ann": [GREY, ACCEPTED]})) as house:
        house.deliver()
        again_at = house.ledger()["ann"].again_at
        assert 45 * 1 <= (again_at - NOON).total_seconds() <= 75  # a minute, ±25 %
        house.now = again_at - timedelta(seconds=1)
        assert house.deliver().outcomes == {}
        house.now = again_at
        assert house.deliver().outcomes == {SENT: 1}
        ann = house.ledger()["ann"]
        assert (ann.attempts, ann.again_at) == (2, None)


def test_the_same_mail_keeps_its_message_id_over_all_tries(queued):
    names = []

    async def look(window):
        names.extend(envelope.message_id for envelope in window)

    with queued("ann", mailer=FakeMailer({"ann": [GREY, DOUBT, ACCEPTED]}, before=look)) as house:
        house.deliver()
        house.now += HOUR
        house.deliver()
        assert house.store.ledger.resend(None, house.now) == 1
        house.deliver()
        assert len(names) == 3
        assert len(set(names)) == 1
        assert house.states() == {"ann": "sent"}


def test_what_is_always_deferred_is_given_up_within_a_day(queued):
    with queued("ann", mailer=FakeMailer({"ann": [GREY]})) as house:
        waits = []
        for _ in range(100):
            house.deliver()
            ann = house.ledger()["ann"]
            if ann.state is not DEFERRED:
                break
            waits.append(ann.again_at - house.now)
            house.now = ann.again_at
        assert (ann.state, ann.again_at) == (REFUSED, None)
        assert ann.reason == f"gave up after {ann.attempts} tries: 451 4.7.1 greylisted"
        assert max(waits) <= 2.5 * HOUR
        assert all(later > 1.19 * wait for wait, later in itertools.pairwise(waits[:5]))
        due = NOON.replace(hour=7)
        assert house.now <= due + DAY
        assert 15 <= len(house.mails()) <= 25


def test_what_was_queued_and_never_tried_expires_after_a_day(queued):
    with queued("ann", "ben") as house:
        house.now = NOON.replace(hour=7) + DAY + MINUTE
        delivered = house.deliver()
        assert (delivered.outcomes, delivered.expired) == ({}, 2)
        assert house.mails() == []
        ann = house.ledger()["ann"]
        assert (ann.state, ann.reason) == (SKIPPED, "too late: past its deadline")


def test_a_relay_that_is_down_loses_nothing(queued):
    mailer = FakeMailer({name: [UNSENT, ACCEPTED] for name in names(30)})
    with queued(*names(30), mailer=mailer) as house:
        assert house.deliver().outcomes == {DEFERRED: 30}
        house.now += 2 * MINUTE
        assert house.deliver().outcomes == {SENT: 30}


def test_without_a_way_to_the_relay_the_pass_ends_after_a_window_a_lane(queued):
    async def lose(_):
        house.mailer.down = UNSENT

    options = {"delivery": {"window": 2, "batch": 5}, "smtp": {"connections": 2}}
    mailer = FakeMailer({name: [UNSENT] for name in names(40)}, before=lose)
    with queued(*names(40), mailer=mailer, **options) as house:
        delivered = house.deliver()
        assert delivered.outcomes[DEFERRED] <= 2 * 2
        assert str(delivered).endswith("relay out of reach: no connection")
        assert house.store.ledger.counts()["queued"] >= 36
        house.mailer.before = house.mailer.down = None
        house.mailer.outcomes.clear()
        house.now += 2 * MINUTE
        assert house.deliver().outcomes == {SENT: 40}


def test_a_mail_held_back_by_our_own_limit_goes_when_it_may_and_that_was_no_try(queued):
    held = Outcome(kind=OutcomeKind.HELD, text="at most 1 a minute", wait=90)
    with queued("ann", mailer=FakeMailer({"ann": [held, ACCEPTED]})) as house:
        assert house.deliver().outcomes == {DEFERRED: 1}
        ann = house.ledger()["ann"]
        assert (ann.again_at - NOON, ann.attempts) == (90 * timedelta(seconds=1), 0)
        house.now = ann.again_at
        assert house.deliver().outcomes == {SENT: 1}
        assert house.ledger()["ann"].attempts == 1


def test_a_relay_that_wants_it_slower_is_in_the_report(queued):
    mailer = FakeMailer()
    mailer.pace = Pace(per_second=12.5, reason="421 4.7.0 too fast")
    with queued("ann", mailer=mailer) as house:
        assert str(house.deliver()) == "sent=1 relay slowed to 12.5/s: 421 4.7.0 too fast"


# ── Windows and lanes ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("count", "window", "lanes", "batch"),
    [
        (25, 10, 1, 500),  # fewer are left at the end
        (40, 10, 4, 500),
        (23, 1, 3, 500),  # one mail a transaction
        (30, 10, 2, 7),  # batches smaller than what may be under way
        (3, 10, 8, 500),  # more lanes than mails
    ],
)
def test_everybody_has_one_mail_and_few_are_under_way(queued, count, window, lanes, batch):
    options = {"window": window, "batch": batch}
    with queued(*names(count), delivery=options, smtp={"connections": lanes}) as house:
        assert house.deliver().outcomes == {SENT: count}
        assert sorted(house.mails()) == sorted(names(count))
        assert max(map(len, house.mailer.windows)) <= window * lanes


def test_at_most_window_times_lanes_mails_are_under_way(queued):
    most, lanes = [], 3

    async def look(_):
        await asyncio.sleep(0)  # lets the other lanes claim
        most.append(house.store.ledger.counts().get("sending", 0))

    mailer, options = FakeMailer(before=look), {"window": 4}
    with queued(*names(40), mailer=mailer, delivery=options, smtp={"connections": lanes}) as house:
        house.deliver()
        assert max(most) <= 4 * lanes
        assert house.store.ledger.counts() == {"sent": 40}


def test_a_window_is_in_the_ledger_before_it_is_sent(queued):
    seen = []

    async def look(window):
        seen.append((len(window), house.store.ledger.counts()["sending"]))

    options = {"delivery": {"window": 5}, "smtp": {"connections": 1}}
    with queued(*names(12), mailer=FakeMailer(before=look), **options) as house:
        house.deliver()
        assert seen == [(5, 5), (5, 5), (2, 2)]


def test_two_processes_at_once_send_everything_once(queued, store_url):
    options = {"window": 3}
    with (
        queued(*names(50), delivery=options) as house,
        installed(store_url, delivery=options) as other,
    ):

        async def both():
            return await asyncio.gather(house.delivery.run(), other.delivery.run())

        passes = loop.run(both())
        assert sum(one.outcomes[SENT] for one in passes) == 50
        assert sum(one.abandoned for one in passes) == 0  # each sees that the other is alive
        assert sorted(house.mails() + other.mails()) == sorted(names(50))


def test_stopping_lets_the_windows_under_way_finish_and_takes_no_more(queued):
    async def tell(_):
        house.delivery.stop()

    options = {"delivery": {"window": 5}, "smtp": {"connections": 2}}
    with queued(*names(40), mailer=FakeMailer(before=tell), **options) as house:
        delivered = house.deliver()
        sent = delivered.outcomes[SENT]
        assert sent in (5, 10)  # the second lane may or may not have claimed by then
        assert house.store.ledger.counts() == {"sent": sent, "queued": 40 - sent}


def test_letters_go_without_the_digests(queued):
    with queued("ann") as house:
        ben = ("ben@example.net", house.app.defaults)
        house.app.subscriptions.add([ben], house.now, confirmed=False)
        assert house.deliver(letters_only=True).outcomes == {SENT: 1}
        assert house.mails() == ["ben"]
        assert house.states() == {"ann": "queued", "ben": "sent"}


# ── Who may not be written to ────────────────────────────────────────────────────────────────────


def test_who_leaves_between_queue_and_claim_gets_nothing(queued):
    with queued("ann", "ben") as house:
        house.leave("ann")
        house.now += MINUTE
        assert house.deliver().outcomes == {SENT: 1}
        assert house.mails() == ["ben"]
        ann = house.ledger()["ann"]
        assert (ann.state, ann.attempts) == (SKIPPED, 0)
        assert ann.reason


def test_who_leaves_while_others_are_being_sent_gets_nothing(queued):
    async def leave(window):
        if window[0].recipient.startswith("r0@"):
            house.leave("r5")

    options = {"delivery": {"window": 1}, "smtp": {"connections": 1}}
    with queued(*names(8), mailer=FakeMailer(before=leave), **options) as house:
        house.deliver()
        assert "r5" not in house.mails()
        assert house.states()["r5"] == "skipped"


def test_a_suppressed_address_gets_nothing(queued):
    with queued("ann", "ben") as house:
        mark = house.app.subscriptions.fingerprint("ann@example.net")
        house.store.roster.suppress(mark, "bounce: 550 no such user", house.now)
        house.deliver()
        assert house.mails() == ["ben"]
        assert house.ledger()["ann"].reason == "suppressed: bounce: 550 no such user"


def test_who_was_skipped_does_not_hold_up_the_rest_of_the_batch(queued):
    options = {"delivery": {"window": 2}, "smtp": {"connections": 1}}
    with queued(*names(12), **options) as house:
        for name in names(9):
            house.leave(name)
        assert house.deliver().outcomes == {SENT: 3}


# ── Mistakes and accidents ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        # The template's fault may be mended within the day.
        (ZeroDivisionError("secret"), DEFERRED, "could not be written: ZeroDivisionError"),
        # The reader's own fault: an address that no envelope takes.
        (InputError("recipient", "no envelope takes it"), REFUSED, "no envelope takes it"),
    ],
)
def test_one_mail_that_cannot_be_written_does_not_stop_the_others(
    queued, caplog, error, state, reason
):
    with queued("ann", "ben", "cat") as house:
        write = house.app.writer.write

        def failing(claim, edition, now):
            if claim.address.startswith("ben@"):
                raise error
            return write(claim, edition, now)

        house.app.writer.write = failing
        assert house.deliver().outcomes == {SENT: 2, state: 1}
        ben = house.ledger()["ben"]
        assert (ben.state, ben.reason) == (state, reason)
        logged = [r for r in caplog.records if r.name == "digest.delivery"]
        assert len(logged) == (state is DEFERRED)


def test_what_a_broken_pass_left_is_in_doubt_and_not_sent_again(queued):
    async def break_down(_):
        raise ZeroDivisionError

    with queued("ann", "ben", mailer=FakeMailer(before=break_down)) as house:
        with pytest.raises(ZeroDivisionError):
            house.deliver()
        assert house.states() == {"ann": "sending", "ben": "sending"}
        house.mailer.before = None
        delivered = house.deliver()
        assert (delivered.abandoned, delivered.outcomes) == (2, {})
        assert house.states() == {"ann": "unknown", "ben": "unknown"}
        assert house.store.ledger.resend(None, house.now) == 2
        assert house.deliver().outcomes == {SENT: 2}


def test_a_surprise_in_one_lane_leaves_the_rest_for_the_next_pass(queued):
    async def break_down(window):
        if "r7@example.net" in [envelope.recipient for envelope in window]:
            raise ZeroDivisionError

    options = {"delivery": {"window": 2}, "smtp": {"connections": 2}}
    with queued(*names(20), mailer=FakeMailer(before=break_down), **options) as house:
        with pytest.raises(ZeroDivisionError):
            house.deliver()
        house.mailer.before = None
        delivered = house.deliver()
        counts = house.store.ledger.counts()
        assert counts["unknown"] == delivered.abandoned
        assert 1 <= counts["unknown"] <= 4
        assert counts["sent"] + counts["unknown"] == 20
