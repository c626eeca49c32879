"""What anybody may read: the front page, the archive, editions, and the demonstration's inbox."""

import asyncio
import re

import make
import pytest
from render_samples import Seen
from smtp_server import SmtpServer, running
from website import EnvelopeOf, mail, received, website

from digest import links
from digest.inbox import CatchAll
from digest.model import Term

BAD = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "'-alert(1)-'",
    "{{ 7 * 191 }}{% raw %}",
    "</title></textarea><svg onload=alert(1)>",
    "\u202egro.elpmaxe\x00\x1b[2J",
)
ADDRESS = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>",
    "//evil.example",
)


@pytest.fixture
def site(tmp_path):
    with website(tmp_path) as site:
        yield site


def publish(site, *items, **over):
    """An edition of the items' papers in the archive."""
    return site.app.store.editions.publish(make.edition(*items, **over))


def titles(page):
    """The papers of a page, in their order."""
    return [text for level, text in Seen(page.text).headings if level == 3]


# ── The front page and the archive ───────────────────────────────────────────────────────────────


def test_the_front_page_without_an_edition_is_the_form(site):
    page = site.client.get("/")
    assert page.status_code == 200
    assert 'action="/subscribe"' in page.text
    assert titles(page) == []


def test_the_front_page_shows_the_first_papers_of_the_last_edition(site):
    publish(site, *(make.item(number) for number in range(1, 6)))
    publish(site, cut=make.NOON + make.HOUR, items=())  # an empty one is no news
    page = site.client.get("/")
    assert titles(page) == ["Paper 1", "Paper 2", "Paper 3"]
    assert "/editions/2026-01-15" in page.text


def test_the_form_says_what_the_operator_chose_as_defaults(tmp_path):
    with website(tmp_path, readers={"hour": 18}) as site:
        assert '<option value="18" selected>18:00</option>' in site.client.get("/").text


def test_the_archive_has_the_last_edition_of_each_day_newest_first(site):
    for days, hours in ((0, 0), (0, 1), (1, 0), (40, 0)):
        cut = make.NOON + days * make.DAY + hours * make.HOUR
        publish(site, make.item(10 * days + hours + 1), cut=cut)
    page = site.client.get("/editions").text
    found = re.findall(r'href="/editions/(\d{4}-\d\d-\d\d)"', page)
    assert found == ["2026-02-24", "2026-01-16", "2026-01-15"]
    assert "Paper 2<" in page  # of 13:00
    assert "Paper 1<" not in page  # of 12:00
    assert page.index("February 2026") < page.index("January 2026")


def test_an_edition_keeps_its_address_when_a_later_one_takes_the_day(site):
    first = publish(site, make.item(1))
    publish(site, make.item(2), cut=make.NOON + make.HOUR)
    empty = publish(site, items=(), cut=make.NOON + 2 * make.HOUR, note="nothing new")
    day = site.client.get(f"/editions/{first.day}")
    kept = site.client.get(f"/editions/{first.id}")
    assert (day.status_code, kept.status_code) == (200, 200)
    assert titles(kept) != titles(day)
    assert f'href="/editions/{first.id}"' in kept.text
    assert site.client.get(f"/editions/{empty.id}").status_code == 404


def test_a_day_is_its_last_edition_with_the_days_beside_it(site):
    for days, hours in ((0, 0), (1, 0), (1, 1), (3, 0)):
        cut = make.NOON + days * make.DAY + hours * make.HOUR
        publish(site, make.item(10 * days + hours + 1), cut=cut)
    page = site.client.get("/editions/2026-01-16")
    assert page.status_code == 200
    assert titles(page) == ["Paper 12"]
    assert re.findall(r'rel="(prev|next)" href="([^"]+)', page.text)[:2] == [
        ("prev", "/editions/2026-01-15"),
        ("next", "/editions/2026-01-18"),
    ]
    assert "cache-control" not in page.headers


@pytest.mark.parametrize(
    "day",
    [
        *("2026-01-14", "2026-01-16", "0001-01-01", "9999-12-31", "20260115", "2026-W03-4"),
        *("2026-1-15", "2026-01-15T12", "15.1.2026", "today", "-1", "%00", "%FF", "9" * 5000),
        *("2026-01-15%0A", "2026-01-15/", "%D9%A2026-01-15", "..%2F..%2Fpreferences"),
    ],
)
def test_a_day_without_an_edition_is_not_found(site, day):
    publish(site)
    assert site.client.get(f"/editions/{day}").status_code == 404


# ── The edition of a mail ────────────────────────────────────────────────────────────────────────


@pytest.fixture
def mailed(tmp_path):
    """A site that has just sent an edition of five papers to two readers, and its relay."""
    with running(SmtpServer()) as server:
        relay = {"host": "127.0.0.1", "port": server.port, "tls": "none"}
        with website(tmp_path, smtp=relay) as site:
            site.reader("short@example.org", papers=2)
            site.reader("picky@example.org", categories=("cs.CV",))
            items = [make.item(number) for number in range(1, 5)]
            vision = make.paper(9, categories=("cs.CV",))
            publish(site, *items, make.item(5, paper=vision))
            site.do(lambda: site.app.run(collect=False))
            site.mails = {mail.recipient: mail.data for mail in server.accepted}
            yield site


def edition_link(mail):
    """The address of the edition, as the mail has it."""
    text = mail.replace(b"=\r\n", b"").replace(b"=3D", b"=").decode()
    return re.search(r"https://digest\.example\.org(/editions/\S+\?mail=[\w.-]+)", text)[1]


def test_the_page_of_a_mail_shows_exactly_the_papers_of_that_mail(mailed):
    expected = {
        "short@example.org": ["Paper 1", "Paper 2"],
        "picky@example.org": ["Paper 9", "Paper 1"],
    }
    for email, papers in expected.items():
        mail = mailed.mails[email].replace(b"=\r\n", b"").decode()
        page = mailed.client.get(edition_link(mailed.mails[email]))
        assert titles(page) == papers
        numbers = [number for number in (1, 2, 3, 4, 9) if f">Paper {number}<" in mail]
        assert [f"Paper {number}" for number in numbers] == sorted(papers)
        assert "Exactly the papers of your mail" in page.text


def test_the_page_of_a_mail_is_kept_by_no_cache_and_no_search_engine(mailed):
    page = mailed.client.get(edition_link(mailed.mails["short@example.org"]))
    assert page.headers["cache-control"] == "no-store"
    assert '<meta name="robots" content="noindex">' in page.text
    assert "noindex" not in mailed.client.get("/editions/2026-01-15").text


def test_the_page_of_a_mail_stays_when_later_editions_come(mailed):
    publish(mailed, make.item(7), cut=make.NOON + make.HOUR)
    link = edition_link(mailed.mails["short@example.org"])
    assert titles(mailed.client.get(link)) == ["Paper 1", "Paper 2"]


def test_the_page_of_a_mail_whose_reader_is_deleted_is_the_edition_that_everybody_sees(mailed):
    link = edition_link(mailed.mails["short@example.org"])
    page = mailed.preferences_of(mailed.find("short@example.org"))
    mailed.client.post(f"{page}/delete", data={"sure": "yes"})
    shown = mailed.client.get(link)
    assert len(titles(shown)) == 5
    assert "your mail" not in shown.text


@pytest.mark.parametrize(
    "wrong",
    [
        lambda link: link + "A",
        lambda link: link[:-1],
        lambda link: link.replace("2026-01-15", "2026-01-14"),  # a good token, another day
        lambda link: link.partition("=")[0] + "=%00",
        lambda link: link.partition("=")[0] + "=%FF" * 1000,
        lambda link: link.partition("=")[0] + "=" + "A" * 5000,
    ],
)
def test_a_token_that_is_not_that_mails_is_not_found(mailed, wrong):
    link = wrong(edition_link(mailed.mails["short@example.org"]))
    assert mailed.client.get(link).status_code == 404


def test_tokens_of_other_kinds_show_no_edition(mailed):
    reader = mailed.find("short@example.org")
    for scope in (links.PREFERENCES, links.UNSUBSCRIBE, links.CONFIRM):
        token = mailed.token(scope, reader)
        assert mailed.client.get(f"/editions/2026-01-15?mail={token}").status_code == 404


# ── Hostile feeds and forms ──────────────────────────────────────────────────────────────────────


def check_harmless(page):
    """Nothing of a page acts but what is ours, and no address leaves the web."""
    seen = Seen(page.text)
    assert [one.get("src") for one in seen.tags("script")] in ([], ["/static/zone.js"])
    assert not seen.tags("img", "object", "embed", "base", "style")
    for _, attributes in seen.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    for name in ("href", "src", "action", "formaction"):
        assert [one for one in seen.all(name) if not re.match(r"https?://|/(?!/)|#|$", one)] == []
    assert "1337" not in page.text
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202e]", page.text)


def hostile_item(number, bad, address):
    paper = make.paper(
        number,
        title=bad,
        abstract=bad,
        authors=(bad,) * 3,
        categories=(bad,),
        source=bad,
        links=dict.fromkeys(("paper", "pdf", "code", "project", "discussion"), address),
    )
    return make.item(number, paper=paper, why=bad, terms=(Term(name=bad, value=1.0, text=bad),))


@pytest.mark.parametrize("path", ["/", "/editions", "/editions/2026-01-15"])
def test_nothing_in_a_feed_acts_on_a_page(site, path):
    pairs = [(bad, address) for bad in BAD for address in ADDRESS]
    for hour, (bad, address) in enumerate(pairs[:24]):
        publish(site, hostile_item(1, bad, address), cut=make.NOON.replace(hour=hour))
        check_harmless(site.client.get(path))
    first = publish(
        site,
        *(hostile_item(number, *pair) for number, pair in enumerate(pairs, 1)),
        cut=make.NOON + make.DAY,
        note=BAD[0],
    )
    assert len(first.items) == len(pairs)
    page = site.client.get("/editions/2026-01-16")
    check_harmless(page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text  # it is shown as what it is


@pytest.mark.parametrize("bad", BAD)
def test_nothing_typed_into_a_form_acts_on_a_page(site, bad):
    fields = ("email", "hour", "zone", "papers", "days", "categories", "paused_until", "sure")
    reader = site.reader("ada@example.org")
    page = site.preferences_of(reader)
    for path in ("/subscribe", page, f"{page}/email", f"{page}/delete"):
        answer = site.client.post(path, data=dict.fromkeys(fields, bad) | {bad: bad})
        assert answer.status_code == 422
        check_harmless(answer)


@pytest.mark.parametrize("bad", BAD)
def test_nothing_in_an_address_of_ours_acts_on_a_page(site, bad):
    for path in ("/confirm/", "/move/", "/unsubscribe/", "/editions/", "/nowhere/", "/editions?"):
        check_harmless(site.client.get(path + "".join(f"%{byte:02X}" for byte in bad.encode())))


# ── The demonstration's inbox ────────────────────────────────────────────────────────────────────


def test_the_inbox_shows_every_mail_and_each_of_its_forms(tmp_path):
    with website(tmp_path, inbox=received(mail(), mail(subject="Second"))) as site:
        page = site.client.get("/inbox").text
        assert page.index("Second") < page.index("Hello")
        shown = site.client.get("/inbox/1")
        assert "plain words" in shown.text
        assert "frame-src 'self'" in shown.headers["content-security-policy"]
        source = site.client.get("/inbox/1/source")
        assert source.headers["content-type"].startswith("text/plain")
        assert source.text == mail().decode()


def test_the_frame_of_a_mail_runs_nothing_and_opens_links_outside(tmp_path):
    html = "<html><head><title>x</title></head><body><head><script>alert(1)</script></body></html>"
    with website(tmp_path, inbox=received(mail(html))) as site:
        frame = site.client.get("/inbox/1/html")
        policy = frame.headers["content-security-policy"]
        assert frame.text.count('<base target="_blank">') == 1
        assert '<head><base target="_blank"><title>' in frame.text
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert re.search(r"sandbox(?!.*allow-(scripts|same-origin|top))", policy)
        assert "<base" not in site.client.get("/inbox/1/source").text


@pytest.mark.parametrize("number", ["0", "2", "-1", "one", "9" * 5000, "1.5", "%00"])
@pytest.mark.parametrize("part", ["", "/html", "/source"])
def test_a_mail_that_is_not_there_is_not_found_in_words(tmp_path, number, part):
    with website(tmp_path, inbox=received(mail())) as site:
        answer = site.client.get(f"/inbox/{number}{part}")
        assert answer.status_code == 404
        assert "There is no such page" in answer.text


@pytest.mark.parametrize("bad", BAD)
def test_nothing_in_a_mail_acts_on_the_pages_of_the_inbox(tmp_path, bad):
    subject = " ".join(bad.replace("\x00", "").split())
    with website(tmp_path, inbox=received(mail(bad, subject))) as site:
        check_harmless(site.client.get("/inbox"))
        shown = site.client.get("/inbox/1")
        check_harmless(shown)
        assert Seen(shown.text).tags("iframe")[0]["sandbox"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no header at all",
        b"Subject: =?nonsense?q?x?=\r\nFrom: <<<>>>\r\n\r\nbody",
        b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xff\xfe",
        b"Content-Type: text/html; charset=utf-16\r\n\r\n<",
        b"Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nno end",
        b"Content-Type: multipart/alternative\r\n\r\nno boundary",
        b"Content-Transfer-Encoding: base64\r\nContent-Type: text/html\r\n\r\n!!!",
        b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nx",
        b"Subject: a\r\n\tb\r\nSubject: again\r\nTo: \xff\xfe\r\n\r\n\x00",
        b"From: " + b"(" * 5000 + b"\r\nTo: " + b"a@b," * 2000 + b"\r\n\r\nx",
    ],
)
def test_a_broken_mail_is_kept_and_shown_as_far_as_it_goes(tmp_path, content):
    with website(tmp_path, inbox=received(content)) as site:
        for path in ("/inbox", "/inbox/1", "/inbox/1/html", "/inbox/1/source"):
            assert site.client.get(path).status_code == 200


def test_mails_that_come_at_once_are_all_kept_under_their_own_numbers(tmp_path):
    async def take():
        inbox = CatchAll(lambda: make.NOON, tmp_path)
        envelopes = [EnvelopeOf(b"Subject: %d\r\n\r\nx" % number) for number in range(20)]
        await asyncio.gather(*(inbox.handle_DATA(None, None, one) for one in envelopes))
        return inbox, await inbox.wait_for(20, 5)

    inbox, arrived = asyncio.run(take())
    assert arrived
    assert [one.id for one in inbox.received()] == list(range(20, 0, -1))
    assert len(list(tmp_path.glob("*.eml"))) == 20
