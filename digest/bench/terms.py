"""The bench's terms: what is measured with what, and the installation that does it."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from digest.app import App, clock_from
from digest.bench import invented
from digest.errors import DigestError
from digest.mailer import Mailer
from digest.model import Claim, Edition, MailKind, Subscriber, SubscriberState
from digest.settings import Settings, Smtp, load
from digest.store.scratch import DOMAIN
from digest.timetable import cut_at

AT = datetime(2026, 1, 15, 7, 0, 1, tzinfo=UTC)  # every run is of this morning
HOUR = 7  # at which all readers are due


class BenchError(DigestError):
    """Something could not be measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """One thing to measure; it goes to its process as a line of JSON.

    Attributes:
        task: what the process does: a name in ``contender.TASKS``.
        database_url: of the scratch database.
        mails: how many.
        papers: of each mail.
        size: bytes of the first mail.
        density: of the papers, see ``invented.edition``.
        personal: whether each reader gets papers of their own.
        window: mails per connection and transaction.
        bdat: mails in flight with BDAT; 0 is without.
        config: the operator's settings file.
        state_dir: where a database's fence goes: not to the operator's.
    """

    task: str
    database_url: str = "sqlite:///bench.db"
    host: str = "127.0.0.1"
    port: int = 25
    mails: int
    papers: int = invented.PAPERS
    density: float = 1.0
    size: int = 0
    personal: bool = False
    connections: int = 10
    per_connection: int = 100
    window: int = 10
    pipelining: bool = True
    bdat: int = 0
    tls: Literal["none", "starttls", "tls"] = "none"
    ca_file: str = ""
    config: str = ""
    state_dir: str = ""

    def dump(self) -> str:
        """A line of JSON."""
        return json.dumps(asdict(self))

    @staticmethod
    def load(line: str) -> "Terms":
        """The terms back from ``dump``."""
        return Terms(**json.loads(line))


def application(terms: Terms, mailer: Mailer | None = None) -> App:
    """The service as it would run, on the scratch database and against the server to measure."""
    return App(_settings(terms), clock=clock_from(AT), mailer=mailer)


def _settings(terms: Terms) -> Settings:
    """The operator's, but for the outside; limits of a real relay would be what is measured."""
    config = Path(terms.config) if terms.config else None
    theirs = load(config)
    sender = {"address": "digest@bench.invalid", "postal_address": "1 Bench, Nowhere"}
    if theirs.sender.address and theirs.sender.postal_address:
        sender = theirs.sender.model_dump()
    relay = Smtp(
        host=terms.host,
        port=terms.port,
        tls=terms.tls,
        ca_file=terms.ca_file,
        connections=terms.connections,
        messages_per_connection=terms.per_connection,
        pipelining=terms.pipelining,
        bdat_window=terms.bdat,
    )
    return load(
        config,
        database_url=terms.database_url,
        state_dir=terms.state_dir or None,
        secret_key="measured, and thrown away",  # noqa: S106 - it signs links to nowhere
        sender=sender,
        smtp=relay.model_dump(),
        delivery={"window": terms.window, "dispatch": "inline"},
    )


def edition(app: App, terms: Terms) -> Edition:
    """The edition that the mails are of."""
    cut = cut_at(AT, app.settings.schedule.cut_hours)
    return invented.edition(cut, app.settings.sections[0].name, terms.density)


def fitted(app: App, size: int) -> tuple[int, float, int]:
    """How many papers of which density make a mail of about ``size`` bytes, and how many it has."""
    cut, section = cut_at(AT, app.settings.schedule.cut_hours), app.settings.sections[0].name

    def measure(papers: int, density: float) -> int:
        made = invented.edition(cut, section, density, cards=papers)
        return len(app.writer.write(claim(made, 0, tuple(range(papers))), made, AT).data)

    papers, density = invented.fitted(size, measure)
    return papers, density, measure(papers, density)


def claim(made: Edition, number: int, cards: tuple[int, ...]) -> Claim:
    """What the ledger would hand out for the reader of that number."""
    reader = Subscriber(
        id=number + 1,
        key=f"{number:016x}",
        email=f"reader{number}@{DOMAIN}",
        state=SubscriberState.ACTIVE,
        preferences=next(invented.wishes(1, len(cards), HOUR, personal=False)),
        created_at=AT,
        confirmed_at=AT,
    )
    return Claim(
        delivery_id=number + 1,
        kind=MailKind.DIGEST,
        edition_id=made.id,
        subscriber=reader,
        address=reader.email,
        paper_ids=tuple(made.items[card].paper.id for card in cards),
        attempts=1,
        due_at=AT,
    )
