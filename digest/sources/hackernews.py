"""Sources: Hacker News, asked once for all recent stories that link to a paper.

Two requests a look, however many papers there are (https://hn.algolia.com/api): the stories of the
last days whose address names arxiv.org or a paper's page of Hugging Face. Which paper a story is
about is read from its address alone, never from its text, where any paper may be mentioned.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Unpack
from urllib.parse import urlencode

from digest.errors import SourceError
from digest.model import Candidate, Harvest, Visit
from digest.settings.sources import HackerNewsPart
from digest.sources import documents
from digest.sources.identity import paper_of
from digest.sources.manners import Network, client
from digest.sources.observing import Finding, harvest

NAME = "hackernews"
PLACES = ("arxiv.org", "huggingface.co/papers")
HITS = 1_000  # the most that Algolia gives
PAUSE = 1.0  # seconds between two requests

Entry = dict[str, object]
_NUMBER = re.compile(r"[0-9]{1,12}")


class Source:
    """Hacker News: points and comments of the story that got most, and the way to it."""

    name = NAME
    emits = frozenset({"points", "hn_comments"})

    def __init__(self, options: HackerNewsPart, **network: Unpack[Network]) -> None:
        self._base = options.base_url
        self._days = timedelta(days=options.days)
        self._client = client(NAME, options, network, pause=PAUSE)

    async def annotate(
        self,
        now: datetime,
        visits: Mapping[str, Visit],  # noqa: ARG002 - every look is another question
        known: Mapping[str, Candidate],
    ) -> Harvest:
        """The stories of the last days at ``now``: see ``sources.Annotator``.

        Raises:
            SourceError: the first answer did not come, or cannot be read.
        """
        stories: list[Entry] = []
        fault = ""
        async with self._client as http:
            for number, place in enumerate(PLACES):
                try:
                    answer = await http.get(self._address(place, now))
                    content = documents.mapping(answer, self.name)
                    stories += documents.entries(content, "hits", self.name)
                except SourceError as error:
                    if not number:
                        raise
                    fault = f"{place}: {error.args[0]}"
        found = tuple(findings(stories))
        return harvest(self.name, known, found, now, listed=len(stories), fault=fault)

    def _address(self, place: str, now: datetime) -> str:
        since = int((now - self._days).timestamp())
        query = {
            "query": place,
            "restrictSearchableAttributes": "url",
            "typoTolerance": "false",
            "tags": "story",
            "numericFilters": f"created_at_i>{since}",
            "attributesToRetrieve": "objectID,url,points,num_comments",
            "attributesToHighlight": "",
            "hitsPerPage": HITS,
        }
        return f"{self._base}/api/v1/search_by_date?{urlencode(query)}"


def findings(stories: Iterable[Entry]) -> Iterator[Finding]:
    """One finding per paper: of several stories about it, the one with most points."""
    best: dict[str, tuple[float, float, str]] = {}
    for story in stories:
        paper_id, number = paper_of(story.get("url")), _number(story.get("objectID"))
        points = documents.count(story.get("points"))
        if paper_id is None or number is None or points is None:
            continue
        comments = documents.count(story.get("num_comments")) or 0.0
        best[paper_id] = max(best.get(paper_id, (0.0, 0.0, "")), (points, comments, number))
    for paper_id, (points, comments, number) in best.items():
        yield Finding(
            paper_id=paper_id,
            counts={"points": points, "hn_comments": comments},
            links={"hackernews": f"https://news.ycombinator.com/item?id={number}"},
        )


def _number(value: object) -> str | None:
    return value if isinstance(value, str) and _NUMBER.fullmatch(value) else None
