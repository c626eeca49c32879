"""What the tests of rendering share: a sample edition, every page's context, a browser's eyes."""

import math
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

from digest.model import (
    Colophon,
    Edition,
    FetchState,
    Gap,
    Item,
    MailKind,
    MailLinks,
    Paper,
    Preferences,
    Revision,
    Section,
    SourceReport,
    Subscriber,
    SubscriberState,
    Tally,
    Term,
)
from digest.ranking.timing import choice
from digest.render import Look
from digest.tops import Top, curve, month_of, week_of

FOLDER = Path(__file__).parents[1] / "templates"
LETTERS = tuple(kind for kind in MailKind if kind is not MailKind.DIGEST)

LOOK = Look(
    site_name="Trending Papers",
    tagline="The papers that matter today, and why each is there.",
    base_url="https://papers.example.org",
    postal_address="12 Linden Road, 10115 Berlin, Germany",
    sender_name="Institute of Careful Reading",
)
SECTIONS = (
    Section(name="trending", title="Trending", share=1.0),
    Section(name="empty", title="Nobody is in here", share=1.0),
    Section(name="fresh", title="Fresh, no votes yet", share=0.25),
)
TOKEN = "Zk3vQ9-xTn0aLr7_" * 3
LINKS = MailLinks(
    home="https://papers.example.org",
    preferences=f"https://papers.example.org/preferences/{TOKEN}",
    unsubscribe=f"https://papers.example.org/unsubscribe/{TOKEN}",
    edition="https://papers.example.org/editions/2026-01-15?mail=1&key=abc",
    confirm=f"https://papers.example.org/confirm/{TOKEN}",
    rate="https://papers.example.org/rate",
    ticket="123456-0123456789abcdef01234567",
)
MORNING = datetime(2026, 1, 15, 6, tzinfo=UTC)
READER = Subscriber(
    id=1,
    key="k" * 22,
    email="ada@reader.example.net",
    state=SubscriberState.ACTIVE,
    preferences=Preferences(hour=7, zone="Europe/Berlin"),
    created_at=MORNING - timedelta(days=40),
    confirmed_at=MORNING - timedelta(days=40),
    pending_email="ada@new.example.net",
)
TITLES = (
    "Small Teachers, Large Students: When Distillation Runs Uphill",
    "An $\\ell_2$-Bounded Way\n to Edit Weights in $\\mathcal{O}(n \\log n)$",
    "Which Questions Should an Agent Ask First? An Information-Theoretic Answer for Long Tool Use",
    "Schr\\\"odinger's Benchmarks & Why <b> Is Not Bold",
)
ABSTRACT = (
    "Large models are usually trained by ever larger teachers. We ask what happens when the order "
    "is reversed: a small teacher, trained on carefully chosen data, supervises a student forty "
    "times its size. Across eleven tasks the student overtakes its teacher after one tenth of the "
    "usual budget. The small teacher's mistakes are consistent, and consistency is what the "
    "student averages away. We release the schedule and a guide for a single machine. Limits are "
    "discussed, among them languages with little text, and costs below $5 a day."
)
AUTHORS = ("Mira Halvorsen", "Tom\\'as Ibarra", "Chen Yifan", "Ngozi Adeyemi", "Jonas Weiß")


def item(number: int, **over) -> Item:
    code = f"2601.{number:05d}"
    links = {
        "paper": f"https://arxiv.org/abs/{code}",
        "pdf": f"https://arxiv.org/pdf/{code}",
        "code": f"https://code.example.org/{code}?a=1&b=2",
        "project": f"https://{number}.example.org/",
        "discussion": f"https://talk.example.org/{code}",
    }
    paper = Paper(
        id=code,
        title=TITLES[number % len(TITLES)],
        abstract=ABSTRACT,
        authors=AUTHORS[: 1 + number % 5],
        categories=("cs.LG", "cs.CL"),
        source="arxiv",
        links=dict(list(links.items())[: 2 + number % 4]),
    )
    terms = (
        Term(name="votes", value=4.2, text="64 votes in 5 h"),
        Term(name="age", value=-0.4, text="seen 5 h ago"),
    )
    usual = {
        "rank": number + 5,
        "paper": paper,
        "section": "fresh" if number % 3 == 2 else "trending",
        "score": math.exp(3.8),
        "terms": terms,
        "why": f"{64 - number} votes in 5 h, 1.9× the usual; new today",
    }
    return Item(**usual | over)


def edition(count: int) -> Edition:
    items = tuple(item(number) for number in range(count))
    return Edition(id="9f2c41d07be35a88", cut=MORNING, day=date(2026, 1, 15), items=items)


def hostile_item(bad: str, address: str) -> Item:
    paper = Paper(
        id=bad,
        title=bad,
        abstract=bad,
        authors=(bad, bad),
        categories=(bad,),
        source=bad,
        links=dict.fromkeys(("paper", "pdf", "code", "project", "discussion", bad), address),
    )
    terms = (
        Term(name=bad, value=math.nan, text=bad),
        Term(name=bad, value=-math.inf, text=bad),
        Term(name=bad, value=1e308, text=bad),
    )
    return Item(rank=1, paper=paper, section=bad, score=math.inf, terms=terms, why=bad)


def hostile_reader(bad: str) -> Subscriber:
    return Subscriber(
        id=1,
        key=bad,
        email=bad,
        state=SubscriberState.PENDING,
        preferences=Preferences(zone=bad, categories=(bad,), paused_until=date(2026, 2, 1)),
        created_at=MORNING,
        pending_email=bad,
    )


def pages(bad: str, address: str) -> dict[str, dict[str, object]]:
    look = SourceReport(source=bad, state=FetchState.FRESH, at=MORNING, listed=1, note=bad)
    look = replace(look, tallies=(Tally(name=bad, listed=2, read=1, again=True),))
    story = Colophon(
        since=date(2026, 1, 14),
        looks=(look,),
        gaps=(Gap(day=date(2026, 1, 13), why=bad),),
        revised=(Revision(title=bad, version=2, url=address),),
    )
    issue = Edition(
        id=bad,
        cut=MORNING,
        day=date(2026, 1, 15),
        items=(hostile_item(bad, address),),
        note=bad,
        colophon=story,
    )
    top = Top(item=issue.items[0], day=issue.day, votes=1e308)
    letter = {"id": bad, "subject": bad, "sender": bad, "to": bad, "at": MORNING, "size": 7}
    form = {"email": bad, "hour": 7, "zone": bad, "website": bad}
    errors = dict.fromkeys(("email", "hour", "zone", "days", "papers", "sure", bad), bad)
    zones, sections = ("UTC", bad), (Section(name="other", title=bad, share=1),)
    links = [(bad, address), (bad, "/editions")]
    return {
        "home": {"form": form, "errors": errors, "zones": zones, "hours": range(24)}
        | {"consent": bad, "edition": issue, "week": week_of(issue.day)}
        | {"timing": choice(7, "UTC", issue.day)},
        "message": {"title": bad, "text": [bad, bad], "links": links, "tone": bad},
        "ask": {"title": bad, "text": [bad], "action": address, "button": bad, "links": links}
        | {"fields": [(bad, bad)]},
        "preferences": {"action": address, "reader": hostile_reader(bad), "zones": zones}
        | {"rated": 1, "weighed": [(bad, 1.2)]}
        | {"hours": range(24), "weekdays": [(0, bad)], "categories": [(bad, bad)]}
        | {"paper_choices": range(1, 41), "errors": errors, "notice": bad}
        | {"today": date(2026, 1, 15), "unsubscribe_url": address, "beyond": bad}
        | {"timing": choice(7, "UTC", issue.day)},
        "rate": {"paper": issue.items[0].paper, "said": "more", "done": "more", "action": address}
        | {"counts": [(bad, 1.2), (bad, 1.2)]},
        "edition": {"edition": issue, "items": issue.items, "sections": sections}
        | {"earlier": address, "later": address, "personal": True, "ticket": bad, "topics": (bad,)}
        | {"periods": (week_of(issue.day),)},
        "top": {"period": week_of(issue.day), "curve": curve, "editions": [issue.day], "open": True}
        | {"best": [(top, [(issue.day, 1.0), (date(2026, 1, 17), 7.0)])]}
        | {"earlier": month_of(issue.day), "later": month_of(issue.day)},
        "tops": {"weeks": [week_of(issue.day)], "months": [month_of(issue.day)]},
        "editions": {
            "editions": [{"day": issue.day, "cut": MORNING, "count": 1, "top_title": bad}]
        },
        "inbox": {"mails": [letter]},
        "inbox_mail": {"mail": letter | {"headers": [(bad, bad)], "text": bad}},
    }


class Seen(HTMLParser):
    """A page as a browser takes it: its elements, headings, text and open tags."""

    VOID = frozenset({"meta", "link", "br", "input", "img", "hr"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.texts: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if "style" not in self.open and "head" not in self.open:
            self.texts.append(data)
        if self.headings and any(re.fullmatch("h[1-6]", tag) for tag in self.open):
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)

    def all(self, name: str) -> list[str]:
        return [attrs[name] for _, attrs in self.elements if name in attrs]

    def tags(self, *names: str) -> list[dict[str, str]]:
        return [attrs for tag, attrs in self.elements if tag in names]


def squashed(text: str) -> str:
    return re.sub(r"\s+", "", text).casefold()
