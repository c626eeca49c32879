"""Where a paper stood in the edition before: in the mail's two parts, and on the edition's page."""

import re
from email import message_from_bytes, policy
from html import unescape

import make
import pytest
from make import DAY, NOON, item
from website import website

from digest import compose
from digest.model import Claim, Colophon, MailKind

YESTERDAY = "Wed 14 Jan"
PLACES = [
    # rank now, rank before, what is said
    (1, 4, f"No. 1, ▲ up 3 since {YESTERDAY}"),
    (2, 1, f"No. 2, ▼ down 1 since {YESTERDAY}"),
    (3, 3, f"No. 3, as on {YESTERDAY}"),
    (4, None, "No. 4, new"),
]


@pytest.fixture
def site(tmp_path):
    with website(tmp_path) as site:
        yield site


def published(site, since):
    items = [item(now, rank=now, before=before) for now, before, _ in PLACES]
    return site.app.store.editions.publish(make.edition(*items, colophon=Colophon(since=since)))


def plain(html):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def shown(site, edition):
    """What people read: the page, and both parts of a mail as it is sent."""
    reader = site.reader("ann@example.org")
    claim = Claim(
        delivery_id=1,
        kind=MailKind.DIGEST,
        edition_id=edition.id,
        subscriber=reader,
        address=reader.email,
        paper_ids=tuple(one.paper.id for one in edition.items),
        attempts=1,
        due_at=NOON,
    )
    data = site.app.writer.write(claim, edition, NOON).data
    mail = message_from_bytes(data, policy=policy.default)
    html, text = (mail.get_body((kind,)).get_content() for kind in ("html", "plain"))
    page = site.client.get(f"/editions/{edition.day}").text
    return {"html": plain(html), "text": plain(text), "page": plain(page)}


def test_every_paper_says_where_it_stood_wherever_it_is_shown(site):
    for where, words in shown(site, published(site, make.day(-1))).items():
        for _, _, said in PLACES:
            assert words.count(said) == 1, (where, said)


def test_it_stands_beside_the_parts_of_the_score_in_the_mail(site):
    words = shown(site, published(site, make.day(-1)))
    for part in ("html", "text"):
        assert f"No. 1, ▲ up 3 since {YESTERDAY} · Score" in words[part]


def test_the_first_edition_compares_with_nothing(site):
    for words in shown(site, published(site, None)).values():
        assert not re.search(r"No\. \d|▲|▼", words)


def test_it_is_the_last_edition_of_an_earlier_day_that_counts(site):
    """Not one of some hours ago: whose mail comes at noon compares days like everybody."""
    old = [item(2, rank=1), item(1, rank=2)]
    keep = site.app.store.editions.publish
    keep(make.edition(*old, cut=NOON - DAY))
    keep(make.edition(item(1, rank=1), cut=NOON.replace(hour=7)))
    before = site.app.store.editions.before(NOON.date())
    told = compose.told(make.edition(item(1, rank=1), item(3, rank=2)), Colophon(), before)
    assert before.day == make.day(-1)
    assert [one.before for one in told.items] == [2, None]
