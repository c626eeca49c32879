"""Taking deliveries for sending: the decision and the mark, within the ledger's transaction.

    lock the window with its readers ─▶ what each had ─▶ choose ─▶ mark

Three statements a window, whatever its size; with ``verdicts`` this is the ledger's part of the
send path.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    Integer,
    Select,
    String,
    and_,
    cast,
    func,
    or_,
    select,
    true,
    update,
)

from digest.compose import Chooser
from digest.model import Claim, DeliveryState, MailKind, Subscriber
from digest.store.bounces import not_paused
from digest.store.database import Database
from digest.store.prepared import Prepared, given, given_ids, given_pairs, ids
from digest.store.readers import PEOPLE, people
from digest.store.selections import Papers, Selections
from digest.store.tables import DELIVERY, SUBSCRIBER, SUPPRESSION

# What counts as "had": also what may have arrived.
HAD = tuple(s.value for s in (DeliveryState.SENT, DeliveryState.UNKNOWN, DeliveryState.SENDING))
OPEN = tuple(state.value for state in (DeliveryState.QUEUED, DeliveryState.DEFERRED))
# A local date is at most a day from that of the instant in UTC: this is more than enough.
_DATES = timedelta(days=2)
_FEW = 3  # groups that are written one by one; more of them together

_KINDS = {kind.value: kind for kind in MailKind}
_NOTHING: frozenset[str] = frozenset()
_mail, _reader = DELIVERY.c, SUBSCRIBER.c
_SKIPPED = (("state", DeliveryState.SKIPPED), ("worker", None), ("again_at", None))
_TAKEN = ("kind", "local_date", "attempts", "due_at")
_PERSON = len(_TAKEN) + 2  # where the reader's columns begin in a row of a window


class Window(NamedTuple):
    """Which deliveries to take: up to ``limit`` of a batch.

    Those that come ``after`` an id come first: those before it have most likely been taken.
    """

    edition_id: str | None
    batch: int
    after: int
    limit: int
    now: datetime
    since: datetime


class Taken(NamedTuple):
    """The claims to send, how many rows were looked at and the last of them, and what they show."""

    claims: list[Claim]
    rows: int
    last: int
    written: Mapping[Papers, int]


class Claims:
    """The statements of the send path, for one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dialect = database.engine.dialect
        self.selections = Selections(database)

    def take(self, connection: Connection, window: Window, worker: str, choose: Chooser) -> Taken:
        """Takes what is ready; who may not be written to becomes ``skipped``, with the reason."""
        wanted = self._letters if window.edition_id is None else self._digests
        terms = window._asdict()
        since = terms.pop("since")
        rows = wanted.rows(connection, **terms)
        if not rows and window.after:  # what was deferred, or let go by another, comes before
            rows = wanted.rows(connection, **{**terms, "after": 0})
        if not rows:
            return Taken([], 0, 0, {})
        had = self._had(connection, rows, since) if window.edition_id is not None else {}
        claims, skips, shown = (
            list[Claim](),
            list[dict[str, Any]](),
            defaultdict[Papers, list[int]](list),
        )
        instant, day, person = self._instant, self._day, self._person
        for name, kind, local_date, attempts, due_at, suppressed, *columns in rows:
            who, what = person(columns), _KINDS[kind]
            choice = choose(who, what, suppressed, day(local_date), had.get(who.id, _NOTHING))
            if choice.skip:
                skips.append({"id": name, "reason": choice.skip})
                continue
            shown[choice.paper_ids].append(name)
            claims.append(
                Claim(
                    delivery_id=name,
                    kind=what,
                    edition_id=window.edition_id,
                    subscriber=who,
                    address=(what is MailKind.CHANGE and who.pending_email) or who.email,
                    paper_ids=choice.paper_ids,
                    attempts=attempts + 1,
                    due_at=instant(due_at),
                )
            )
        written = self._mark(connection, worker, shown)
        self._database.update_each(connection, DELIVERY, skips, _SKIPPED)
        return Taken(claims, len(rows), max(row[0] for row in rows), written)

    def _mark(
        self, connection: Connection, worker: str, shown: Mapping[Papers, list[int]]
    ) -> Mapping[Papers, int]:
        """Marks deliveries, by the papers they show, as ``sending``; returns the selections."""
        papers = self.selections.ids(connection, [one for one in shown if one])
        if len(shown) > _FEW:
            each = {name: papers.get(one) for one, names in shown.items() for name in names}
            self._mark_each.count(connection, pairs=json.dumps(each), by=worker)
            return papers
        for one, names in shown.items():
            these = ids(names, self._dialect)
            self._mark_same.count(connection, ids=these, chosen=papers.get(one), by=worker)
        return papers

    def _had(
        self, connection: Connection, rows: Sequence[Any], since: datetime
    ) -> dict[int, frozenset[str]]:
        """The papers each reader had, or may have had, since then."""
        readers = ids((row[_PERSON] for row in rows), self._dialect)
        found = self._lists.rows(connection, ids=readers, since=since, date=(since - _DATES).date())
        return self.selections.papers(connection, dict(found)) if found else {}

    # ── The statements ───────────────────────────────────────────────────────────────────────────

    @cached_property
    def _digests(self) -> Prepared:
        return Prepared(
            _window(_mail.edition_id == given("edition_id"), self._dialect), self._dialect
        )

    @cached_property
    def _letters(self) -> Prepared:
        return Prepared(_window(_mail.edition_id.is_(None), self._dialect), self._dialect)

    @cached_property
    def _lists(self) -> Prepared:
        names = func.aggregate_strings(cast(_mail.selection_id, String), ",")
        wanted = (
            select(_mail.subscriber_id, names)
            .where(
                given_ids(_mail.subscriber_id, self._dialect),
                _mail.local_date >= given("date"),
                _mail.due_at > given("since"),
                _mail.state.in_(HAD),
                _mail.selection_id.is_not(None),
            )
            .group_by(_mail.subscriber_id)
        )
        return Prepared(wanted, self._dialect)

    @cached_property
    def _mark_same(self) -> Prepared:
        mark = update(DELIVERY).where(given_ids(_mail.id, self._dialect))
        chosen = given("chosen", _mail.selection_id.type)
        return Prepared(mark.values(_sending(chosen)), self._dialect)

    @cached_property
    def _mark_each(self) -> Prepared:
        each, key = given_pairs(self._dialect)
        chosen = cast(each.c.value, _mail.selection_id.type)
        return Prepared(
            update(DELIVERY).where(_mail.id == key).values(_sending(chosen)), self._dialect
        )

    # ── Columns ──────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def _instant(self) -> Callable[[Any], Any]:
        return self._read(_mail.due_at)

    @cached_property
    def _day(self) -> Callable[[Any], Any]:
        return self._read(_mail.local_date)

    def _read(self, column: ColumnElement[Any]) -> Callable[[Any], Any]:
        """How a driver's value becomes ours; those of thousands of rows are the same."""
        kind = column.type.dialect_impl(self._dialect)
        read = kind.result_processor(self._dialect, None) or (lambda value: value)
        return lru_cache(4096)(read)

    @cached_property
    def _person(self) -> Callable[[Sequence[Any]], Subscriber]:
        return people(self._instant, self._day)


def ready(now: Any) -> ColumnElement[bool]:  # noqa: ANN401 - an instant, or a parameter
    """What waits to be sent, has waited long enough, and goes to no domain that is paused."""
    waiting = _mail.state.in_(OPEN)
    waited = or_(_mail.state == DeliveryState.QUEUED.value, _mail.again_at <= now)
    return and_(waiting, waited, not_paused(now))


def _sending(selection: ColumnElement[Any]) -> dict[str, Any]:
    return {
        "state": DeliveryState.SENDING.value,
        "worker": given("by", _mail.worker.type),
        "attempts": _mail.attempts + 1,
        "again_at": None,
        "selection_id": selection,
    }


def _window(mine: ColumnElement[bool], dialect: Dialect) -> Select[Any]:
    """The next rows with their readers.

    PostgreSQL locks them; rows that others hold are passed over. What is used of a row comes from
    the locked version of it: its own, not the statement's view. Readers are locked, in their order,
    so that of two deliveries to one reader the second sees what the first took.
    """
    where = mine & (_mail.batch == given("batch")) & (_mail.id > given("after"))
    taken = (_mail[name] for name in _TAKEN)
    rows = select(_mail.id.label("delivery_id"), *taken).where(where, ready(given("now")))
    rows = rows.order_by(_mail.id).limit(given("limit", Integer()))
    columns = [
        cast(_reader[name], String).label(name) if name == "categories" else _reader[name]
        for name in PEOPLE
    ]
    reason = SUPPRESSION.c.reason.label("suppressed")
    barred = SUPPRESSION.c.fingerprint == _reader.fingerprint
    if dialect.name == "sqlite":
        readers = rows.join(SUBSCRIBER, _reader.id == _mail.subscriber_id)
        return readers.outerjoin(SUPPRESSION, barred).add_columns(reason, *columns)
    some = rows.add_columns(_mail.subscriber_id).with_for_update(skip_locked=True).cte("some")
    ordered = select(some).order_by(some.c.subscriber_id).subquery("taken")
    # A question per row, whatever the statistics of a table say that was filled a moment ago.
    why = select(reason).where(barred).scalar_subquery()
    person = select(why.label("suppressed"), *columns).where(_reader.id == ordered.c.subscriber_id)
    locked = person.with_for_update(of=SUBSCRIBER, key_share=True).lateral("person")
    first = (column for column in ordered.c if column.name != "subscriber_id")
    return select(*first, *locked.c).select_from(ordered.join(locked, true()))
