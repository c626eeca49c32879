"""Of the room of Jinja: what a digest says outside its cards. The wording is its template's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from digest.model import Edition, Form, Item, Paper
from digest.render.groups import Groups

FIRST = 4  # papers that a preheader speaks of

Counts = tuple[tuple[int, str], ...]  # how many papers stand in which section, in order
Say = Callable[..., str]  # has the template say something (its name first) about something


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a digest says outside its cards, each in one line."""

    subject: str
    preheader: str
    title: str
    summary: str


class Wording:
    """What the digests of one edition say, sentence by sentence.

    Each takes no more than it speaks of, so that whoever writes many mails can keep it.
    """

    def __init__(self, edition: Edition, say: Say, titled: Callable[..., str]) -> None:
        self._day, self._since, self._pool = edition.day, edition.colophon.since, len(edition.items)
        self._new = sum(item.before is None for item in edition.items) if self._since else 0
        self._say, self._titled = say, titled

    def words(self, groups: Groups, form: Form) -> Words:
        """The words of a digest with these papers."""
        items = [item for _, cards in groups for _, item in cards]
        summary = self.summary(counts(groups), form)
        return Words(
            subject=self.subject(items[0].paper, form),
            title=self.title(form),
            summary=summary,
            preheader=self.preheader(summary, items),
        )

    def title(self, form: Form) -> str:
        """The heading."""
        return self._say("title", self._day, form)

    def subject(self, first: Paper, form: Form) -> str:
        """The subject, by the first paper."""
        return self._say("subject", self._day, self._titled(first), form)

    def summary(self, counts: Counts, form: Form) -> str:
        """The day in one line, by how many papers there are of what."""
        total = sum(count for count, _ in counts)
        return self._say("summary", total, counts, form, self._pool, self._new, self._since)

    def preheader(self, summary: str, items: Sequence[Item]) -> str:
        """What a list of mails shows after the subject, by the first papers."""
        titles = [self._titled(item.paper, 80) for item in items[1:FIRST]]
        return self._say("preheader", self._day, summary, titles, items[0].why)


def counts(groups: Groups) -> Counts:
    """How many papers stand in which section."""
    return tuple([(len(cards), section.name) for section, cards in groups])
