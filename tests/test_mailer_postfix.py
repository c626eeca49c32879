"""The mailer against a Postfix that tolerates no liberty with the protocol."""

import asyncio
import random
import re
from uuid import uuid4

import pytest
from postfix import Postfix
from test_mailer import ACCEPTED, DEFERRED, REFUSED, kinds, mail

from digest import loop
from digest.mailer import SmtpMailer
from digest.settings import Smtp

pytestmark = pytest.mark.usefixtures("each_loop")

DRIVERS = {
    "sequential": {"pipelining": False},
    "pipelining": {},
    "bdat": {"bdat_window": 1},
    "bdat in flight": {"bdat_window": 8},
}


@pytest.fixture(scope="module")
def relay(postfix_installed):  # noqa: ARG001 - it skips
    with Postfix() as running:
        yield running


def message(name, lines=1000):
    """About 73 KB of lines, some of which begin with dots."""
    chance = random.Random(name)  # noqa: S311
    body = "".join(
        chance.choice(["", ".", ".."])
        + chance.choice("abcdef. ") * chance.randint(0, 140)
        + "x\r\n"
        for _ in range(lines)
    )
    return f"Message-ID: <{name}@example.org>\r\nSubject: {name}\r\n\r\n{body}.\r\n".encode()


def sent(relay, window, **over):
    async def day():
        mailer = SmtpMailer(
            Smtp(host="127.0.0.1", port=relay.port, tls="none", timeout=20, connections=1, **over)
        )
        outcomes = await mailer.send(window)
        await mailer.close()
        return outcomes

    return loop.run(day())


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_byte_arrives_and_refusals_cost_no_other_mail(relay, driver):
    before, tag = len(relay.log), f"{driver.replace(' ', '-')}-{uuid4().hex}"
    goodbyes = sum("disconnect from" in line for line in relay.log)
    window = []
    for number in range(8):
        window.append(mail(f"{tag}-{number}", message(f"{tag}-{number}")))
        if number in {0, 3, 4}:
            refusal = "bounce" if number % 2 else "defer"
            window.append(mail(f"{refusal}-{tag}-{number}", message("refused")))
    window.append(mail("bounce-last", message("refused")))
    outcomes = sent(relay, window, **DRIVERS[driver])
    expected = {"bounce": REFUSED, "defer": DEFERRED}
    assert kinds(outcomes) == [
        expected.get(one.recipient.partition("-")[0], ACCEPTED) for one in window
    ]
    relay.said(rf"to=<{tag}-\d@example.net>.* status=sent", times=8)
    arrived = [
        one for one in relay.delivered(8) if re.search(rf"Subject: {tag}-\d\r".encode(), one)
    ]
    assert len(arrived) == 8
    for number in range(8):
        assert sum(one.endswith(message(f"{tag}-{number}")) for one in arrived) == 1
    commands = relay.said("disconnect from", times=goodbyes + 1)[-1]
    assert ("bdat=" in commands) is driver.startswith("bdat")
    # On a busy machine Postfix looks for early input only after its EHLO reply has arrived here.
    said = "".join(line for line in relay.log[before:] if "pipelining after EHLO" not in line)
    assert not re.search("improper|synchronization|lost connection|error|warning", said)


HELLO = b"EHLO x\r\n"
DATA = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"


@pytest.mark.parametrize(
    "writes",
    [
        [HELLO + b"MAIL FROM:<a@example.org>\r\n"],  # does not wait for what EHLO offers
        [HELLO, DATA + b"x: y\r\n\r\n.\r\n"],  # nor the body for the 354
    ],
)
def test_what_rfc_2920_does_not_allow_is_turned_away(relay, writes):
    """That it is strict is what the tests above rest on."""

    async def rudely():
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        await reader.readline()
        for piece in writes:
            writer.write(piece)
            if piece is HELLO:
                await reader.readuntil(b"250 CHUNKING\r\n")
        said = await reader.read()
        writer.close()
        return said

    assert b"554 5.5.0 Error: SMTP protocol synchronization" in loop.run(rudely())


def test_a_limit_of_postfix_slows_us_down_and_loses_nothing(postfix_installed):  # noqa: ARG001
    parameters = {
        "smtpd_client_message_rate_limit": "5",
        "smtpd_client_event_limit_exceptions": "",
        "anvil_rate_time_unit": "60s",
    }
    with Postfix(parameters=parameters) as relay:

        async def day():
            mailer = SmtpMailer(Smtp(host="127.0.0.1", port=relay.port, tls="none"))
            outcomes = await mailer.send(mail(f"r-{n}") for n in range(7))
            pace = mailer.pace
            await mailer.close()
            return outcomes, pace

        outcomes, pace = loop.run(day())
        assert kinds(outcomes)[:5] == [ACCEPTED] * 5
        assert ACCEPTED not in kinds(outcomes)[5:]
        assert pace.slowed
        assert "too much mail" in pace.reason
        assert len(relay.delivered(5)) == 5
