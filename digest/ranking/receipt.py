"""Of the ranking rule: how the parts of a score are put into words."""

import math
from collections.abc import Callable, Mapping, Sequence

from digest.model import Paper, Term
from digest.ranking.burners import reason
from digest.ranking.cold import Standing
from digest.ranking.reading import DAY, HOUR, Reading, count
from digest.timetable import in_words

NOTABLE = 1.5  # "1.9× the usual" is said from here on
UNSAID = ("votes", "age", "freshness", "outlook", "people", "text")  # not in the line, or elsewhere
LARGEST = math.log(1e9)

# How a signal beside the votes is put into words: singular, plural, or one phrase for "has it".
WORDS = {
    "comments": ("comment", "comments"),
    "stars": ("star on GitHub", "stars on GitHub"),
    "code": ("code available", ""),
    "project": ("project page", ""),
    "points": ("point on Hacker News", "points on Hacker News"),
    "hn_comments": ("comment on Hacker News", "comments on Hacker News"),
    "stars_growth": ("new star a day on GitHub", "new stars a day on GitHub"),
    "models": ("model cites it", "models cite it"),
    "datasets": ("dataset cites it", "datasets cite it"),
    "spaces": ("Space cites it", "Spaces cite it"),
    "citations": ("citation", "citations"),
    "influential_citations": ("influential citation", "influential citations"),
    "accepted": ("accepted at a conference or journal", ""),
}


def text_of(name: str, paper: Paper, reading: Reading, popularity: float, known: Standing) -> str:
    """What a part of the score is about; ``popularity`` is the logarithm of the votes expected."""
    said: Mapping[str, Callable[[], str]] = {
        "votes": lambda: _votes(reading),
        "age": lambda: f"seen {in_words(reading.age)} after it was listed",
        "outlook": lambda: f"expected to reach about {_expected(popularity)} votes",
        "people": lambda: _people(paper, reading),
        "standing": lambda: _standing(paper, known),
        "text": lambda: "how the abstract presents it",
        "freshness": lambda: _since(reading),
    }
    if name in said:
        return said[name]()
    return _count(name, reading.values.get(name, 0.0))


def line(reading: Reading, parts: Sequence[Term], popularity: float, usual: float) -> str:
    """The receipt in one line: ``64 votes in 5 h, 1.9× the usual; new today; code available``.

    Args:
        reading: of the paper.
        parts: of its score.
        popularity: the votes it is expected to reach.
        usual: the median of the same among the candidates.
    """
    said = {part.name: part.text for part in parts}
    first = said["votes"]
    if reading.votes and usual and popularity >= NOTABLE * usual:
        first += f", {popularity / usual:.1f}× the usual"
    rest = [text for name, text in said.items() if name not in UNSAID and text]
    head = [reason(reading)] if reading.burning else [first, said["freshness"]]
    return "; ".join([*head, *rest])


def _expected(popularity: float) -> str:
    return f"{math.exp(min(popularity, LARGEST)):,.0f}"


def _votes(reading: Reading) -> str:
    if not reading.votes:
        return "no votes yet"
    number = f"{reading.votes:,.0f} vote{'' if reading.votes == 1 else 's'}"
    return f"{number} in {in_words(reading.age)}" if reading.age >= HOUR else number


def _people(paper: Paper, reading: Reading) -> str:
    authors = len(paper.authors)
    said = [f"{authors} author{'' if authors == 1 else 's'}"]
    if "organisation" in paper.links:
        said.append("an organisation stands behind it")
    if followers := count(reading.values.get("followers")):
        many = "follower" if followers == 1 else "followers"
        said.append(f"listed by somebody with {followers:,.0f} {many}")
    return ", ".join(said)


def _standing(paper: Paper, known: Standing) -> str:
    found = known.among(paper.authors)
    if not found:
        return ""
    best = max(votes for _, votes in found)
    who = "an author" if len(found) == 1 else f"{len(found)} authors"
    return f"{who} of earlier papers with up to {best:,.0f} votes"


def _count(name: str, value: float) -> str:
    one, many = WORDS.get(name, (name, name))
    if not count(value):
        return ""
    return one if not many else f"{value:,.0f} {one if value == 1 else many}"


def _since(reading: Reading) -> str:
    days = (reading.age + reading.stale) // DAY
    if not reading.delay and days > 1:  # a list showed us late what it had for days
        return f"new here, listed {days} days ago"
    words = {0: "new today", 1: "since yesterday"}
    return words.get(reading.delay, f"{reading.delay} days old")
