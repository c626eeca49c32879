"""Sources: Semantic Scholar, asked for the citations of all papers of the window at once.

Batches of up to 500 ids (https://api.semanticscholar.org/api-docs/graph), once a day: citations
move slowly, and without a key the whole world shares one allowance. A paper that it does not know
is null in the answer, in its place.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import islice
from typing import Unpack

from digest.errors import SourceError
from digest.model import Candidate, FetchState, Harvest, Visit
from digest.settings.sources import SemanticScholarPart
from digest.sources import documents, fields, identity
from digest.sources.client import Answer
from digest.sources.manners import Network, client
from digest.sources.observing import Finding, harvest, rests

NAME = "semanticscholar"
BATCH = 500  # ids a request, the most that the API takes
BATCHES = 40  # requests a look
PAUSE = 1.5  # seconds between two requests: a key allows one a second


class Source:
    """Semantic Scholar: citations, and those that it takes for influential."""

    name = NAME
    emits = frozenset({"citations", "influential_citations"})

    def __init__(self, options: SemanticScholarPart, **network: Unpack[Network]) -> None:
        key = options.api_key.get_secret_value()
        self.url = (
            f"{options.base_url}/graph/v1/paper/batch?fields=citationCount,influentialCitationCount"
        )
        self._every = timedelta(hours=options.every_hours)
        self._client = client(
            NAME, options, network, pause=PAUSE, headers={"x-api-key": key} if key else {}
        )

    async def annotate(
        self, now: datetime, visits: Mapping[str, Visit], known: Mapping[str, Candidate]
    ) -> Harvest:
        """The citations of all known papers: see ``sources.Annotator``.

        A batch that fails after the first one makes the look a failure that keeps what it has.

        Raises:
            SourceError: the first batch was not answered, or cannot be read.
        """
        if rests(visits.get(self.url), now, self._every):
            return Harvest(source=self.name, state=FetchState.UNCHANGED)
        found: list[Finding] = []
        fault = ""
        async with self._client as http:
            for number, batch in enumerate(batches(known)):
                try:
                    answer = await http.post(self.url, {"ids": list(batch.values())})
                    found += findings(answer, list(batch))
                except SourceError as error:
                    if not number:
                        raise
                    fault = f"batch {number}: {error.args[0]}"
                    break
        seen = Visit(url=self.url, built=now.isoformat())
        return harvest(
            self.name,
            known,
            found,
            now,
            visits=() if fault else (seen,),
            listed=len(found),
            fault=fault,
        )


def batches(known: Mapping[str, Candidate]) -> Iterator[dict[str, str]]:
    """Their names over there by ours, so many at once, the latest ids first."""
    names = iter(
        [(ours, theirs) for ours in sorted(known, reverse=True) if (theirs := _name(ours))]
    )
    for _ in range(BATCHES):
        if not (batch := dict(islice(names, BATCH))):
            return
        yield batch


def _name(paper_id: str) -> str | None:
    if fields.arxiv_id(paper_id):
        return f"ARXIV:{paper_id}"
    return f"DOI:{paper_id}" if identity.doi(paper_id) else None


def findings(answer: Answer, names: Sequence[str]) -> list[Finding]:
    """What a batch tells of the papers ``names``, in their order.

    Raises:
        SourceError: it is no list as long as the question.
    """
    # None of the papers of a batch is known over there: 400 with an error, and no fault of ours.
    if answer.status == HTTPStatus.BAD_REQUEST and b"No valid paper ids" in answer.body:
        return []
    content = documents.read(answer.body, NAME)
    if answer.status != HTTPStatus.OK or not isinstance(content, list):
        raise SourceError(NAME, f"no list of papers ({answer.status})")
    if len(content) != len(names):
        raise SourceError(NAME, f"{len(content)} papers for {len(names)} that were asked for")
    return [
        Finding(paper_id=name, counts=counts)
        for name, entry in zip(names, content, strict=True)
        if (counts := _counts(entry))
    ]


def _counts(entry: object) -> dict[str, float]:
    if not isinstance(entry, dict):
        return {}
    counted = {
        "citations": documents.count(entry.get("citationCount")),
        "influential_citations": documents.count(entry.get("influentialCitationCount")),
    }
    return {name: value for name, value in counted.items() if value is not None}
