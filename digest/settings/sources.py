"""The tables ``[sources.*]``: one per place outside, each with its address and its manners."""

from collections.abc import Mapping
from datetime import date
from itertools import chain
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    HttpUrl,
    SecretStr,
    TypeAdapter,
    ValidationInfo,
    field_validator,
)

from digest.settings.tables import Category, Line, Origin, Part, Weekdays
from digest.taxonomy import OTHER_SUBJECT, SUBJECTS, topic_of


def _address(value: str) -> str:
    """An http(s) address without a password in it."""
    url = TypeAdapter(HttpUrl).validate_python(value)
    if url.username is not None or url.password is not None:
        raise ValueError("an address without user and password")
    return str(url)


Address = Annotated[str, AfterValidator(_address)]
FeedName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,29}$")]
Hours = Annotated[float, Field(ge=0, le=24 * 30)]
Days = Annotated[int, Field(ge=1, le=60)]


class ServicePart(Part):
    """What every service that is not needed for the day has: it is off until it is asked for."""

    enabled: bool = False
    base_url: Origin
    timeout: float = Field(default=15.0, gt=0, le=3600)  # seconds for one try
    seconds: float = Field(default=45.0, gt=0, le=3600)  # for a look as a whole
    max_megabytes: float = Field(default=10.0, gt=0, le=1000)


class RoundPart(ServicePart):
    """A service that is asked about one paper at a time: so many a look, in turn."""

    papers: int = Field(ge=1, le=1000)
    rest_hours: Hours  # before the same paper is asked about again


class ArxivPart(Part):
    """arXiv's RSS."""

    enabled: bool = True
    base_url: Origin = "https://rss.arxiv.org"
    categories: tuple[Category, ...] = Field(
        default=("cs.AI", "cs.CL", "cs.CV", "cs.LG"), min_length=1
    )
    quiet_evenings: Weekdays = frozenset({4, 5})
    holidays: frozenset[date] = frozenset()
    timeout: float = Field(default=30.0, gt=0, le=3600)
    max_megabytes: float = Field(default=20.0, gt=0, le=1000)


class ArxivApiPart(ServicePart):
    """arXiv's query API. ``categories`` are those of ``[sources.arxiv]`` unless they are given."""

    base_url: Origin = "https://export.arxiv.org"
    categories: tuple[Category, ...] = ()
    days: Days = 3
    pages: int = Field(default=10, ge=1, le=15)
    every_hours: float = Field(default=24.0, ge=24, le=24 * 30)
    timeout: float = Field(default=30.0, gt=0, le=3600)
    seconds: float = Field(default=120.0, gt=0, le=3600)
    max_megabytes: float = Field(default=20.0, gt=0, le=1000)


class HuggingFacePart(Part):
    """Hugging Face's daily papers."""

    enabled: bool = True
    base_url: Origin = "https://huggingface.co"
    pages: int = Field(default=4, ge=1, le=20)
    timeout: float = Field(default=30.0, gt=0, le=3600)
    max_megabytes: float = Field(default=20.0, gt=0, le=1000)


class BiorxivPart(ServicePart):
    """bioRxiv and medRxiv. No ``categories`` means all of them, by the servers' own names."""

    base_url: Origin = "https://api.biorxiv.org"
    servers: tuple[Literal["biorxiv", "medrxiv"], ...] = Field(
        default=("biorxiv", "medrxiv"), min_length=1
    )
    categories: tuple[Line, ...] = ()
    days: Days = 2
    pages: int = Field(default=20, ge=1, le=100)
    every_hours: Hours = 6.0

    @property
    def topics(self) -> tuple[str, ...]:
        """The categories that stand for the subjects that are taken."""
        chosen = [name.lower() for name in self.categories]
        found = {topic_of(name) for name in chosen or (*SUBJECTS, OTHER_SUBJECT)}
        return tuple(sorted(found))


class FeedPart(Part):
    """Any feed, RSS or Atom."""

    enabled: bool = True
    url: Address
    timeout: float = Field(default=20.0, gt=0, le=3600)
    seconds: float = Field(default=60.0, gt=0, le=3600)
    max_megabytes: float = Field(default=10.0, gt=0, le=1000)


class HackerNewsPart(ServicePart):
    """Hacker News, through Algolia's search."""

    base_url: Origin = "https://hn.algolia.com"
    days: Days = 7


class GithubPart(RoundPart):
    """The stars of a paper's repository. With a token GitHub allows 5,000 requests an hour."""

    base_url: Origin = "https://api.github.com"
    token: SecretStr = SecretStr("")
    papers: int = Field(default=30, ge=1, le=1000)
    rest_hours: Hours = 6.0


class HuggingFaceReposPart(RoundPart):
    """What on Hugging Face cites a paper."""

    base_url: Origin = "https://huggingface.co"
    papers: int = Field(default=40, ge=1, le=1000)
    rest_hours: Hours = 12.0


class SemanticScholarPart(ServicePart):
    """Citations. The key is optional; without one the world shares a small allowance."""

    base_url: Origin = "https://api.semanticscholar.org"
    api_key: SecretStr = SecretStr("")
    every_hours: Hours = 24.0
    timeout: float = Field(default=30.0, gt=0, le=3600)


class OpenReviewPart(RoundPart):
    """Decisions of conferences."""

    base_url: Origin = "https://api2.openreview.net"
    papers: int = Field(default=10, ge=1, le=1000)
    rest_hours: Hours = 72.0


class Sources(Part):
    """One table per source: ``[sources.arxiv]`` is read by the module ``sources/arxiv.py``."""

    arxiv: ArxivPart = ArxivPart()
    huggingface: HuggingFacePart = HuggingFacePart()
    arxiv_api: ArxivApiPart = Field(default=ArxivApiPart(), validate_default=True)
    biorxiv: BiorxivPart = BiorxivPart()
    feeds: Mapping[FeedName, FeedPart] = Field(default_factory=dict)
    hackernews: HackerNewsPart = HackerNewsPart()
    github: GithubPart = GithubPart()
    huggingface_repos: HuggingFaceReposPart = HuggingFaceReposPart()
    semanticscholar: SemanticScholarPart = SemanticScholarPart()
    openreview: OpenReviewPart = OpenReviewPart()

    @field_validator("arxiv_api")
    @classmethod
    def _same_categories(cls, value: ArxivApiPart, info: ValidationInfo) -> ArxivApiPart:
        """What the RSS may have missed are papers of its own categories."""
        feed = info.data.get("arxiv")
        if value.categories or feed is None:
            return value
        return value.model_copy(update={"categories": feed.categories})

    @property
    def topics(self) -> tuple[str, ...]:
        """The categories of the papers that come in: what readers may choose from."""
        api, biorxiv = self.arxiv_api, self.biorxiv
        more = (api.categories if api.enabled else (), biorxiv.topics if biorxiv.enabled else ())
        return tuple(dict.fromkeys(chain(self.arxiv.categories, *more)))
