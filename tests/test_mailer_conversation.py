"""What is said to a relay, without a relay: its replies in, our bytes and the outcomes out."""

import itertools

import pytest

from digest.mailer.chunking import Chunking
from digest.mailer.pipelining import Pipelining
from digest.mailer.relay import Relay, Trust
from digest.mailer.sequential import Sequential
from digest.mailer.window import Window
from digest.model import Envelope
from digest.settings import Smtp

BODY = b"From: x\r\n\r\n.dot\r\n"
STUFFED = b"From: x\r\n\r\n..dot\r\n"
ENVELOPE = b"250 sender ok\r\n250 reader ok\r\n"
GO = ENVELOPE + b"354 go\r\n"
STEPS = GO.splitlines(keepends=True)
TAKEN = b"250 queued\r\n"
AGAIN, OPEN = "again", "open"  # a mail that was put back; one that is on its way


def mail(name, data=BODY):
    return Envelope(
        sender="b@example.org", recipient=f"{name}@example.net", message_id="<x@y>", data=data
    )


class Talk:
    """A conversation over three mails, a to c, and what was written."""

    def __init__(self, driver, *, sized=False, trust=Trust.UNPROVEN, chunks=False, **over):
        ticks = itertools.count()
        self.relay = Relay(Smtp(host="h", timeout=3, **over), lambda: float(next(ticks)))
        self.relay.trust, self.relay.chunks = trust, chunks
        more = {"flight": 2} if driver is Chunking else {}
        self.conversation = driver(self.relay, sized=sized, **more)
        self.window = Window(map(mail, "abc"), self.relay.permit)
        self.written = [b"".join(self.conversation.begin(self.window))]
        self._more()

    def hear(self, *chunks):
        for chunk in chunks:
            self.written.append(b"".join(self.conversation.receive(chunk)))
            self._more()
        return self

    def _more(self):
        if self.conversation.patient:
            self.written[-1] += b"".join(self.conversation.elapsed())
        while more := b"".join(self.conversation.more()):
            self.written[-1] += more

    def lose(self, **how):
        self.conversation.lost("gone", **how)
        return self

    @property
    def results(self):
        """Of each mail that was taken: its outcome's kind and code, or where it is."""
        back = {parcel.number for parcel in self.window._ready}
        return [
            AGAIN if at in back else f"{outcome.kind} {outcome.code}" if outcome else OPEN
            for at, outcome in enumerate(self.window._outcomes)
        ]

    @property
    def texts(self):
        return [outcome.text for outcome in self.window.outcomes]


def envelope(name):
    return b"MAIL FROM:<b@example.org>\r\nRCPT TO:<%b@example.net>\r\nDATA\r\n" % name


def chunked(name):
    head = b"MAIL FROM:<b@example.org>\r\nRCPT TO:<%b@example.net>\r\n" % name
    return head + b"BDAT %d LAST\r\n" % len(BODY) + BODY


# ── What is written ──────────────────────────────────────────────────────────────────────────────


def test_one_command_at_a_time_waits_for_every_reply():
    talk = Talk(Sequential, sized=True)
    talk.hear(b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 queued\r\n")
    assert talk.written == [
        b"MAIL FROM:<b@example.org> SIZE=17\r\n",
        b"RCPT TO:<a@example.net>\r\n",
        b"DATA\r\n",
        STUFFED + b".\r\n",
        b"MAIL FROM:<b@example.org> SIZE=17\r\n",
    ]
    assert talk.results == ["accepted 250", OPEN]


def test_pipelining_writes_the_dot_of_one_mail_with_the_envelope_of_the_next():
    talk = Talk(Pipelining).hear(GO, TAKEN + GO, TAKEN + GO, TAKEN)
    assert talk.written == [
        envelope(b"a"),
        STUFFED + b".\r\n" + envelope(b"b"),
        STUFFED + b".\r\n" + envelope(b"c"),
        STUFFED + b".\r\n",
        b"",
    ]
    assert talk.results == ["accepted 250"] * 3
    assert talk.conversation.idle
    assert talk.relay.trust is Trust.PROVEN


def test_bdat_proves_itself_with_one_line_and_then_has_several_mails_in_flight():
    talk = Talk(Chunking).hear(ENVELOPE + b"250 chunk\r\n", TAKEN, (b"250 ok\r\n" * 4) * 2)
    head = b"MAIL FROM:<b@example.org>\r\nRCPT TO:<a@example.net>\r\n"
    assert talk.written == [
        head + b"BDAT 9\r\nFrom: x\r\n",
        b"BDAT 8 LAST\r\n\r\n.dot\r\nRSET\r\n" + chunked(b"b"),  # never stuffed
        b"RSET\r\n" + chunked(b"c"),
        b"",
    ]
    assert talk.results == ["accepted 250"] * 3
    assert talk.conversation.idle


@pytest.mark.parametrize("driver", [Sequential, Pipelining, Chunking])
def test_replies_in_any_pieces_are_the_same_replies(driver):
    replies = {
        Sequential: [b"250-more\r\n250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", TAKEN] * 3,
        Pipelining: [GO, TAKEN + GO, TAKEN + GO, TAKEN],
        Chunking: [ENVELOPE + TAKEN, *[TAKEN] * 9],
    }[driver]
    talk = Talk(driver)
    talk.hear(*(bytes([byte]) for chunk in replies for byte in chunk))
    assert talk.results == ["accepted 250"] * 3


def test_an_envelope_is_taken_when_the_dot_before_it_is_written():
    taken = []

    def composing():
        for name in "abc":
            taken.append(name)
            yield mail(name)

    relay = Relay(Smtp(host="h"), lambda: 0.0)
    talk, window = Pipelining(relay, sized=False), Window(composing(), relay.permit)
    steps = [list(taken)]
    for heard in (b"", GO, TAKEN + GO):
        talk.receive(heard) if heard else talk.begin(window)
        steps.append(list(taken))
    assert steps == [[], ["a"], ["a", "b"], ["a", "b", "c"]]


def test_bdat_writes_the_next_mail_when_the_one_before_has_left():
    talk = Talk(Chunking, chunks=True)
    assert talk.results == [OPEN, OPEN]  # two in flight
    talk.conversation.held = True
    talk.hear(b"250 ok\r\n" * 3)
    assert talk.results == ["accepted 250", OPEN]
    assert b"".join(talk.conversation.resumed()) == b"RSET\r\n" + chunked(b"c")


# ── Refusals: one mail pays, the next go on ──────────────────────────────────────────────────────

RSET = b"RSET\r\n"
NO_READER, NO_DATA = b"550 5.1.1 who?\r\n", b"554 5.5.1 no valid recipients\r\n"


@pytest.mark.parametrize(
    ("driver", "heard", "first", "written"),
    [
        # PIPELINING: DATA refused along with the only reader: RSET goes with the next envelope
        (Pipelining, [b"250 ok\r\n" + NO_READER + NO_DATA], "refused 550", RSET + envelope(b"b")),
        (
            Pipelining,
            [b"250 ok\r\n" + NO_READER + b"503 no\r\n"],
            "refused 550",
            RSET + envelope(b"b"),
        ),
        (Pipelining, [b"250 ok\r\n451 later\r\n" + NO_DATA], "deferred 451", RSET + envelope(b"b")),
        # … or granted all the same: a dot alone ends it, and no RSET is needed
        (Pipelining, [b"250 ok\r\n" + NO_READER + b"354 go\r\n"], OPEN, b".\r\n"),
        (
            Pipelining,
            [b"250 ok\r\n" + NO_READER + b"354 go\r\n", NO_DATA],
            "refused 550",
            envelope(b"b"),
        ),
        (
            Pipelining,
            [b"250 ok\r\n" + NO_READER + b"354 go\r\n", TAKEN],
            "refused 550",
            envelope(b"b"),
        ),
        # the sender is refused: not the reader's fault
        (
            Pipelining,
            [b"550 5.7.1 no\r\n503 no\r\n503 no\r\n"],
            "unsent 550",
            RSET + envelope(b"b"),
        ),
        (Pipelining, [ENVELOPE + b"451 full\r\n"], "deferred 451", RSET + envelope(b"b")),
        # after the dot the next envelope is on its way already
        (Pipelining, [GO, b"552 too big\r\n"], "refused 552", b""),
        (Sequential, [b"550 no\r\n"], "unsent 550", b"MAIL FROM:<b@example.org>\r\n"),
        (Sequential, [b"250 ok\r\n", NO_READER], "refused 550", RSET),
        (
            Sequential,
            [b"250 ok\r\n", NO_READER, TAKEN],
            "refused 550",
            b"MAIL FROM:<b@example.org>\r\n",
        ),
        (Sequential, [b"250 ok\r\n", b"250 ok\r\n", b"451 full\r\n"], "deferred 451", RSET),
        (
            Sequential,
            [b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"452 full\r\n"],
            "deferred 452",
            b"MAIL FROM:<b@example.org>\r\n",
        ),
    ],
)
def test_a_refusal_costs_no_round_trip_that_it_need_not(driver, heard, first, written):
    talk = Talk(driver).hear(*heard)
    assert talk.results[0] == first
    assert talk.written[-1] == written
    assert talk.conversation.open


@pytest.mark.parametrize(
    ("heard", "results"),
    [
        # the only reader refused, so BDAT is, too
        (
            [b"250 ok\r\n" + NO_READER + b"503 no\r\n", b"250 ok\r\n" * 4],
            ["refused 550", "accepted 250"],
        ),
        # a server that takes a mail to nobody has delivered nothing
        ([b"250 ok\r\n" + NO_READER + TAKEN, b"250 ok\r\n" * 4], ["refused 550", "accepted 250"]),
        ([ENVELOPE + b"452 full\r\n", b"250 ok\r\n" * 4], ["deferred 452", "accepted 250"]),
        ([b"550 no\r\n503 no\r\n503 no\r\n", b"250 ok\r\n" * 4], ["unsent 550", "accepted 250"]),
        # refused as a sender, the reader taken: whether it goes out nobody knows
        ([b"550 no\r\n250 ok\r\n" + TAKEN], ["in doubt 0", "in doubt 0"]),
    ],
)
def test_a_refusal_of_a_mail_in_flight_is_its_own(heard, results):
    assert Talk(Chunking, chunks=True, trust=Trust.PROVEN).hear(*heard).results[:2] == results


def test_a_refused_sender_whose_reader_was_taken_never_sends_an_empty_mail():
    talk = Talk(Pipelining, trust=Trust.PROVEN).hear(b"550 no\r\n250 ok\r\n354 go\r\n")
    assert talk.results == ["unsent 550"]
    assert talk.written[-1] == b""
    assert not talk.conversation.open


def test_bdat_refused_for_the_first_mail_proves_nothing_about_the_server():
    talk = Talk(Chunking).hear(b"250 ok\r\n" + NO_READER + b"503 no\r\n")
    assert talk.results[0] == "refused 550"
    assert talk.written[-1].startswith(RSET)
    assert b"BDAT 9\r\n" in talk.written[-1]  # the next mail proves it
    assert talk.relay.trust is Trust.UNPROVEN


# ── 421 ──────────────────────────────────────────────────────────────────────────────────────────

BYE = b"421 4.3.2 bye\r\n"


@pytest.mark.parametrize(
    ("driver", "heard", "results"),
    [
        (Pipelining, [BYE], ["deferred 421"]),
        (Pipelining, [b"250 ok\r\n" + BYE], ["deferred 421"]),
        (Pipelining, [b"250 ok\r\n" + NO_READER + BYE], ["refused 550"]),  # the no came first
        (Pipelining, [ENVELOPE + BYE], ["deferred 421"]),
        (Pipelining, [GO, BYE], ["deferred 421", AGAIN]),  # b was written ahead
        (Pipelining, [GO, TAKEN + BYE], ["accepted 250", AGAIN]),  # a limit per connection
        (Pipelining, [GO, TAKEN, BYE], ["accepted 250", AGAIN]),
        (Pipelining, [GO, TAKEN + b"250 ok\r\n" + BYE], ["accepted 250", "deferred 421"]),
        (Pipelining, [GO, TAKEN + GO, TAKEN + GO, TAKEN, BYE], ["accepted 250"] * 3),
        (Sequential, [BYE], ["deferred 421"]),
        (Sequential, [b"250 ok\r\n", BYE], ["deferred 421"]),
        (Sequential, [*STEPS, BYE], ["deferred 421"]),
        (Sequential, [*STEPS, TAKEN + BYE], ["accepted 250", AGAIN]),
        (Sequential, [*STEPS, TAKEN, BYE], ["accepted 250", AGAIN]),
        # what was written behind a command that was answered so is not read any more
        (Chunking, [ENVELOPE + BYE], ["deferred 421", AGAIN]),
        (Chunking, [ENVELOPE + TAKEN + BYE], ["accepted 250", AGAIN]),
        (Chunking, [ENVELOPE + TAKEN, b"250 ok\r\n" + BYE], ["accepted 250", AGAIN, AGAIN]),
        (Chunking, [ENVELOPE + TAKEN + b"250 ok\r\n" * 2 + BYE], ["accepted 250", "deferred 421"]),
    ],
)
def test_421_ends_the_conversation_and_what_it_did_not_answer_was_not_offered(
    driver, heard, results
):
    talk = Talk(driver, chunks=True).hear(*heard)
    assert talk.results == results
    assert not talk.conversation.open
    assert talk.relay.trusted


# ── Lost, at each step ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("driver", "heard", "lost", "silent", "text"),
    [
        # before a reply to MAIL, on a connection that has not served: the mail pays
        (Sequential, [], ["unsent 0"], ["unsent 0"], "MAIL"),
        (Sequential, [b"250 ok\r\n"], ["unsent 0"], ["unsent 0"], "RCPT"),
        (Sequential, STEPS[:2], ["unsent 0"], ["unsent 0"], "DATA"),
        (
            Sequential,
            STEPS,
            ["in doubt 0"],
            ["in doubt 0"],
            "the end of the message",
        ),
        # on one that has: nothing was offered
        (Sequential, [*STEPS, TAKEN], ["accepted 250", AGAIN], None, ""),
        (
            Sequential,
            [*STEPS, TAKEN, b"250 ok\r\n"],
            ["accepted 250", "unsent 0"],
            None,
            "RCPT",
        ),
        (Pipelining, [], ["unsent 0"], ["unsent 0"], "MAIL"),
        (Pipelining, [b"250 ok\r\n"], ["unsent 0"], ["unsent 0"], "RCPT"),
        (Pipelining, [ENVELOPE], ["unsent 0"], ["unsent 0"], "DATA"),
        (
            Pipelining,
            [GO],
            ["in doubt 0", AGAIN],
            ["in doubt 0", AGAIN],
            "the end of the message",
        ),
        # written ahead and lost: it goes over another one; never answered: once is enough
        (Pipelining, [GO, TAKEN], ["accepted 250", AGAIN], ["accepted 250", AGAIN], ""),
        (
            Pipelining,
            [GO, TAKEN + b"250 ok\r\n"],
            ["accepted 250", AGAIN],
            ["accepted 250", "unsent 0"],
            "RCPT",
        ),
        (Pipelining, [b"250 ok\r\n" + NO_READER], ["refused 550"], ["refused 550"], "who?"),
        # BDAT: all in flight are in doubt
        (Chunking, [], ["in doubt 0"] * 2, ["in doubt 0"] * 2, "the end of the message"),
        (Chunking, [ENVELOPE], ["in doubt 0"] * 2, ["in doubt 0"] * 2, "the end of the message"),
        (
            Chunking,
            [ENVELOPE + TAKEN],
            ["accepted 250", "in doubt 0", "in doubt 0"],
            None,
            "the end of the message",
        ),
    ],
)
def test_a_lost_connection_leaves_in_doubt_only_mails_whose_end_was_written(
    driver, heard, lost, silent, text
):
    for how, results in (({}, lost), ({"silent": True}, silent)):
        talk = Talk(driver, chunks=True, trust=Trust.PROVEN).hear(*heard)
        if results is None:
            continue
        talk.lose(**how)
        assert talk.results == results
        said = f"no answer to {text} within 3 s" if how else f"connection lost at {text}: gone"
        if "0" in " ".join(results).split():
            assert said in talk.texts
        assert not talk.conversation.open
        assert talk.conversation.lost("again") is None  # what is settled stays


@pytest.mark.parametrize(
    ("driver", "heard", "results"),
    [
        (Sequential, STEPS, ["unsent 0"]),
        (Pipelining, [GO], ["unsent 0", AGAIN]),
        # only what was written last can still be here
        (Chunking, [], ["in doubt 0", "unsent 0"]),
    ],
)
def test_a_dot_that_has_not_left_this_process_is_no_doubt(driver, heard, results):
    talk = Talk(driver, chunks=True, trust=Trust.PROVEN).hear(*heard)
    talk.conversation.held = True
    assert talk.lose().results == results


def test_without_a_word_in_the_body_the_time_out_names_the_message():
    talk = Talk(Pipelining, trust=Trust.PROVEN).hear(GO)
    talk.conversation.held = True
    assert talk.lose(silent=True).texts == ["no answer to the message within 3 s"]


def test_one_command_at_a_time_the_dot_waits_until_the_rest_has_left():
    talk = Talk(Sequential)
    conversation = talk.conversation
    conversation.receive(b"250 ok\r\n")
    conversation.receive(b"250 ok\r\n")
    assert conversation.receive(b"354 go\r\n") == [STUFFED]
    assert conversation.patient
    conversation.held = True
    assert conversation.elapsed() == []
    assert conversation.resumed() == [b".\r\n"]
    assert not conversation.patient


def test_one_command_at_a_time_a_server_that_closes_before_the_dot_cannot_have_the_mail():
    talk = Talk(Sequential)
    for chunk in STEPS:
        talk.conversation.receive(chunk)
    assert talk.lose().results == ["unsent 0"]
    assert talk.texts == ["connection lost at the message: gone"]


@pytest.mark.parametrize("reply", [b"552 too big\r\n", b"421 bye\r\n"])
def test_a_refusal_in_mid_body_is_a_refusal_and_nothing_more_is_written(reply):
    talk = Talk(Sequential)
    for chunk in [*STEPS, reply]:
        talk.conversation.receive(chunk)
    assert talk.results[0] == {b"5": "refused 552", b"4": "deferred 421"}[reply[:1]]
    assert talk.conversation.elapsed() == []
    assert not talk.conversation.open


# ── Replies that do not belong there ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("driver", "heard", "results", "suspected"),
    [
        (Sequential, [b"354 go\r\n"], ["unsent 0"], False),
        (Sequential, [b"250 ok\r\n", b"354 go\r\n"], ["unsent 0"], False),
        (Sequential, [*STEPS[:2], b"250 ok\r\n"], ["unsent 0"], False),
        (Sequential, [*STEPS, b"354 go\r\n"], ["in doubt 0"], False),
        (Sequential, [b"250 ok\r\n250 ok\r\n"], ["unsent 0"], False),  # two replies to one command
        (Sequential, [*STEPS, TAKEN + TAKEN], ["accepted 250", AGAIN], False),
        (Sequential, [b"hello\r\n"], ["unsent 0"], False),
        (Sequential, [b"2500 ok\r\n"], ["unsent 0"], False),
        (Sequential, [b"250-" + b"x" * 40_000], ["unsent 0"], False),
        # with pipelining it is put down to that, and tried again without
        (Pipelining, [b"354 go\r\n"], [AGAIN], True),
        (Pipelining, [b"hello\r\n"], [AGAIN], True),
        (Pipelining, [b"250 ok\r\n" * 3], [AGAIN], True),  # each reply comes late by one
        (Pipelining, [GO + TAKEN], [AGAIN], True),  # a 250 before the message: no word is taken
        (Pipelining, [GO, TAKEN + b"250 ok\r\n" * 3], ["accepted 250", AGAIN], True),
        (Pipelining, [GO, b"354 go\r\n"], ["in doubt 0", AGAIN], True),
        (Pipelining, [b"250 ok\r\n503 one at a time\r\n"], [AGAIN], True),
        (Pipelining, [b"554 5.5.0 synchronization\r\n"], [AGAIN], True),
        (Pipelining, [ENVELOPE + b"503 no\r\n"], [AGAIN], True),
        (Chunking, [b"hello\r\n"], ["in doubt 0"] * 2, True),
    ],
)
def test_out_of_step_nothing_is_believed_any_more(driver, heard, results, suspected):
    talk = Talk(driver, chunks=True).hear(*heard)
    assert (talk.results[: len(results)], talk.conversation.open) == (results, False)
    assert talk.relay.trusted is not suspected


@pytest.mark.parametrize("code", [b"500", b"502", b"503"])
def test_a_server_that_offers_bdat_and_does_not_know_it_gets_one_line_of_a_mail(code):
    talk = Talk(Chunking).hear(ENVELOPE + code + b" what?\r\n")
    assert talk.results == [AGAIN]
    assert talk.written == [chunked(b"a").split(b"BDAT")[0] + b"BDAT 9\r\nFrom: x\r\n", b""]
    assert not talk.relay.trusted


def test_a_proven_server_s_503_is_its_verdict():
    talk = Talk(Pipelining, trust=Trust.PROVEN).hear(ENVELOPE + b"503 no\r\n")
    assert talk.results[0] == "refused 503"
    assert talk.relay.trust is Trust.PROVEN


@pytest.mark.parametrize(
    ("heard", "trust"),
    [
        (STEPS, Trust.LIAR),  # slowly it goes: the relay lied
        ([b"250 ok\r\n", b"503 no\r\n"], Trust.UNPROVEN),  # no better: it did not
        ([b"250 ok\r\n", NO_READER], Trust.SUSPECT),  # says nothing either way
        ([b"hello\r\n"], Trust.UNPROVEN),
    ],
)
def test_whether_a_server_lied_shows_one_command_at_a_time(heard, trust):
    assert Talk(Sequential, trust=Trust.SUSPECT).hear(*heard).relay.trust is trust


def test_a_suspect_that_is_lost_slowly_too_is_cleared():
    assert Talk(Sequential, trust=Trust.SUSPECT).lose().relay.trust is Trust.UNPROVEN


@pytest.mark.parametrize(
    ("heard", "how", "trusted"),
    [
        ([], {}, False),  # closed at the first envelope that came in one piece
        ([], {"silent": True}, False),
        ([b"250 ok\r\n"], {"silent": True}, False),  # it dropped what came with MAIL
        ([GO], {"silent": True}, True),  # says nothing about the order of commands
        ([GO, TAKEN], {"silent": True}, False),  # it dropped what came with the dot
        ([GO, TAKEN], {}, True),  # a server may close after a mail
    ],
)
def test_an_unproven_server_is_suspected_where_pipelining_may_be_why(heard, how, trusted):
    assert Talk(Pipelining).hear(*heard).lose(**how).relay.trusted is trusted
    assert Talk(Pipelining, trust=Trust.PROVEN).hear(*heard).lose(**how).relay.trusted


def test_what_a_liar_says_is_one_line_of_the_log(caplog):
    Talk(Pipelining).hear(b"354 go\x1b[2J\xe9\r\n")
    (record,) = caplog.records
    assert record.getMessage() == (
        "smtp relay=h:587 is asked slowly: an answer that does not belong here: 354 go [2J"
    )
