"""Sources: Hugging Face's page of a paper, asked for the models, datasets and Spaces that cite it.

A model, dataset or Space cites a paper when its card links to it. 404 says that nobody does: most
papers never get such a page. Comments and votes come with the daily list (``huggingface``).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Unpack

from digest.model import Candidate, Harvest, Visit
from digest.settings.sources import HuggingFaceReposPart
from digest.sources import documents, fields
from digest.sources.client import Answer
from digest.sources.manners import Network, client
from digest.sources.observing import Finding, Question, due, look_round, noticed

NAME = "huggingface_repos"
PAUSE = 0.5  # seconds between two requests; Hugging Face counts them over five minutes

# The signal, the API's total, and the list that stands in for it where there is none.
KINDS = (
    ("models", "numTotalModels", "linkedModels"),
    ("datasets", "numTotalDatasets", "linkedDatasets"),
    ("spaces", "numTotalSpaces", "linkedSpaces"),
)


class Source:
    """What on Hugging Face cites a paper, asked about the papers that somebody noticed."""

    name = NAME
    emits = frozenset(signal for signal, _, _ in KINDS)

    def __init__(self, options: HuggingFaceReposPart, **network: Unpack[Network]) -> None:
        self._base = options.base_url
        self._most = options.papers
        self._rest = timedelta(hours=options.rest_hours)
        self._client = client(NAME, options, network, pause=PAUSE)

    async def annotate(
        self, now: datetime, visits: Mapping[str, Visit], known: Mapping[str, Candidate]
    ) -> Harvest:
        """What cites the papers whose turn it is: see ``sources.Annotator``."""
        questions = [
            Question(url=f"{self._base}/api/papers/{name}", paper_ids=(name,))
            for candidate in noticed(known)
            if (name := fields.arxiv_id(candidate.paper.id))
        ]
        asked = due(questions, visits, now, most=self._most, rest=self._rest)
        return await look_round(self._client, asked, findings, visits=visits, known=known, now=now)


def findings(question: Question, answer: Answer) -> Sequence[Finding]:
    """What one page of a paper tells."""
    if answer.status == HTTPStatus.NOT_MODIFIED:
        return ()
    page = documents.mapping(answer, NAME)
    counts = {
        signal: found
        for signal, total, listed in KINDS
        if (found := _total(page.get(total), page.get(listed))) is not None
    }
    return [Finding(paper_id=name, counts=counts) for name in question.paper_ids]


def _total(total: object, listed: object) -> float | None:
    found = documents.count(total)
    return float(len(listed)) if found is None and isinstance(listed, list) else found
