"""The bench's own words: an edition of invented papers, as long as a mail of a given size needs.

The words mean nothing and come from a seed, so every run everywhere measures the same bytes.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random

from digest.content import dump
from digest.model import Edition, Item, Paper, Preferences, Term

CARDS = 200  # papers of an edition, of which a mail shows some
PAPERS = 12  # of a mail, where the size allows it
MOST = 40  # papers that a reader may choose
LONGEST = 480  # letters of an abstract: about what a card shows
TOPICS = tuple(f"xx.{chr(65 + number // 8)}{chr(65 + number % 8)}" for number in range(40))
INTERESTS = 10  # topics of a reader who chose: about 50 of the cards

_SYLLABLES = ("ba", "den", "fi", "gor", "hul", "ki", "lam", "mer", "no", "pas", "ri", "sul", "ten")
_MARKS = "éøłñβθλμπ∂≤→∞∀"  # letters that quoted-printable makes six to twelve bytes of
_STEPS = 12  # halvings of the search for a size


def fitted(size: int, measure: Callable[[int, float], int]) -> tuple[int, float]:
    """How many papers of which density make a mail of about ``size`` bytes.

    Args:
        size: bytes wanted.
        measure: gives the bytes of a mail with so many papers of that density, from 0 to 1.

    Returns:
        Papers and density; where no mail is that small or that large, the nearest there is.
    """
    papers = PAPERS
    while papers > 1 and measure(papers, 0.0) > size:
        papers -= 1
    while papers < MOST and measure(papers, 1.0) < size:
        papers += 1
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if measure(papers, middle) < size else (low, middle)
    return papers, high


def edition(cut: datetime, section: str, density: float, cards: int = CARDS) -> Edition:
    """An edition of ``cards`` invented papers, all in that section.

    ``density``, from 0 to 1, is how long their abstracts are, and which part of the letters is not
    ASCII.
    """
    items = tuple(_item(number, cut, section, density) for number in range(1, cards + 1))
    name = hashlib.sha256(dump(items)).hexdigest()[:20]
    return Edition(id=name, cut=cut, day=cut.date(), items=items)


def wishes(readers: int, papers: int, hour: int, *, personal: bool) -> Iterator[Preferences]:
    """What so many readers chose: all the same, or each topics of their own."""
    shared = Preferences(hour=hour, papers=papers)
    for number in range(readers):
        if personal:
            topics = tuple(sorted(Random(number).sample(TOPICS, INTERESTS)))  # noqa: S311 - a seed
            yield Preferences(hour=hour, papers=papers, categories=topics)
        else:
            yield shared


def selections(mails: int, papers: int, *, personal: bool) -> Iterator[tuple[int, ...]]:
    """Which cards so many mails show: the first ones, or each some of its own."""
    for number in range(mails):
        if personal:
            yield tuple(sorted(Random(number).sample(range(CARDS), papers)))  # noqa: S311 - a seed
        else:
            yield tuple(range(papers))


def _item(number: int, cut: datetime, section: str, density: float) -> Item:
    chance = Random(number)  # noqa: S311 - guards nothing
    name = f"2601.{number:05}"
    paper = Paper(
        id=name,
        title=_words(chance, 50, 0.0).capitalize(),
        abstract=_words(chance, int(LONGEST * density), density),
        authors=tuple(_words(chance, 14, 0.0).title() for _ in range(3)),
        categories=(TOPICS[number % len(TOPICS)],),
        source="bench",
        published_at=cut - timedelta(hours=12),
        links={"paper": f"https://papers.invalid/abs/{name}"},
    )
    term = Term(name="votes", value=1.0, text=f"{number} votes")
    return Item(
        rank=number,
        paper=paper,
        section=section,
        score=1 / number,
        terms=(term,),
        why=f"{number} votes; new today",
    )


def _words(chance: Random, letters: int, density: float) -> str:
    text = ""
    while len(text) < letters:
        text += "".join(chance.choices(_SYLLABLES, k=chance.randint(1, 4))) + " "
    marked = (
        chance.choice(_MARKS) if one != " " and chance.random() < density else one for one in text
    )
    return "".join(marked)[:letters].strip()
