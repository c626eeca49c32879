"""The bundled sample's papers, read from ``sample_papers.toml``, as they stand at an instant."""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

GROWN = timedelta(days=7)  # a paper has its eventual votes after this time
SURGE = timedelta(hours=12)  # so long ago the late votes of a slow burner began to come
SUBMISSION_HOURS = 18  # arXiv's deadline, 14:00 Eastern on the day before, is 18 or 19 UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePaper:
    """One entry of ``sample_papers.toml``, which explains the fields; texts are raw."""

    number: str
    day: int
    title: str
    abstract: str
    authors: Sequence[str]
    categories: Sequence[str]
    listed_hour: int | None = None
    votes: int = 0
    late: int = 0
    comments: int = 0
    stars: int = 0
    code: str = ""
    project: str = ""
    keywords: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Dated:
    """A paper of the sample as it stands when the date of ``present`` is day 0."""

    paper: SamplePaper
    present: datetime

    @property
    def today(self) -> date:
        """Day 0."""
        return self.present.date()

    @property
    def day(self) -> date:
        """The day on which arXiv announces it."""
        return self.today - timedelta(days=self.paper.day)

    @property
    def id(self) -> str:
        """An arXiv id without version, of the month of its day."""
        return f"{self.day:%y%m}.{self.paper.number}"

    @property
    def submitted(self) -> datetime:
        """When its first version reached arXiv: on the day before, at an hour of its own."""
        number = int(self.paper.number)
        at = time(number % SUBMISSION_HOURS, number % 60, tzinfo=UTC)
        return datetime.combine(self.day - timedelta(days=1), at)

    @property
    def listed(self) -> datetime | None:
        """When Hugging Face takes it up, if ever."""
        hour = self.paper.listed_hour
        return None if hour is None else datetime.combine(self.day, time(hour, tzinfo=UTC))

    def votes(self, listed: datetime, now: datetime) -> int:
        """The votes by then: a slow burner's late ones come evenly, and all before the present."""
        late = 1 + (now - self.present) / SURGE
        return grown(self.paper.votes, listed, now) + math.floor(self.paper.late * max(0.0, late))


def read_papers() -> tuple[SamplePaper, ...]:
    """The bundled papers, in the order of the file."""
    text = Path(__file__).with_name("sample_papers.toml").read_text("utf-8")
    return tuple(SamplePaper(**entry) for entry in tomllib.loads(text)["papers"])


def grown(eventual: int, since: datetime, now: datetime) -> int:
    """A count on its way to ``eventual``: whole, along the logarithm of the age, never falling."""
    hours, full = ((now - since) / timedelta(hours=1), GROWN / timedelta(hours=1))
    return math.floor(eventual * min(1.0, math.log1p(max(0.0, hours)) / math.log1p(full)))
