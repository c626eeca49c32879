"""Sources: OpenReview, asked by title for what a conference decided about a paper.

Only the search is asked (https://docs.openreview.net): lists of whole venues want a human. A note
is a paper's only if the titles are the same, letter by letter, and one of the authors is: a wrong
decision is worse than none. Decisions are read from the venue that OpenReview shows with a note.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Unpack
from urllib.parse import urlencode

from digest.errors import SourceError
from digest.model import Candidate, Harvest, Paper, Visit
from digest.settings.sources import OpenReviewPart
from digest.sources import documents, fields
from digest.sources.client import Answer
from digest.sources.manners import Network, client
from digest.sources.observing import Finding, Question, due, look_round, noticed

NAME = "openreview"
PAUSE = 2.0  # seconds between two requests
NOTES = 5  # the best matches of a search that are looked at
TITLE_LETTERS = 250  # of a title go into the search
WORTH = {"poster": 1.0, "spotlight": 2.0, "oral": 3.0}

_FORUM = re.compile(r"[A-Za-z0-9_-]{5,40}")
# What is shown before a decision, or after one that was none of these.
_UNDECIDED = re.compile(r"submi|withdraw|reject|review|arxiv|corr|retract", re.IGNORECASE)


class Source:
    """OpenReview: 1 for an accepted paper (a poster), 2 for a spotlight, 3 for an oral."""

    name = NAME
    emits = frozenset({"accepted"})

    def __init__(self, options: OpenReviewPart, **network: Unpack[Network]) -> None:
        self._base = options.base_url
        self._most = options.papers
        self._rest = timedelta(hours=options.rest_hours)
        self._client = client(NAME, options, network, pause=PAUSE)

    async def annotate(
        self, now: datetime, visits: Mapping[str, Visit], known: Mapping[str, Candidate]
    ) -> Harvest:
        """What was decided about the papers whose turn it is: see ``sources.Annotator``."""
        questions = [
            Question(url=self._address(candidate.paper), paper_ids=(candidate.paper.id,))
            for candidate in noticed(known)
        ]
        asked = due(questions, visits, now, most=self._most, rest=self._rest)

        def read(question: Question, answer: Answer) -> Sequence[Finding]:
            return [
                finding
                for name in question.paper_ids
                if (finding := decision(known[name].paper, answer))
            ]

        return await look_round(self._client, asked, read, visits=visits, known=known, now=now)

    def _address(self, paper: Paper) -> str:
        title = fields.one_line(paper.title, limit=TITLE_LETTERS)
        query = {"term": title, "type": "terms", "content": "title", "source": "forum"}
        return f"{self._base}/notes/search?{urlencode(query | {'limit': NOTES})}"


def decision(paper: Paper, answer: Answer) -> Finding | None:
    """The best decision among the notes about this paper, if there is one.

    Raises:
        SourceError: the search is not available, or its answer cannot be read.
    """
    if answer.status == HTTPStatus.NOT_MODIFIED:
        return None
    content = documents.mapping(answer, NAME)
    if content.get("searchUnavailable") is True:
        raise SourceError(NAME, "the search is not available")
    found = [
        (worth, forum)
        for note in documents.entries(content, "notes", NAME)
        if _is_about(note, paper) and (worth := _worth(note)) and (forum := _forum(note))
    ]
    if not found:
        return None
    worth, forum = max(found)
    return Finding(
        paper_id=paper.id,
        counts={"accepted": worth},
        links={"review": f"https://openreview.net/forum?id={forum}"},
    )


def _is_about(note: Mapping[str, object], paper: Paper) -> bool:
    title, authors = _value(note, "title"), _value(note, "authors")
    if not isinstance(title, str) or plain(title) != plain(paper.title):
        return False
    names = authors if isinstance(authors, list) else []
    theirs = {plain(name) for name in names[: fields.AUTHORS] if isinstance(name, str)}
    return not theirs.isdisjoint(plain(name) for name in paper.authors)


def _worth(note: Mapping[str, object]) -> float:
    """What the shown venue says: "ICLR 2026 Oral"; 0 for anything that is no decision."""
    venue = fields.one_line(_value(note, "venue"), limit=fields.NAME_LENGTH)
    if not venue or _UNDECIDED.search(venue):
        return 0.0
    return max((worth for word, worth in WORTH.items() if word in venue.lower()), default=1.0)


def _forum(note: Mapping[str, object]) -> str:
    forum = note.get("forum")
    return forum if isinstance(forum, str) and _FORUM.fullmatch(forum) else ""


def _value(note: Mapping[str, object], name: str) -> object:
    """A field of the content: {"value": …} in the second version of the API, bare in the first."""
    content = note.get("content")
    field = content.get(name) if isinstance(content, dict) else None
    return field.get("value") if isinstance(field, dict) else field


def plain(value: str) -> str:
    """Letters and digits alone, without case and accents: what two spellings have in common."""
    folded = unicodedata.normalize("NFKD", value[: fields.TITLE_LENGTH]).casefold()
    return "".join(letter for letter in folded if letter.isalnum())
