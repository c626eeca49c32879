"""One database, SQLite or PostgreSQL: transactions, migrations, and nothing of our nouns."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    Table,
    Update,
    bindparam,
    cast,
    column,
    func,
    inspect,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from digest.errors import Busy, StoreError
from digest.store import engines
from digest.store.engines import AT_ONCE, READ_ONLY

MIGRATIONS = Path(__file__).parent / "migrations"

_EVERY = true()
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SUSPECT = re.compile(r"\\u(0000|d[89a-f])")  # the same in JSON, and some that only look like it
# Columns and what they become, where it is the same for many rows: a constant of its module.
Values = tuple[tuple[str, Any], ...]


class Database:
    """An engine and its transactions. Made from a URL; connects when first used.

    ``is_queued`` says that deliveries are sent by workers: jobs are written along with them.
    """

    def __init__(self, url: str, *, is_queued: bool = False) -> None:
        self.url = engines.parse(url)
        self.is_queued = is_queued
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = (engines.sqlite if self.is_sqlite else engines.postgresql)(self.url)
        self._driver_error = self.engine.dialect.loaded_dbapi.Error  # of statements it runs itself
        # SQLite has one writer at a time, and lets the others look again and again: here they wait.
        self._turn = Lock() if self.is_sqlite else None

    @property
    def is_quick(self) -> bool:
        """Whether a transaction takes less time than handing it to a thread.

        SQLite's driver lets go of the interpreter at every row, and where other threads are busy
        each time waits to have it back: that costs more than the row.
        """
        return self.is_sqlite

    @contextmanager
    def begin(self, *, wait: bool = True) -> Iterator[Connection]:
        """One writing transaction: committed at the end, rolled back on any exception.

        Raises:
            Busy: somebody else is writing, and ``wait`` says not to wait for that. Nothing was
                done. (On PostgreSQL writers do not wait for one another here.)
        """
        with self._taken(wait=wait), self.translated(), self.engine.connect() as connection:
            if not wait:
                connection = connection.execution_options(**{AT_ONCE: True})  # noqa: PLW2901
            with connection.begin():
                yield connection

    @contextmanager
    def _taken(self, *, wait: bool) -> Iterator[None]:
        """Our turn to write, among the threads of this process."""
        if self._turn is None:
            yield
            return
        if not self._turn.acquire(blocking=wait):
            raise Busy(f"{self}: somebody else is writing")
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One reading transaction: a consistent view that holds up no writer."""
        with self.translated(), self.engine.connect() as connection:
            connection = connection.execution_options(**{READ_ONLY: True})  # noqa: PLW2901
            with connection.begin():
                yield connection

    def insert(self, table: Table) -> Any:  # noqa: ANN401 - both dialects' Insert
        """An INSERT that knows ``on_conflict_do_nothing`` in this engine's dialect."""
        dialect = sqlite if self.is_sqlite else postgresql
        return dialect.insert(table)

    def exclude_others(self, connection: Connection, what: str) -> None:
        """Waits for whoever is doing the same and keeps others out until the transaction ends."""
        if not self.is_sqlite:  # its transaction is a lock already
            lock = select(func.pg_advisory_xact_lock(func.hashtext(what)))
            connection.execute(lock)

    def among(self, column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
        """The condition that the column is one of the values, however many: one text of SQL."""
        if self.is_sqlite:
            each = func.json_each(literal(json.dumps(values))).table_valued("value")
            return column.in_(select(each.c.value))
        return column == func.any(cast(values, postgresql.ARRAY(column.type)))

    def update_each(
        self,
        connection: Connection,
        table: Table,
        rows: Sequence[Mapping[str, Any]],
        values: Values = (),
        where: ColumnElement[bool] = _EVERY,
        **parameters: object,
    ) -> int:
        """Updates many rows at once, each with columns of its own and all with ``values``.

        The rows are one parameter, as JSON: that is how both engines take thousands in one go.

        Args:
            connection: the transaction.
            table: whose key is ``id``.
            rows: ``id`` and columns, the same ones in every row.
            values: pairs of a column and what it becomes in all rows.
            where: what a row must meet besides.
            parameters: for what ``values`` and ``where`` leave open.

        Returns:
            How many rows were updated.
        """
        if not rows:
            return 0
        names = tuple(name for name in rows[0] if name != "id")
        text = self.json(rows)
        update_them = self._update(table, names, values, where)
        return int(connection.execute(update_them, {"rows": text, **parameters}).rowcount)

    def json(self, value: Any) -> str:  # noqa: ANN401 - what JSON has, and instants
        """The JSON that a statement takes apart."""
        text = json.dumps(value, default=self._instant)
        if _SUSPECT.search(text):
            text = json.dumps(storable(value), default=self._instant)
        return text

    def _instant(self, value: datetime) -> str:
        """As the engine has it; SQLite knows no instants, and compares texts."""
        utc = value.astimezone(UTC)
        return utc.strftime("%Y-%m-%d %H:%M:%S.%f") if self.is_sqlite else utc.isoformat()

    @lru_cache(100)  # noqa: B019 - a process has one database, or a test's few
    def _update(
        self, table: Table, names: tuple[str, ...], values: Values, where: ColumnElement[bool]
    ) -> Update:
        given = bindparam("rows", type_=String)
        own: dict[str, ColumnElement[Any]]
        key: ColumnElement[Any]
        if self.is_sqlite:
            each = func.json_each(given).table_valued("value", name="each")
            own = {name: func.json_extract(each.c.value, f"$.{name}") for name in names}
            key = func.json_extract(each.c.value, "$.id")
        else:
            columns = [column(name, table.c[name].type) for name in ("id", *names)]
            made = func.json_to_recordset(cast(given, postgresql.JSON)).table_valued(*columns)
            each = made.render_derived(name="each", with_types=True)
            own, key = {name: each.c[name] for name in names}, each.c.id
        return update(table).where(table.c.id == key, where).values({**own, **dict(values)})

    def upgrade(self) -> None:
        """Brings the schema to this version; several processes may do so at once."""
        with self.begin() as connection:
            self.exclude_others(connection, "upgrade")
            if version(connection) == newest():
                return
            # Ten megabytes that most starts can do without.
            from digest.store import schema  # noqa: PLC0415

            try:
                schema.upgrade(connection)
            except StoreError as error:
                raise StoreError(f"{self} cannot be brought to this version: {error}") from error

    def check(self) -> None:
        """Raises StoreError unless the schema is of this version."""
        with self.read() as connection:
            found = version(connection)
        if found == (wanted := newest()):
            return
        from digest.store import schema  # noqa: PLC0415 - as above

        if found and not schema.is_known(found):
            raise StoreError(f"{self} is at version {found}, newer than this program: update it")
        state = f"is at version {found}" if found else "has no tables yet"
        raise StoreError(f"{self} {state}, this program needs {wanted}: run `digest db upgrade`")

    def close(self) -> None:
        """Closes all connections."""
        self.engine.dispose()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Makes a StoreError of what the database or its driver say."""
        try:
            yield
        except (SQLAlchemyError, self._driver_error) as error:
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise StoreError(f"{self}: {reason}") from error

    def __str__(self) -> str:
        """The address; without its options, for a password may be among them."""
        return self.url.set(query={}).render_as_string(hide_password=True)


def storable(value: Any) -> Any:  # noqa: ANN401 - what a column takes
    """The same without what PostgreSQL refuses: NUL, and halves of surrogate pairs.

    JSON and headers can carry them. The sources take them out of what they read; here nothing that
    came another way can stop the day.
    """
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list | tuple):
        return [storable(one) for one in value]
    if isinstance(value, dict):
        return {storable(name): storable(one) for name, one in value.items()}
    return value


def version(connection: Connection) -> str | None:
    """The schema's version, as Alembic notes it; None before the first."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def newest() -> str:
    """The version of this program: that of its last migration, which their names begin with."""
    return max(file.name[:4] for file in MIGRATIONS.glob("versions/[0-9]*.py"))
