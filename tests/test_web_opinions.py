"""More or less like this: from the link of a mail to the order of the next one."""

import re
from contextlib import ExitStack

import pytest
from smtp_server import SmtpServer, running
from test_mails import ADA, BEN, equipped, subscribe
from website import BASE, website

from digest import links, taste
from digest.model import Rating


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """An installation whose two readers have had a mail; the tests rate different papers of it."""
    with ExitStack() as stack:
        relay = stack.enter_context(running(SmtpServer()))
        smtp = {"host": "127.0.0.1", "port": relay.port, "tls": "none"}
        folder = tmp_path_factory.mktemp("rated")
        site = stack.enter_context(
            website(folder, smtp=smtp, schedule={"quiet_days": "send"}, readers={"papers": 12})
        )
        equipped(site, relay)
        for email in (ADA, BEN):
            subscribe(site, email)
        site.do(site.app.run)
        site.mailed = {mail.recipient: mail for mail in site.mails()[-2:]}
        yield site


def rate_links(mail):
    """The links of a mail's cards, in their order."""
    return re.findall(rf'{BASE}(/rate/\d+/[\w-]+)"', mail.html)


@pytest.fixture
def ours(site):
    return rate_links(site.mailed[ADA])


def said_of(site):
    return site.app.store.ratings.of(site.find(ADA).key)


def press(site, link, what):
    answer = site.client.post(link, data={"said": what})
    assert answer.status_code == 200
    return answer.text


def test_every_card_of_a_mail_has_a_link_in_both_parts(site, ours):
    mail = site.mailed[ADA]
    assert len(ours) == len(set(ours)) == 12
    assert ours == re.findall(rf"More/less:  {BASE}(\S+)", mail.plain)
    assert {link.rpartition("/")[2] for link in ours}.isdisjoint(
        link.rpartition("/")[2] for link in rate_links(site.mailed["ben@xn--bcher-kva.example"])
    )


def rated_on(page):
    """The links to rate papers that stand on a page of ours."""
    return re.findall(r'href="(/rate/[^"]*)"', page.text)


def test_the_page_of_a_mail_has_the_links_of_its_cards_and_looking_changes_nothing(site, ours):
    before = site.dump()
    page = site.client.get(site.mailed[ADA].link("editions"))
    assert rated_on(page) == ours
    assert page.headers["cache-control"] == "no-store"
    assert "can rate its papers in your name" in page.text
    assert site.dump() == before
    assert "More or less like this?" in site.client.get(rated_on(page)[5]).text
    assert (
        rated_on(site.client.get(site.mailed["ben@xn--bcher-kva.example"].link("editions"))) != ours
    )


def test_without_a_mails_token_there_is_nothing_to_rate_by(site):
    edition = site.app.store.editions.latest()
    nobody = site.app.signer.token(links.EDITION, edition.id, "nobody")
    for address in (edition.id, edition.day, f"{edition.id}?mail={nobody}"):
        page = site.client.get(f"/editions/{address}")
        assert page.status_code == 200
        assert rated_on(page) == []
        assert "in your name" not in page.text


def test_looking_changes_nothing_and_shows_the_paper_with_two_buttons(site, ours):
    before = site.dump()
    for method in ("GET", "HEAD"):
        assert site.client.request(method, ours[0]).status_code == 200
    page = site.client.get(ours[0]).text
    assert site.dump() == before
    edition = site.app.store.editions.latest()
    rank = int(ours[0].split("/")[2])
    (paper,) = [one.paper for one in edition.items if one.rank == rank]
    assert paper.authors[0] in page
    assert re.findall(r'name="said" value="(\w+)"', page) == ["more", "less"]
    assert ADA not in page  # whoever was handed the link learns nothing of whose it is
    assert "/preferences/" not in page


def test_a_button_is_remembered_and_a_mind_may_be_changed(site, ours):
    page = press(site, ours[1], "more")
    assert "Thank you" in page
    assert 'value="more" aria-pressed="true"' in page
    assert list(said_of(site).values()) == [Rating.MORE]
    assert 'value="less" class="quiet" aria-pressed="true"' in press(site, ours[1], "less")
    assert list(said_of(site).values()) == [Rating.LESS]
    assert "less like this" in site.client.get(ours[1]).text
    for _ in range(2):  # again is as good as once
        assert "Taken back" in press(site, ours[1], "back")
        assert said_of(site) == {}


@pytest.mark.parametrize("said", ["", "most", "MORE", ["more", "less"], None])
def test_another_word_is_refused_and_changes_nothing(site, ours, said):
    before = site.dump()
    answer = site.client.post(ours[2], data={} if said is None else {"said": said})
    assert answer.status_code == 422
    assert site.dump() == before


def altered(link):
    """Links that are not ours: another paper or delivery, a ticket that was changed or cut."""
    _, _, rank, ticket = link.split("/")
    number, _, mac = ticket.partition("-")
    yield f"/rate/9999/{ticket}"
    yield f"/rate/0/{ticket}"
    yield f"/rate/x/{ticket}"
    yield f"/rate/{rank}/{int(number) + 1}-{mac}"
    yield f"/rate/{rank}/0{ticket}"
    yield f"/rate/{rank}/{number}-{'0' * 24}"
    yield f"/rate/{rank}/{ticket[:-1]}"
    yield f"/rate/{rank}/{ticket}0"
    yield f"/rate/{rank}/{ticket.upper()}"
    yield f"/rate/{rank}/999999999999999999-{mac}"
    yield f"/rate/{rank}/9{'9' * 30}-{mac}"
    yield f"/rate/{rank}/x"


def test_no_other_link_does_anything(site, ours):
    before = site.dump()
    for link in altered(ours[3]):
        assert site.client.get(link).status_code == 404, link
        assert site.client.post(link, data={"said": "more"}).status_code == 404, link
    assert site.dump() == before


def test_the_ticket_of_a_letter_rates_nothing(site):
    letter = next(one for one in site.app.store.ledger.entries() if one.kind == "welcome")
    ticket = links.ticket(site.app.signer, letter.id, site.find(letter.email).key)
    assert site.client.get(f"/rate/1/{ticket}").status_code == 404


def test_preferences_show_what_ratings_add_up_to_and_can_forget_them(site, ours):
    page = site.preferences_of(site.find(ADA))
    assert "Your ratings" not in site.client.get(page).text
    press(site, ours[4], "less")
    shown = site.client.get(page).text
    assert "You rated 1 paper." in shown
    for name, factor in taste.told(site.find(ADA).preferences.taste):
        assert f'{name} <span class="soft">× {factor:.2f}</span>' in shown
    assert site.client.get(f"{page}/data.json").json()["ratings"][0]["said"] == "less"
    assert "Your ratings are forgotten." in site.client.post(f"{page}/forget").text
    assert said_of(site) == {}
    assert site.find(ADA).preferences.taste == ""


def test_who_left_rates_no_more(tmp_path):
    with running(SmtpServer()) as relay:
        smtp = {"host": "127.0.0.1", "port": relay.port, "tls": "none"}
        with website(tmp_path, smtp=smtp) as site:
            equipped(site, relay)
            subscribe(site, ADA)
            site.do(site.app.run)
            mail = site.mails()[-1]
            site.client.post(mail.link("unsubscribe"))
            link = rate_links(mail)[0]
            page = site.client.get(mail.link("editions"))
            assert (page.status_code, rated_on(page)) == (200, [])
            assert site.client.get(link).status_code == 404
            assert site.client.post(link, data={"said": "more"}).status_code == 404


def test_the_next_mail_is_in_the_order_that_was_asked_for_and_nobody_elses_changes(tmp_path):
    with running(SmtpServer()) as relay:
        smtp = {"host": "127.0.0.1", "port": relay.port, "tls": "none"}
        schedule = {"quiet_days": "send"}
        with website(tmp_path, smtp=smtp, schedule=schedule, readers={"papers": 3}) as site:
            equipped(site, relay)
            for email in (ADA, BEN):
                subscribe(site, email)
            site.do(site.app.run)
            mail = next(one for one in site.mails()[-2:] if one.recipient == ADA)
            ticket = rate_links(mail)[0].rpartition("/")[2]
            press(site, f"/rate/7/{ticket}", "more")
            site.clock.forward(days=1)
            site.do(site.app.run)
            mine, other = (
                rate_links(next(m for m in site.mails()[-2:] if m.recipient.startswith(name)))
                for name in ("ada", "ben")
            )
    ranks = [[int(link.split("/")[2]) for link in found] for found in (mine, other)]
    assert ranks == [[7, 4, 5], [4, 5, 6]]
