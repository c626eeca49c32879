"""The tables, as SQLModel declares them: rows are storage only and never leave this room.

Values become rows and back in the module of their noun. Names of constraints follow one
convention, so that migrations for SQLite and PostgreSQL are the same.
"""

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, UniqueConstraint
from sqlmodel import AutoString, Field, Index, SQLModel

from digest.store.columns import Json, Serial, Text

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class PaperRow(SQLModel, table=True):
    """A paper as its first source told it; later sources only fill what was empty."""

    __tablename__: ClassVar[Any] = "paper"
    id: str = Field(primary_key=True)
    title: str
    abstract: str
    authors: list[str] = Field(sa_type=Json)
    categories: list[str] = Field(sa_type=Json)
    source: str
    published_at: datetime | None
    links: dict[str, str] = Field(sa_type=Json)
    lab: str
    seen_at: datetime = Field(index=True)


class SignalRow(SQLModel, table=True):
    """One observation; the same observation twice is one row."""

    __tablename__: ClassVar[Any] = "signal"
    __table_args__ = (UniqueConstraint("paper_id", "name", "source", "at"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Serial)
    paper_id: str = Field(foreign_key="paper.id")
    source: str
    name: str
    value: float
    at: datetime


class VisitRow(SQLModel, table=True):
    """What to remember of the last good answer of one address."""

    __tablename__: ClassVar[Any] = "visit"
    url: str = Field(primary_key=True)
    etag: str | None
    last_modified: str | None
    built: str | None
    batch: str | None


class LookRow(SQLModel, table=True):
    """One look at one source: what it listed, how much was new, how it went."""

    __tablename__: ClassVar[Any] = "look"
    id: int | None = Field(default=None, primary_key=True, sa_type=Serial)
    source: str
    state: str
    at: datetime = Field(index=True)
    listed: int
    new: int
    newest_id: str
    seconds: float
    note: str
    tallies: list[dict[str, Any]] = Field(sa_type=Json, sa_column_kwargs={"server_default": "[]"})


class EditionRow(SQLModel, table=True):
    """An edition, frozen: ``items`` are the bytes its id is the hash of."""

    __tablename__: ClassVar[Any] = "edition"
    id: str = Field(primary_key=True)
    cut: datetime = Field(unique=True)
    day: date = Field(index=True)
    count: int
    top: str
    note: str
    items: bytes = Field(sa_type=LargeBinary)


class SubscriberRow(SQLModel, table=True):
    """A reader; ``days`` is a bit per weekday, Monday the lowest."""

    __tablename__: ClassVar[Any] = "subscriber"
    __table_args__ = (Index(None, "state", "zone", "hour", "days"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Serial)
    key: str = Field(unique=True)
    fingerprint: str = Field(unique=True)
    email: str
    state: str
    hour: int
    zone: str
    days: int
    papers: int
    categories: list[str] = Field(sa_type=Json)
    paused_until: date | None
    created_at: datetime
    confirmed_at: datetime | None
    left_at: datetime | None
    pending_email: str | None
    taste: str = Field(default="")


def _reader() -> Any:  # noqa: ANN401 - what sa_column_args takes
    return (ForeignKey("subscriber.id", ondelete="CASCADE"),)


class ConsentRow(SQLModel, table=True):
    """Who agreed to what, when, from where, under which text: appended, erased with the reader."""

    __tablename__: ClassVar[Any] = "consent"
    id: int | None = Field(default=None, primary_key=True, sa_type=Serial)
    subscriber_id: int = Field(sa_type=BigInteger, sa_column_args=_reader(), index=True)
    action: str
    at: datetime
    source: str
    network: str
    agent: str
    text: str


class RatingRow(SQLModel, table=True):
    """What one reader says of one paper; erased with the reader."""

    __tablename__: ClassVar[Any] = "rating"
    subscriber_id: int = Field(sa_type=BigInteger, sa_column_args=_reader(), primary_key=True)
    paper_id: str = Field(foreign_key="paper.id", primary_key=True)
    said: str
    at: datetime


class SuppressionRow(SQLModel, table=True):
    """An address we must not write to, by its keyed hash: it outlives the subscriber."""

    __tablename__: ClassVar[Any] = "suppression"
    fingerprint: str = Field(primary_key=True)
    reason: str
    at: datetime


class AttemptRow(SQLModel, table=True):
    """One use of the sign-up form, by the keyed hash of the address or network it came from."""

    __tablename__: ClassVar[Any] = "attempt"
    __table_args__ = (Index(None, "fingerprint", "at"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Serial)
    fingerprint: str
    at: datetime


class DeliveryRow(SQLModel, table=True):
    """The ledger: one mail on its way to one reader.

    A digest belongs to an edition and a local date, a letter (confirmation and the like) to
    neither. Both pairs are unique, which is what makes every step safe to run twice.

    A row is updated twice on its way, so no index has a column that changes with it: PostgreSQL
    then writes the new row beside the old one (which is what the room in each page is for) and
    leaves the indexes alone. What is open is found by ``BatchRow``.
    """

    __tablename__: ClassVar[Any] = "delivery"
    __table_args__ = (
        UniqueConstraint("edition_id", "subscriber_id"),
        UniqueConstraint("subscriber_id", "local_date"),
        Index(None, "edition_id", "batch", "id"),
        {"postgresql_with": {"fillfactor": "40"}},
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=Serial)
    kind: str
    edition_id: str | None  # no foreign key: asked a million times in one statement, it costs 4 s
    subscriber_id: int = Field(sa_type=BigInteger, sa_column_args=_reader())
    local_date: date | None
    batch: int
    state: str
    attempts: int
    due_at: datetime
    again_at: datetime | None
    worker: str | None
    selection_id: int | None = Field(sa_type=BigInteger)  # no foreign key, as above
    reason: str


class BatchRow(SQLModel, table=True):
    """A batch of an edition that may have something queued or deferred; letters need none.

    It is there before such a row can be seen, and goes when there is none left. ``due_at`` is not
    after that of any of them.
    """

    __tablename__: ClassVar[Any] = "batch"
    edition_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    due_at: datetime


class SelectionRow(SQLModel, table=True):
    """The papers of a mail, in its order: many readers get the same. Never changed.

    The same papers may be there several times: each process writes them when it first needs them.
    """

    __tablename__: ClassVar[Any] = "selection"
    id: int | None = Field(default=None, primary_key=True, sa_type=Serial)
    papers: list[str] = Field(sa_type=Json)


class LeaseRow(SQLModel, table=True):
    """The name of a worker that may have deliveries in ``sending``."""

    __tablename__: ClassVar[Any] = "lease"
    worker: str = Field(primary_key=True)


class FeedbackRow(SQLModel, table=True):
    """One event of what came back; the same event twice is one row. It outlives its reader.

    ``same`` is what equal refusals have in common; ``domain`` is empty where nobody is known.
    """

    __tablename__: ClassVar[Any] = "feedback"
    __table_args__ = (Index(None, "fingerprint", "at"), Index(None, "domain", "at"))
    id: int | None = Field(default=None, primary_key=True, sa_type=Serial)
    key: str = Field(unique=True)
    kind: str
    action: str
    at: datetime = Field(index=True)
    fingerprint: str
    delivery_id: int | None = Field(sa_type=BigInteger)
    domain: str
    status: str
    text: str
    same: str
    source: str


class PauseRow(SQLModel, table=True):
    """Mail to a domain waits until then."""

    __tablename__: ClassVar[Any] = "pause"
    domain: str = Field(primary_key=True)
    reason: str
    at: datetime
    until: datetime


class NonceRow(SQLModel, table=True):
    """The token of a webhook's message, good once."""

    __tablename__: ClassVar[Any] = "nonce"
    token: str = Field(primary_key=True)
    at: datetime = Field(index=True)


class FenceRow(SQLModel, table=True):
    """One row: how far this database has come (see ``fence``), and the operator's last word.

    ``term`` grows with every release, ``beat`` with everything that queues or sends; ``home`` is
    the server's database that did so. ``held`` says why nothing may go out, ``skipped_before`` what
    was due before is never queued.
    """

    __tablename__: ClassVar[Any] = "fence"
    id: int | None = Field(default=None, primary_key=True, sa_type=Serial)
    term: int = Field(sa_type=BigInteger)
    beat: int = Field(sa_type=BigInteger)
    home: str | None
    held: str | None
    skipped_before: datetime | None


# What the queries name: tables and columns, not objects (the send path makes no ORM objects).
_tables = SQLModel.metadata.tables
for _column in (column for table in _tables.values() for column in table.columns):
    if isinstance(_column.type, AutoString):  # what SQLModel makes of `str`
        _column.type = Text()
PAPER, SIGNAL, VISIT, LOOK = (_tables[name] for name in ("paper", "signal", "visit", "look"))
EDITION, SUBSCRIBER = _tables["edition"], _tables["subscriber"]
CONSENT, SUPPRESSION, ATTEMPT = (_tables[n] for n in ("consent", "suppression", "attempt"))
DELIVERY, FENCE, RATING = (_tables[name] for name in ("delivery", "fence", "rating"))
BATCH, SELECTION, LEASE = (_tables[name] for name in ("batch", "selection", "lease"))
FEEDBACK, PAUSE, NONCE = (_tables[name] for name in ("feedback", "pause", "nonce"))
