"""Reports of a mail's fate, as the mailer asks for them where the relay offers it (RFC 3461)."""

import pytest
from smtp_server import SmtpServer
from test_mailer import ACCEPTED, DRIVERS, EVERY, REFUSED, UNSENT, kinds, mail, sent

pytestmark = pytest.mark.usefixtures("each_loop")

OFFERED = (*EVERY, "DSN")
NAME = "d.0123456789abcdef0123.0123456789abcdef01234567"


def traced(name):
    return mail(name)._replace(trace=NAME)


def asked(server):
    """What was said of reports, by command."""
    verbs = ("MAIL", "RCPT")
    lines = [line for line in server.heard if line.startswith(verbs)]
    words = ("RET=", "ENVID=", "NOTIFY=", "ORCPT=")
    return [[one for one in line.split() if one.startswith(words)] for line in lines]


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_report_of_failures_and_delays_with_headers_only_is_asked_for_by_the_mails_name(driver):
    server = SmtpServer(extensions=OFFERED)
    assert kinds(sent(server, [traced("a"), traced("b")], **DRIVERS[driver])) == [ACCEPTED] * 2
    assert asked(server) == [["RET=HDRS", f"ENVID={NAME}"], ["NOTIFY=FAILURE,DELAY"]] * 2
    assert [one.recipient for one in server.accepted] == ["a@example.net", "b@example.net"]


@pytest.mark.parametrize(
    ("extensions", "one"),
    [
        (EVERY, traced("a")),  # the relay does not know how
        (OFFERED, mail("a")),  # reports would have nowhere to go
    ],
)
@pytest.mark.parametrize("driver", DRIVERS)
def test_no_report_is_asked_for_where_it_is_not_offered_or_not_wanted(driver, extensions, one):
    server = SmtpServer(extensions=extensions)
    assert kinds(sent(server, [one], **DRIVERS[driver])) == [ACCEPTED]
    assert asked(server) == [[], []]


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
@pytest.mark.parametrize("code", [501, 504, 555])
def test_a_relay_that_offers_what_it_does_not_know_costs_no_reader_their_mail(
    driver, verb, code, monkeypatch
):
    server = SmtpServer(extensions=OFFERED)
    hear = server.hear

    def heard(line):
        hear(line)
        server.replies.pop(verb, None)
        if line.startswith(verb) and ("NOTIFY=" in line or "RET=" in line):
            server.replies[verb] = f"{code} 5.5.4 what?"

    monkeypatch.setattr(server, "hear", heard)
    windows = [[traced("a")], [traced("a"), traced("b")]]
    outcomes = sent(server, *windows, **DRIVERS[driver])
    assert kinds(outcomes) == [UNSENT, ACCEPTED, ACCEPTED]
    assert asked(server)[-4:] == [[]] * 4


def test_where_the_relay_took_mails_a_refused_address_is_the_readers():
    replies = {}
    server = SmtpServer(extensions=OFFERED, replies=replies)

    def windows():
        yield traced("a")
        replies["RCPT"] = "501 5.1.3 bad address"
        yield traced("b")

    assert kinds(sent(server, windows(), pipelining=False)) == [ACCEPTED, REFUSED]
    assert asked(server)[3] == ["NOTIFY=FAILURE,DELAY"]
