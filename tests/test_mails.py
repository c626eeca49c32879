"""The mails as a relay takes them, from the sign-up to the digest: standards, law, and manners."""

import json
import re
import subprocess
import sys
from email import policy
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

import mails
import make
import pytest
from render_samples import Seen, squashed
from smtp_server import SmtpServer, running
from website import BASE, SENDER, website

from digest import links
from digest.cli.preview import Kind
from digest.sources.sample import SampleTransport

ADA, BEN, CAT = "ada@reader.example.net", "ben@bücher.example", "cat@reader.example.net"
ON_THE_WIRE = {ADA: ADA, BEN: "ben@xn--bcher-kva.example", CAT: CAT}
DOMAIN = "digest.example.org"


@pytest.fixture
def site(tmp_path):
    """An installation with a relay and the sample's papers: ``site.mails()`` is what it took."""
    with running(SmtpServer()) as relay:
        smtp = {"host": "127.0.0.1", "port": relay.port, "tls": "none"}
        # The sample shows the same papers for a month: on later days the unread ones are mailed.
        with website(tmp_path, smtp=smtp, schedule={"quiet_days": "send"}) as site:
            yield equipped(site, relay)


def equipped(site, relay):
    """The site with the sample for a source, and what its relay took."""
    site.app._transport = SampleTransport(site.clock)
    site.taken = relay.accepted
    site.mails = lambda: [Mail(one) for one in relay.accepted]
    return site


class Mail:
    """A mail as it was taken: its bytes, its headers, its parts."""

    def __init__(self, accepted):
        self.sender, self.recipient, self.data = (
            accepted.sender,
            accepted.recipient,
            accepted.data,
        )
        self.message = BytesParser(policy=policy.default).parsebytes(accepted.data)
        self.plain, self.html = (
            self.message.get_body((kind,)).get_content() for kind in ("plain", "html")
        )

    def header(self, name):
        """A header's value, unfolded, as it went over the wire; it stands there once or never."""
        head = self.data.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").decode("ascii")
        found = re.findall(rf"(?mi)^{name}: (.*?)\r?$", head)
        assert len(found) <= 1, name
        return found[0] if found else None

    def link(self, part):
        """The address in the text that leads to that part of the site, as a path."""
        return re.search(rf"{BASE}(/{part}/\S+)", self.plain)[1]


def subscribe(site, email, **form):
    """Signs up, and confirms with the link of the letter."""
    site.client.post("/subscribe", data={"email": email, "hour": "7", "zone": "UTC", **form})
    letter = site.mails()[-1]
    assert letter.recipient == ON_THE_WIRE[email]
    assert site.client.post(letter.link("confirm")).status_code == 200
    return letter


def a_day(site):
    """Three readers, one of whom leaves, and all kinds of mail, in the order of KINDS."""
    site.do(lambda: site.app.daily.collect(site.clock()))
    site.app.daily.edition(site.clock())  # somebody got it before: a welcome has what to show
    confirm = subscribe(site, ADA)
    welcome = site.mails()[-1]
    subscribe(site, BEN, hour="9")
    subscribe(site, CAT)
    site.client.post(site.mails()[-1].link("unsubscribe"))
    goodbye = site.mails()[-1]
    site.client.post("/subscribe", data={"email": ADA})
    known = site.mails()[-1]
    move = known.link("preferences") + "/email"
    site.client.post(move, data={"email": "new@reader.example.net"})
    change = site.mails()[-1]
    before = len(site.taken)
    site.clock.forward(hours=1)
    report = site.do(site.app.run)
    assert report.delivered.outcomes == {"sent": 2}
    digests = {one.recipient: one for one in site.mails()[before:]}
    return (
        confirm,
        welcome,
        known,
        change,
        goodbye,
        *(digests[ON_THE_WIRE[email]] for email in (ADA, BEN)),
    )


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """The mails of one day, for tests that only look at them."""
    with running(SmtpServer()) as relay:
        smtp = {"host": "127.0.0.1", "port": relay.port, "tls": "none"}
        with website(tmp_path_factory.mktemp("day"), smtp=smtp) as site:
            return dict(zip(KINDS, a_day(equipped(site, relay)), strict=True))


KINDS = ("confirm", "welcome", "known", "change", "goodbye", "digest", "second digest")
ON_THE_LIST = tuple(kind for kind in KINDS if kind != "change")


# ── On the wire ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", KINDS)
def test_lines_end_and_are_short_and_everything_is_seven_bit(day, kind):
    data = day[kind].data
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|[\x80-\xff\x00]", data)
    head, _, body = data.partition(b"\r\n\r\n")
    assert max(map(len, body.split(b"\r\n"))) <= 76
    # An address or an identifier has no place where it may be folded.
    long = [line for line in head.split(b"\r\n") if len(line) > 78]
    assert [line for line in long if not re.fullmatch(rb"[\w-]+: <[!-~]+>", line)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_each_header_is_there_once_and_says_what_it_must(day, kind):
    mail = day[kind]
    assert mail.header("From") == f"{SENDER['name']} <{SENDER['address']}>"
    assert mail.header("To") == mail.recipient
    assert mail.header("Cc") is mail.header("Bcc") is None
    assert mail.header("Reply-To") == SENDER["reply_to"]
    assert mail.header("MIME-Version") == "1.0"
    assert mail.header("Auto-Submitted") == "auto-generated"
    sent = parsedate_to_datetime(mail.header("Date"))
    assert sent.utcoffset() is not None
    assert make.NOON <= sent <= make.NOON + make.HOUR
    assert re.fullmatch(rf"<d\.[\w.]+@{DOMAIN}>", mail.header("Message-ID"))
    assert "=?" not in mail.message["Subject"]
    assert 10 <= len(mail.message["Subject"]) <= 90


@pytest.mark.parametrize("kind", KINDS)
def test_text_comes_first_and_html_last_in_utf8(day, kind):
    message = day[kind].message
    assert message.get_content_type() == "multipart/alternative"
    parts = [(part.get_content_type(), part.get_content_charset()) for part in message.iter_parts()]
    assert parts == [("text/plain", "utf-8"), ("text/html", "utf-8")]
    assert not [defect for part in message.walk() for defect in part.defects]
    assert "\ufffd" not in day[kind].plain + day[kind].html


@pytest.mark.parametrize("kind", KINDS)
def test_html_and_text_say_the_same_and_both_are_complete(day, kind):
    mail = day[kind]
    seen, text = Seen(mail.html), squashed(mail.plain)
    assert [href for href in seen.all("href") if href not in mail.plain] == []
    assert [title for _, title in seen.headings if squashed(title) not in text] == []
    for said in (SENDER["postal_address"], SENDER["name"], "You get this"):
        assert squashed(said) in text
        assert squashed(said) in squashed("".join(seen.texts))
    assert not re.search(r"\{\{|\{%|\bNone\b|undefined", mail.plain + mail.html)
    assert len(mail.html.encode()) < 80 * 1024
    assert not seen.tags("img", "script", "form", "iframe", "link", "base")


def test_message_ids_are_distinct_and_the_list_is_one(day):
    assert len({mail.header("Message-ID") for mail in day.values()}) == len(day)
    assert len({day[kind].header("List-Id") for kind in ON_THE_LIST}) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_no_mail_names_another_reader_or_puts_an_address_into_a_link(day, kind):
    mail = day[kind]
    everybody = {ADA, BEN, CAT, *ON_THE_WIRE.values(), "new@reader.example.net"}
    others = everybody - {
        mail.recipient,
        *(k for k, v in ON_THE_WIRE.items() if v == mail.recipient),
    }
    whole = mail.data.decode() + mail.plain + mail.html
    assert [email for email in others if email in whole] == []
    assert [link for link in Seen(mail.html).all("href") if "@" in link or "%40" in link] == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_envelopes_sender_is_the_sites_own(day, kind):
    assert day[kind].sender.endswith(f"@{DOMAIN}")


# ── One click ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ON_THE_LIST)
def test_list_headers_hold_one_https_address_with_a_token_of_128_bits(day, kind):
    mail = day[kind]
    found = re.findall(r"<(https:[^>]+)>", mail.header("List-Unsubscribe"))
    assert len(found) == 1
    token = found[0].removeprefix(f"{BASE}/unsubscribe/")
    assert re.fullmatch(r"[\w.-]{40,}", token)  # its signature alone has 256 bits
    assert mail.header("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"
    assert mail.header("List-Id") == f"Trending Papers <daily.{DOMAIN}>"
    assert mail.header("List-Help") == f"<{BASE}/>"
    assert mail.header("List-Owner") == f"<mailto:{SENDER['reply_to']}>"
    assert mail.header("List-Post") is None
    assert re.fullmatch(rf"\w+:\w+:daily:{re.escape(DOMAIN)}", mail.header("Feedback-ID"))
    assert found[0] in mail.plain
    assert found[0] in Seen(mail.html).all("href")


def test_the_tokens_of_two_readers_differ(day):
    assert day["digest"].link("unsubscribe") != day["second digest"].link("unsubscribe")


def test_the_letter_to_a_new_address_cannot_end_the_subscription_it_may_know_nothing_of(day):
    letter = day["change"]
    assert letter.header("List-Unsubscribe") is None
    for part in ("unsubscribe", "preferences"):
        assert f"/{part}/" not in letter.plain + letter.html


def test_a_confirmation_sells_nothing_and_has_no_link_to_preferences(day):
    letter = day["confirm"]
    assert "/preferences/" not in letter.plain + letter.html
    assert "The papers that matter" not in letter.plain + letter.html


def test_one_click_in_a_digest_ends_the_mails_at_once(site):
    *_, mail, _ = a_day(site)
    before = len(site.taken)
    link = re.search(r"<(https:[^>]+)>", mail.header("List-Unsubscribe"))[1]
    answer = site.client.post(link, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    site.clock.forward(days=1)
    site.do(site.app.run)
    goodbye, digest = site.mails()[before:]
    assert (goodbye.recipient, digest.recipient) == (ADA, ON_THE_WIRE[BEN])
    assert goodbye.message["Subject"] == "You have left Trending Papers"


def test_the_goodbye_takes_a_leaving_back_by_a_button_and_not_by_its_link(site):
    subscribe(site, ADA, hour="9")
    site.client.post(f"/unsubscribe/{site.token(links.UNSUBSCRIBE, site.find(ADA))}")
    way_back = site.mails()[-1].link("undo")
    assert site.client.get(way_back).status_code == 200
    assert site.find(ADA).state == "left"  # a scanner follows every link
    for _ in range(2):
        assert site.client.post(way_back).status_code == 200
        assert (site.find(ADA).state, site.find(ADA).preferences.hour) == ("active", 9)
    site.client.post(f"/unsubscribe/{site.token(links.UNSUBSCRIBE, site.find(ADA))}")
    site.clock.forward(days=8)
    assert site.client.post(way_back).status_code == 404
    assert site.find(ADA).state == "left"


def test_who_was_removed_by_the_operator_or_never_confirmed_gets_no_goodbye(site):
    site.reader(ADA)
    site.app.subscriptions.remove([ADA], site.clock())
    site.client.post("/subscribe", data={"email": BEN})
    site.client.post(site.mails()[-1].link("unsubscribe"))
    site.do(site.app.post_letters)
    assert [one.message["Subject"][:14] for one in site.mails()] == ["Please confirm"]


def test_a_welcome_shows_the_latest_edition_and_comes_once(site):
    site.do(lambda: site.app.daily.collect(site.clock()))
    issue, _ = site.app.daily.edition(site.clock())
    letter = subscribe(site, ADA)
    site.client.post(letter.link("confirm"))
    _, welcome = site.mails()
    assert welcome.message["Subject"] == "Welcome to Trending Papers"
    assert welcome.link("editions") == f"/editions/{issue.day}"
    assert site.client.get(welcome.link("editions")).status_code == 200
    titles = [title for level, title in Seen(welcome.html).headings if level == 3]
    assert len(titles) == 5


def test_who_leaves_after_the_mail_was_queued_gets_none(site):
    subscribe(site, ADA)
    before = len(site.taken)
    site.do(lambda: site.app.daily.collect(site.clock()))
    assert site.app.daily.queue(site.clock()).readers == 1
    site.client.post(f"/unsubscribe/{site.token(links.UNSUBSCRIBE, site.find(ADA))}")
    report = site.do(lambda: site.app.run(collect=False))
    assert report.delivered.outcomes == {}
    assert [one.message["Subject"][:13] for one in site.mails()[before:]] == ["You have left"]
    assert site.app.store.ledger.counts()["skipped"] == 1


def test_nobody_gets_two_digests_of_a_date_or_the_same_paper_twice(site):
    subscribe(site, ADA)
    for _ in range(3):
        site.do(site.app.run)
        site.clock.forward(hours=1)
    assert len(site.taken) == 3  # two letters and one digest
    site.clock.forward(days=1)
    site.do(site.app.run)
    first, second = (Seen(one.html).all("href") for one in site.mails()[2:])
    papers = [{href for href in found if "arxiv.org/abs/" in href} for found in (first, second)]
    assert all(papers)
    assert papers[0] & papers[1] == set()


def test_without_a_postal_address_nothing_goes_out(tmp_path):
    with running(SmtpServer()) as relay:
        smtp = {"host": "127.0.0.1", "port": relay.port, "tls": "none"}
        sender = SENDER | {"postal_address": ""}
        with website(tmp_path, smtp=smtp, sender=sender) as site:
            answer = site.client.post("/subscribe", data={"email": ADA})
            assert answer.status_code == 200  # the letter waits for the operator
            assert relay.accepted == []
            assert site.app.store.ledger.counts() == {"queued": 1}


def test_a_suppressed_address_gets_nothing_whoever_asks(site):
    site.reader(ADA, "suppressed")
    site.client.post("/subscribe", data={"email": ADA})
    site.do(site.app.run)
    assert site.taken == []


def test_a_bounce_is_lifted_by_a_new_confirmation_and_a_complaint_is_not(site):
    for email, reason in ((ADA, "bounce: 5.1.1"), (BEN, "complaint")):
        site.app.store.roster.suppress(
            site.app.subscriptions.fingerprint(email), reason, site.clock()
        )
        site.client.post("/subscribe", data={"email": email})
    assert [one.recipient for one in site.taken] == [ADA]


# ── Hostile words ────────────────────────────────────────────────────────────────────────────────


BAD = (
    "<script>alert(1)</script>\r\nBcc: evil@example.org",
    "\r\n.\r\nMAIL FROM:<evil@example.org>\r\n",
    ".\n.\r.\r\n..\r\n",
    "\x00\x1b[31m\u202eevil\u2028X-Injected: yes\x85",
    "=?utf-8?q?Subject=0D=0ABcc=3A_evil=40example.org?=",
    "{{ 7 * 191 }} {% raw %} ${jndi:x}",
    "\U0001f4a9" * 400,
    "ﷺ" * 3000,
    "a" * 5000,
    "",
)


def test_whatever_a_feed_says_a_mail_stays_a_mail(site):
    reader = site.reader(ADA, papers=len(BAD))
    items = []
    for number, bad in enumerate(BAD, 1):
        target = dict.fromkeys(("paper", "pdf", "code"), f"https://example.org/{bad}")
        paper = make.paper(
            number, title=bad, abstract=bad, authors=(bad,), categories=(bad,), links=target
        )
        items.append(make.item(number, paper=paper, why=bad))
    site.app.store.editions.publish(make.edition(*items))
    site.do(lambda: site.app.run(collect=False))
    (mail,) = site.mails()
    assert mail.recipient == reader.email
    test_lines_end_and_are_short_and_everything_is_seven_bit({"it": mail}, "it")
    test_text_comes_first_and_html_last_in_utf8({"it": mail}, "it")
    assert mail.header("Bcc") is mail.header("X-Injected") is None
    assert not Seen(mail.html).tags("script", "img")
    assert "1337" not in mail.plain
    assert len(mail.message["Subject"]) <= 90


# ── The checker beside the checkout ──────────────────────────────────────────────────────────────


def checked(shared, folder, mails, *options):
    """The rows that the checker prints for these mails: {(file, id): (status, evidence)}."""
    program = shared / "tools" / "mailcheck" / "mailcheck.py"
    files = []
    for name, mail in mails.items():
        files.append(folder / f"{name.replace(' ', '-')}.eml")
        files[-1].write_bytes(mail.data)
    out = folder / "result.json"
    about = ("--postal-address", SENDER["postal_address"], "--json", str(out), "--quiet")
    command = [sys.executable, str(program), *map(str, files), "--no-tools", *about, *options]
    subprocess.run(command, capture_output=True, timeout=60, check=False, text=True)
    return [
        (row["file"].rpartition("/")[2], row["id"], row["status"], row["evidence"])
        for row in json.loads(out.read_text())
    ]


def test_the_checker_finds_nothing_wrong_with_what_a_reader_gets(shared, tmp_path, day):
    mails = {kind: day[kind] for kind in ON_THE_LIST}
    rows = checked(shared, tmp_path, mails)
    assert [row for row in rows if row[2] == "FAIL" and not row[1].startswith("X")] == []
    assert len(rows) > 50 * len(mails)
    digests = {kind: day[kind] for kind in ("digest", "second digest")}
    across = checked(shared, tmp_path, digests)
    assert [row for row in across if row[2] == "FAIL"] == []
    assert {row[1] for row in across} >= {"X01", "X02", "X03", "X04"}


def test_the_checker_finds_nothing_wrong_with_the_letter_to_a_new_address(shared, tmp_path, day):
    rows = checked(shared, tmp_path, {"change": day["change"]})
    wrong = [row for row in rows if row[2] == "FAIL"]
    assert [row for row in wrong if row[1] not in mails.OF_THE_LIST] == []
    assert wrong  # or the exception has outlived its reason


def test_the_checker_leaves_with_one_click_and_by_nothing_less(shared, tmp_path):
    checker = shared / "tools" / "mailcheck"
    assert mails.check_click(tmp_path, checker) == 0, (tmp_path / "click.txt").read_text()
    rows = json.loads((tmp_path / "click.json").read_text())
    live = {row["id"]: row["status"] for row in rows if row["id"].startswith("F")}
    assert live == {f"F0{number}": "PASS" for number in range(1, 8)}


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """Every kind of mail as ``make mails`` writes it."""
    return mails.mails(tmp_path_factory.mktemp("kinds"))


def test_the_checker_finds_nothing_wrong_with_any_kind_of_mail(shared, tmp_path, kinds):
    folder = tmp_path / "mails"
    folder.mkdir()
    assert set(kinds) == {"daily-1", "daily-12", "daily-40", *Kind} - {"daily"}
    for name, data in kinds.items():
        (folder / f"{name}.eml").write_bytes(data)
    checker = shared / "tools" / "mailcheck"
    status = mails.check(folder, checker, list(kinds), "--no-tools")
    assert status == 0, (folder / "report.txt").read_text() + (folder / "change.txt").read_text()


def test_a_mail_of_any_size_stays_below_what_gmail_shows(kinds):
    sizes = {name: len(mails.page_of(data).encode()) for name, data in kinds.items()}
    assert max(sizes.values()) < 100_000
    assert sizes["daily-12"] < 40_000
