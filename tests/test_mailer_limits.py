"""How fast mails go to the relay: our limits, its complaints, and what must wait."""

import asyncio
import time
from itertools import chain, count

import pytest
from smtp_server import SmtpServer
from test_mailer import ACCEPTED, DRIVERS, EVERY, UNSENT, kinds, mail, names, posting, relay, sent

from digest import loop
from digest.mailer import SmtpMailer
from digest.mailer.relay import DOMAINS, Relay
from digest.mailer.replies import Reply
from digest.mailer.window import PATIENCE
from digest.model import Envelope, OutcomeKind
from digest.settings import Smtp

pytestmark = pytest.mark.usefixtures("each_loop")

HELD, DEFERRED = OutcomeKind.HELD, OutcomeKind.DEFERRED


class Clock:
    """Stands still until it is moved."""

    now = 100.0

    def __call__(self):
        return self.now


def limited(**limits):
    clock = Clock()
    return Relay(Smtp(host="h", **limits), clock), clock


# ── Our own limits ───────────────────────────────────────────────────────────────────────────────


def test_without_limits_nobody_waits():
    known, _ = limited()
    assert {known.permit("a@example.net") for _ in range(1000)} == {0.0}


@pytest.mark.parametrize(
    ("limits", "apart"),
    [
        ({"per_second": 2}, 0.5),
        ({"per_hour": 7200}, 0.5),
        ({"per_domain_per_minute": 120}, 0.5),
        ({"per_second": 2, "per_hour": 72_000}, 0.5),  # the slowest counts
        ({"domains_per_minute": {"example.net": 120}}, 0.5),
        ({"domains_per_minute": {"example.net": 120}, "per_domain_per_minute": 6}, 0.5),
    ],
)
def test_turns_are_booked_one_after_the_other(limits, apart):
    known, _ = limited(**limits)
    waits = [known.permit("a@example.net") for _ in range(800)]
    booked = [wait for wait in waits if 0 < wait <= PATIENCE]
    assert len(booked) == PATIENCE / apart
    assert booked == sorted(booked)
    later = [wait for wait in waits if wait > PATIENCE]
    assert later == sorted(set(later))  # nobody comes back at the same time as another


def test_domains_do_not_wait_for_each_other():
    known, _ = limited(per_domain_per_minute=1, domains_per_minute={"free.example": 0})
    assert [known.permit(f"a@{n}.example") for n in range(50)] == [0.0] * 50
    assert [known.permit("a@free.example") for _ in range(50)] == [0.0] * 50
    assert known.permit("a@7.example") > PATIENCE
    assert known.permit("a@7.EXAMPLE") > PATIENCE
    written, _ = limited(domains_per_minute={"Example.NET": 1})
    assert [written.permit("a@example.net") > 0 for _ in range(2)] == [False, True]


def test_domains_that_have_nothing_to_wait_for_are_forgotten():
    known, clock = limited(per_domain_per_minute=60)
    for number in range(DOMAINS):
        known.permit(f"a@{number}.example")
    clock.now += 3
    known.permit("a@1.example")
    known.permit("a@one-more.example")
    assert len(known._domains) == 2


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_short_wait_is_waited_for_and_no_mail_is_lost_or_out_of_turn(driver):
    server = SmtpServer(extensions=EVERY)
    began = time.monotonic()
    window = [mail(f"reader-{n}") for n in range(12)]
    outcomes = sent(server, window, per_second=40, **DRIVERS[driver])
    assert kinds(outcomes) == [ACCEPTED] * 12
    assert names(server) == [f"reader-{n}" for n in range(12)]
    assert 7 / 40 < time.monotonic() - began < 2  # four may go at once


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_long_wait_is_told_and_nothing_was_offered(driver):
    server = SmtpServer(extensions=EVERY)
    window = [mail(f"reader-{n}") for n in range(14)]
    outcomes = sent(server, window, per_hour=120, **DRIVERS[driver])
    assert kinds(outcomes) == [ACCEPTED] * 12 + [HELD] * 2
    assert [outcome.wait for outcome in outcomes[12:]] == pytest.approx([60, 90], abs=1)
    assert outcomes[12].text == "held back by our own limit for 60 s"
    assert names(server) == [f"reader-{n}" for n in range(12)]


def test_a_domain_that_must_wait_holds_up_no_other():
    server = SmtpServer()
    recipients = ["a@slow.example", "b@slow.example", "c@fast.example"]
    window = [
        Envelope(sender="", recipient=to, message_id="<x@y>", data=b"x\r\n") for to in recipients
    ]
    assert kinds(sent(server, window, domains_per_minute={"slow.example": 1})) == [
        ACCEPTED,
        HELD,
        ACCEPTED,
    ]


def test_lanes_share_the_limits():
    async def day():
        server = SmtpServer()
        async with posting(server, connections=4, per_second=40) as mailer:
            began = time.monotonic()
            windows = [[mail(f"{lane}-{n}") for n in range(5)] for lane in range(4)]
            outcomes = await asyncio.gather(*map(mailer.send, windows))
        return list(chain(*outcomes)), time.monotonic() - began

    outcomes, took = loop.run(day())
    assert kinds(outcomes) == [ACCEPTED] * 20
    assert 15 / 40 < took < 2


# ── What the relay says ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("reply", "at_mail", "slows"),
    [
        ((421, b"4.3.2 bye"), False, True),
        ((450, b"4.7.1 too fast"), False, True),
        ((452, b"4.3.1 full"), True, True),  # any 4xx at MAIL
        ((452, b"4.2.2 mailbox full"), False, False),  # about one reader
        ((550, b"5.7.1 no"), True, False),
    ],
)
def test_some_refusals_mean_slower(reply, at_mail, slows):
    known, _ = limited()
    known.complained(Reply(*reply), at_mail=at_mail)
    assert known.pace.slowed is slows
    assert known.permit("a@example.net") == 0.0
    assert (known.permit("a@example.net") > 0) is slows


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_relay_that_complains_is_slowed_for_all_and_the_report_says_so(driver):
    async def day():
        server = SmtpServer(extensions=EVERY, replies={"MAIL": "451 4.7.1 slow\x1b down"})
        async with posting(server, **DRIVERS[driver]) as mailer:
            paces = [mailer.pace]
            outcomes = await mailer.send([mail("a"), mail("b"), mail("c")])
            return outcomes, [*paces, mailer.pace]

    began = time.monotonic()
    outcomes, (before, after) = loop.run(day())
    assert time.monotonic() - began > 0.9  # one a second
    assert not before.slowed
    assert after.per_second <= 1
    assert after.reason == "451 4.7.1 slow down"
    assert kinds(outcomes) == [UNSENT] * 3


def test_a_limit_per_connection_is_no_complaint():
    async def day():
        server = SmtpServer(max_per_connection=3)
        async with posting(server) as mailer:
            await mailer.send([mail(f"reader-{n}") for n in range(20)])
            return mailer.pace, server.connections

    pace, connections = loop.run(day())
    assert not pace.slowed
    assert connections == 7


def test_a_limit_per_connection_behind_refusals_is_none_of_their_making():
    server = SmtpServer(max_per_connection=1)
    window = [mail(f"{kind}-{n}") for n in range(8) for kind in ("bounce", "reader")]
    assert kinds(sent(server, window)) == [OutcomeKind.REFUSED, ACCEPTED] * 8


def test_421_at_another_number_of_mails_each_time_is_a_complaint():
    known, _ = limited()
    for served, slowed in ((5, False), (3, True)):
        known.closing(Reply(421, b"4.7.0 bye"), served)
        assert known.pace.slowed is slowed
    assert known.per_connection == 100


# ── A relay that is down ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        ({"greeting": "554 5.7.1 go away"}, "greeting: 5.7.1 go away"),
        ({"greeting": ""}, "greeting: Timed out"),
        ({"EHLO": ""}, "EHLO: Timed out"),
        ({"MAIL": ""}, "no answer to MAIL within 0.1 s"),  # it accepts and never answers
    ],
)
def test_a_relay_to_which_there_is_no_way_is_down_and_says_why(replies, words):
    async def day():
        server = SmtpServer(replies=dict(replies))
        async with posting(server, timeout=0.1) as mailer:
            told = [mailer.down]
            await mailer.send([mail("a")] * 5)
            told.append(mailer.down)
            server.replies.clear()
            outcomes = await mailer.send([mail("b")])
            return kinds(outcomes), [*told, mailer.down]

    outcomes, (before, during, after) = loop.run(day())
    assert outcomes == [ACCEPTED]
    assert before is after is None
    assert during.kind is UNSENT
    assert words in during.text


def test_a_relay_that_takes_mails_is_not_down_for_some_that_it_never_answers():
    async def day():
        server = SmtpServer()
        async with posting(server, timeout=0.1) as mailer:
            await mailer.send([mail("a"), *(mail(f"hang-{n}") for n in range(6))])
            return mailer.down

    assert loop.run(day()) is None


# ── The window ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("replies", [{}, {"greeting": "554 no"}, {"MAIL": ""}])
def test_a_window_is_taken_to_its_end_whatever_happens(replies):
    taken = count()

    def window():
        for number in range(30):
            next(taken)
            yield mail(f"reader-{number}")

    outcomes = sent(SmtpServer(replies=replies), window(), timeout=0.1)
    assert (len(outcomes), next(taken)) == (30, 30)


def test_what_the_window_raises_comes_out_and_leaves_no_broken_connection():
    def broken():
        yield mail("a")
        yield mail("b")
        raise RuntimeError("a mistake of the composer's")

    async def day():
        server = SmtpServer()
        async with posting(server) as mailer:
            with pytest.raises(RuntimeError, match="composer"):
                await mailer.send(broken())
            return await mailer.send([mail("c")]), server.connections

    outcomes, connections = loop.run(day())
    assert kinds(outcomes) == [ACCEPTED]
    assert connections == 2


def test_an_empty_window_opens_no_connection():
    server = SmtpServer()
    assert sent(server, iter(())) == []
    assert server.connections == 0


def test_a_pause_that_is_cancelled_closes_the_connection():
    async def day():
        server = SmtpServer()
        async with server:
            mailer = SmtpMailer(relay(server, per_second=0.5))
            under_way = asyncio.create_task(mailer.send([mail("a"), mail("b")]))
            await server.until(".")
            await asyncio.wait([under_way], timeout=0.05)
            under_way.cancel()
            with pytest.raises(asyncio.CancelledError):
                await under_way
            await mailer.close()
            return names(server)

    assert loop.run(day()) == ["a"]
