"""Sources: GitHub, asked for the stars of the repositories that papers link to.

One conditional request per repository, in turn (https://docs.github.com/rest/repos/repos). Without
a token GitHub allows 60 requests an hour for one address; with one 5,000, and 304 costs nothing.
A repository may move; it may not take us to another host.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Unpack
from urllib.parse import urlsplit

from digest.model import Candidate, Harvest, Visit
from digest.settings.sources import GithubPart
from digest.sources import documents
from digest.sources.client import Answer
from digest.sources.manners import Network, client
from digest.sources.observing import Finding, Question, due, last_value, look_round

NAME = "github"
PAUSE = 0.5  # seconds between two requests: GitHub asks for one after the other, without haste
DAY = timedelta(days=1)

_REPOSITORY = re.compile(
    r"/([A-Za-z0-9][A-Za-z0-9-]{0,38})/([A-Za-z0-9._-]{1,100}?)(?:\.git)?(?:/.*)?"
)


class Source:
    """GitHub: stars, and how many a repository gained a day since it was first seen a day ago."""

    name = NAME
    emits = frozenset({"stars", "stars_growth"})

    def __init__(self, options: GithubPart, **network: Unpack[Network]) -> None:
        token = options.token.get_secret_value()
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        self._base = options.base_url
        self._most = options.papers
        self._rest = timedelta(hours=options.rest_hours)
        self._client = client(
            NAME,
            options,
            network,
            pause=PAUSE,
            headers=headers | ({"Authorization": f"Bearer {token}"} if token else {}),
        )

    async def annotate(
        self, now: datetime, visits: Mapping[str, Visit], known: Mapping[str, Candidate]
    ) -> Harvest:
        """The stars of the repositories whose turn it is: see ``sources.Annotator``."""
        asked = due(
            questions(self._base, known.values()), visits, now, most=self._most, rest=self._rest
        )

        def read(question: Question, answer: Answer) -> Sequence[Finding]:
            return [
                Finding(
                    paper_id=name, counts=_counts(known[name], _stars(known[name], answer), now)
                )
                for name in question.paper_ids
            ]

        return await look_round(self._client, asked, read, visits=visits, known=known, now=now)


def questions(base: str, candidates: Iterable[Candidate]) -> list[Question]:
    """One question per repository; papers may share one."""
    papers: dict[str, list[str]] = {}
    for candidate in candidates:
        if name := repository(candidate.paper.links.get("code")):
            papers.setdefault(f"{base}/repos/{name}", []).append(candidate.paper.id)
    return [Question(url=url, paper_ids=tuple(names)) for url, names in papers.items()]


def repository(address: str | None) -> str | None:
    """``owner/name`` in lower case, if the address is one of a repository on GitHub."""
    parts = urlsplit(address or "")
    found = _REPOSITORY.fullmatch(parts.path)
    if parts.hostname not in {"github.com", "www.github.com"} or found is None:
        return None
    owner, name = found.groups()
    return None if set(name) == {"."} else f"{owner}/{name}".lower()


def _stars(candidate: Candidate, answer: Answer) -> float | None:
    """The stars that the answer tells; unchanged are those of the last time."""
    if answer.status == HTTPStatus.NOT_MODIFIED:
        last = last_value(candidate, NAME, "stars")
        return last.value if last else None
    return documents.count(documents.mapping(answer, NAME).get("stargazers_count"))


def _counts(candidate: Candidate, stars: float | None, now: datetime) -> dict[str, float]:
    """The stars, and their gain a day since what was seen at least a day before."""
    if stars is None:
        return {}
    before = last_value(candidate, NAME, "stars", now - DAY)
    if before is None:
        return {"stars": stars}
    gain = max(0.0, stars - before.value) / ((now - before.at) / DAY)
    return {"stars": stars, "stars_growth": round(gain, 1)}
