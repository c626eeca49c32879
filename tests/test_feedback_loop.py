"""What goes out carries the way back, and what comes back changes what goes out."""

from datetime import timedelta
from email import message_from_bytes

import pytest
from fakes import FakeMailer, FakeSource
from installation import installed, papers, queued_readers
from make import NOON, signal

from digest.model import DeliveryState, Outcome, OutcomeKind
from digest.verp import Mailbox, read_unsubscribe, read_verp

NOBODY = Outcome(kind=OutcomeKind.REFUSED, code=550, text="5.1.1 no such user")
POLICY = Outcome(kind=OutcomeKind.REFUSED, code=550, text="5.7.1 your mail is not wanted here")
OPTIONS = {
    "bounces": {"domain": "bounce.example.org"},
    "schedule": {"quiet_days": "send"},  # unread papers make the next day's mail
}
BOX = Mailbox(local="bounce", domain="bounce.example.org")


@pytest.fixture
def queued(store_url):
    """An installation that takes bounces, with readers who are queued."""

    def opened(names, mailer):
        return queued_readers(store_url, *names, mailer=mailer, **OPTIONS)

    return opened


def test_a_mail_leaves_with_an_address_of_its_own_to_come_back_to_and_one_to_leave_by(queued):
    seen = []

    async def look(window):
        seen.extend(window)

    with queued(["ann", "ben"], FakeMailer(before=look)) as house:
        house.deliver()
        signer = house.app.signer
        numbers = {one.id for one in house.store.ledger.entries()}
        assert {read_verp(signer, mail.sender).delivery_id for mail in seen} == numbers
        assert len({mail.sender for mail in seen}) == 2
        for mail in seen:
            assert mail.sender.startswith("bounce+")
            assert mail.message_id == f"<{mail.trace}@example.org>"
            header = message_from_bytes(mail.data)["List-Unsubscribe"]
            address = header.partition("<mailto:")[2].partition("?")[0]
            key = house.app.subscriptions.fingerprint(mail.recipient)
            reader = house.store.roster.find(fingerprint=key)
            assert read_unsubscribe(signer, address.replace("%2B", "+")) == reader.key


def test_without_a_mailbox_for_them_no_reports_are_asked_for(store_url):
    seen = []

    async def look(window):
        seen.extend(window)

    source = FakeSource(papers(1, signals=[signal(5.0)]))
    with installed(store_url, source, mailer=FakeMailer(before=look)) as house:
        house.join("ann")
        house.collect()
        house.queue()
        house.deliver()
    assert [mail.trace for mail in seen] == [""]


def test_a_refusal_at_the_door_ends_the_mail_to_an_address_that_does_not_exist(queued):
    with queued(["ann", "ben"], FakeMailer({"ann": [NOBODY]})) as house:
        assert house.deliver().outcomes == {DeliveryState.SENT: 1, DeliveryState.REFUSED: 1}
        events = house.store.bounces.recent()
        assert [(event.status, str(action)) for event, action, _ in events] == [
            ("5.1.1", "suppressed")
        ]
        house.now += timedelta(days=1)
        house.collect()
        house.queue()
        house.deliver()
        assert house.mails().count("ann") == 1
        assert house.mails().count("ben") == 2


def test_mail_to_a_domain_that_refuses_everybody_waits_and_goes_on_on_command(queued):
    names = [f"r{number}" for number in range(12)]
    with queued(names, FakeMailer({name: [POLICY] for name in names})) as house:
        house.deliver()
        assert house.store.bounces.paused_domains(NOON) == {"example.net"}
        house.join("late")
        assert house.queue().readers == 1
        assert house.deliver().outcomes == {}
        assert house.states()["late"] == "queued"
        assert house.store.bounces.resume("example.net")
        assert house.deliver().outcomes == {DeliveryState.SENT: 1}
