"""The press: one edition's digests by splicing; what readers share is rendered and encoded once.

whole pool ──▶ renderer.pieces ──▶ stock: frame, cards (encoded, kept) ──▶ a sheet per
selection ──▶ words, sentence by sentence, numbers ────────────────────┘    selection
one reader ──▶ address, tokens, date ─────────────────────────────────────▶ sheet.fill ──▶ mail
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from digest import mime
from digest.model import Edition, Form, MailLinks, Section, Subscriber
from digest.quoted import encode_plain, is_plain
from digest.render import Renderer, counts, filters, grouped
from digest.render.pieces import laid
from digest.render.words import FIRST, Counts
from digest.stock import Chunk, Part, Stretch

_SELECTIONS = 16  # kept ready: readers with the same preferences get the same papers
_SUMMARIES = 1024  # one for each way in which papers divide into sections
_PREHEADERS = 4096  # by the first papers: of many selections they are the same
_REASONS = 1024  # one per day on which somebody became a reader


class Sheet(NamedTuple):
    """One selection's mail: chunks, every other one a hole where a reader's own goes."""

    chunks: list[bytes]
    holes: list[str]  # the names of what goes there

    def fill(self, own: Mapping[str, bytes]) -> bytes:
        """The mail of one reader; ``own`` has their bytes by name."""
        chunks = self.chunks.copy()
        chunks[1::2] = map(own.__getitem__, self.holes)
        return b"".join(chunks)


class Press:
    """Prints one edition; what it keeps goes with it."""

    def __init__(
        self,
        renderer: Renderer,
        edition: Edition,
        sections: Sequence[Section],
        links: MailLinks,
        reader: Subscriber,
        *,
        head: Callable[[str], Sequence[Chunk]] = lambda _: (),
    ) -> None:
        """``links`` and ``reader``, anybody's, show where such values stand.

        ``head`` gives the header block for a subject, as chunks.
        """
        ids = [item.paper.id for _, cards in grouped(edition.items, sections) for _, item in cards]
        pieces = renderer.pieces(edition, edition.items, sections, links, reader)
        self._renderer, self._edition, self._sections = renderer, edition, sections
        self._items = {item.paper.id: item for item in edition.items}
        self._wording = renderer.wording(edition)
        self._before, self._between, after = mime.frame(mime.boundary(edition.id))
        self._head = head
        self._text = Part("text", laid(pieces.text), ids, links)
        self._html = Part("html", laid(pieces.html), ids, links, after)
        self._selected = lru_cache(_SELECTIONS)(self._sheet)
        # Sentence by sentence, as both parts have it: a selection is new, but little in it is.
        self._title = lru_cache(len(Form))(self._say_title)
        self._subject = lru_cache(len(Form) * len(ids))(self._say_subject)
        self._summary = lru_cache(_SUMMARIES)(self._say_summary)
        self._preheader = lru_cache(_PREHEADERS)(self._say_preheader)
        self._web = lru_cache(None)(lambda left_out: self._both("web", renderer.web(left_out)))
        self._reason = lru_cache(_REASONS)(self._say_reason)

    def sheet(
        self, paper_ids: Sequence[str], form: Form = Form.DAILY, topics: Sequence[str] = ()
    ) -> Sheet:
        """The mail with these papers of the edition, for who chose those topics.

        Raises:
            KeyError: a paper that the edition has not.
            ValueError: there are no papers; an empty mail is never sent.
        """
        if not paper_ids:
            raise ValueError(f"edition {self._edition.id}: a digest without papers")
        return self._selected(tuple(paper_ids), form, tuple(topics))

    def own(self, reader: Subscriber, tokens: Mapping[str, bytes]) -> dict[str, bytes]:
        """What the parts of a mail need of a reader; ``tokens``: of ``LINKS``, and the ticket."""
        own = {name: encode_plain(token) for name, token in tokens.items()}
        since = reader.confirmed_at
        own["text.reason"], own["html.reason"] = self._reason(
            since.date() if since else None, bool(reader.preferences.taste)
        )
        own["text.address"], own["html.address"] = self._address(reader.email)
        return own

    def _sheet(self, paper_ids: tuple[str, ...], form: Form, topics: tuple[str, ...]) -> Sheet:
        """What all readers of these papers have in common."""
        groups = grouped([self._items[name] for name in paper_ids], self._sections, topics)
        items = [item for _, cards in groups for _, item in cards]
        titled = [(one.title, [item.paper.id for _, item in cards]) for one, cards in groups]
        kept = self._html.fit(titled)
        title, web = self._title(form), self._web(len(items) - kept.papers)
        said, summary = self._summary(counts(groups), form)
        head, outer, subject = self._subject(items[0].paper.id, form)
        first = {"before": head[-1], "title": title[0], "web": web[0], "summary": summary[0]}
        text = self._text.segments(first, titled, kept)
        second = {"before": text[-1] + self._between, "title": title[1], "web": web[1]}
        second |= {"summary": summary[1], "subject": subject}
        second["preheader"] = self._preheader(said, *[item.paper.id for item in items[:FIRST]])
        segments = [*head[:-1], *text[:-1], *self._html.segments(second, titled, kept)]
        holes = [*outer, *self._text.holes(kept.papers), *self._html.holes(kept.papers)]
        chunks = [b""] * (2 * len(segments) - 1)
        chunks[::2] = segments
        return Sheet(chunks, holes)

    def _both(self, name: str, value: str) -> tuple[bytes, bytes]:
        return self._text.own(name, value), self._html.own(name, value)

    def _address(self, address: str) -> tuple[bytes, bytes]:
        if is_plain(address):
            return (encode_plain(address.encode("ascii")),) * 2
        return self._both("address", filters.one_line(address))

    def _say_reason(self, since: date | None, rated: bool) -> tuple[bytes, bytes]:  # noqa: FBT001 - remembered
        return self._both("reason", self._renderer.reason(since, rated=rated))

    def _say_title(self, form: Form) -> tuple[bytes, bytes]:
        return self._both("title", self._wording.title(form))

    def _say_summary(self, counts: Counts, form: Form) -> tuple[str, tuple[bytes, bytes]]:
        said = self._wording.summary(counts, form)
        return said, self._both("summary", said)

    def _say_preheader(self, summary: str, *first: str) -> bytes:
        items = [self._items[name] for name in first]
        return self._html.own("preheader", self._wording.preheader(summary, items))

    def _say_subject(self, first: str, form: Form) -> tuple[list[bytes], list[str], bytes]:
        """The header block with the subject of that paper, its holes; the subject in the HTML."""
        subject = self._wording.subject(self._items[first].paper, form)
        head = Stretch([*self._head(subject), self._before])
        return head.segments({}), head.holes, self._html.own("subject", subject)
