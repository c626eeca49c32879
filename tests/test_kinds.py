"""The kinds of digest over several days: weekly, after a pause, after a day without an edition."""

from dataclasses import replace
from email import message_from_bytes, policy

import pytest
from fakes import FakeMailer, FakeSource
from installation import installed
from make import DAY, HOUR, NOON, consent, day, harvest, paper, paper_id, signal


def seen(*numbers, votes=1.0, at=NOON):
    """A look that shows these papers, each with so many votes at that instant."""
    signals = [
        signal(votes + number, paper_id=paper_id(number), at=at, name="votes") for number in numbers
    ]
    listed = [
        signal(1.0, paper_id=paper_id(number), at=at - HOUR, name="listed") for number in numbers
    ]
    papers = tuple(paper(number) for number in numbers)
    return harvest(*papers, signals=(*signals, *listed))


@pytest.fixture
def house(store_url):
    """An installation whose source shows what ``house.show`` puts there."""
    mails = []

    async def keep(window):
        mails.extend(message_from_bytes(one.data, policy=policy.default) for one in window)

    with installed(store_url, FakeSource(harvest()), mailer=FakeMailer(before=keep)) as house:

        def on(offset, *numbers, **over):
            house.now = NOON + offset * DAY
            house.app.sources[0].harvests = [seen(*numbers, at=house.now, **over)]
            return house.day()

        house.on, house.subjects = on, lambda: [mail["Subject"] for mail in mails]
        yield house


def test_a_day_without_an_edition_is_told_by_the_next(house):
    house.join("ann")
    house.on(0, 1, 2)
    house.on(1)
    house.on(2)
    house.on(3, 3)
    edition = house.store.editions.latest()
    assert edition.colophon.since == day()
    assert [gap.day for gap in edition.colophon.gaps] == [day(1), day(2)]
    assert all(gap.why.startswith("nothing new since") for gap in edition.colophon.gaps)
    said = house.app.renderer._news(edition.colophon)
    assert said[0][0].startswith("No edition on Fri 16 Jan: nothing new since Thursday 15 January")


def test_an_edition_says_what_was_read_and_where_its_papers_stood(house):
    house.join("ann", papers=1)
    house.on(0, 1, 2)
    house.on(1, 3, votes=500.0)
    edition = house.store.editions.latest()
    (look,) = edition.colophon.looks
    assert (look.listed, look.new, look.at) == (1, 1, house.now)
    stood = {item.paper.id: (item.rank, item.before) for item in edition.items}
    assert stood == {paper_id(3): (1, None), paper_id(2): (2, 1), paper_id(1): (3, 2)}


def test_who_chose_one_weekday_gets_the_best_of_the_week(house):
    house.join("ann", papers=2)
    house.join("wes", papers=2, days=frozenset({(NOON + 5 * DAY).weekday()}))
    house.on(0, 1, votes=900.0)
    for offset in range(1, 6):
        house.on(offset, offset + 10, votes=float(offset))
    had = house.papers_had()
    assert had["wes"][0] == paper_id(1)  # five days old, and still the best of them
    assert len(had["wes"]) == 2
    assert had["ann"][-2:] == [paper_id(11), paper_id(1)]
    assert [one for one in house.subjects() if one.startswith("Week to Tue 20 Jan: ")]


def test_the_first_mail_after_a_pause_brings_the_best_of_what_was_missed(house):
    house.join("ann", papers=2)
    house.on(0, 1, 2)
    (ann,) = house.store.roster.everybody()
    away = replace(ann.preferences, paused_until=day(4))
    house.app.store.subscribers.prefer(ann.key, away, consent())
    house.on(1, 3, votes=900.0)
    for offset in (2, 3):
        house.on(offset, offset + 8)
    assert house.papers_had()["ann"] == [paper_id(2), paper_id(1)]
    house.on(4, 20)
    had = house.papers_had()["ann"]
    assert paper_id(3) in had  # three days old: a daily edition would have others first
    assert len(had) == len(set(had)) == 4  # as many as they want in a mail, and none twice
    first, back = house.subjects()
    assert first == "Thu 15 Jan: Paper 2"
    assert back == "While you were away, Mon 19 Jan: Paper 3"
