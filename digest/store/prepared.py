"""Statements of the send path: made once for an engine, and then only run.

SQLAlchemy looks at a statement each time it is executed, which takes longer than SQLite needs for
fifty rows. Here it writes the SQL once, the driver runs it, and what comes back are its own rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Dialect,
    Integer,
    String,
    TableValuedAlias,
    bindparam,
    cast,
    func,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine


class Prepared:
    """A statement in the SQL of one engine. What it leaves open is given when it runs."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:  # noqa: ANN401 - of any kind
        made = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        self._sql = str(made)
        self._places = made.positiontup
        self._write = dict[str, Any]()
        for bind, name in made.bind_names.items():
            if write := bind.type.dialect_impl(dialect).bind_processor(dialect):
                self._write[name] = write
        self._fixed = self._written(made.params)

    def rows(self, connection: Connection, **given: Any) -> Sequence[Any]:  # noqa: ANN401 - what it takes
        """Runs it; returns all rows, as the driver has them."""
        rows: Sequence[Any] = self._run(connection, given).fetchall()
        return rows

    def count(self, connection: Connection, **given: Any) -> int:  # noqa: ANN401 - as above
        """Runs it; returns how many rows were changed."""
        return int(self._run(connection, given).rowcount)

    def _run(self, connection: Connection, given: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the driver's
        """Runs it on the driver's cursor, whose errors ``Database`` translates as well."""
        values = {**self._fixed, **self._written(given)}
        where = values if self._places is None else tuple(values[name] for name in self._places)
        cursor = connection.connection.cursor()
        cursor.execute(self._sql, where)
        return cursor

    def _written(self, values: Mapping[str, Any]) -> dict[str, Any]:
        write = self._write
        return {name: write[name](v) if name in write else v for name, v in values.items()}


def given(name: str, type_: TypeEngine[Any] | None = None) -> BindParameter[Any]:
    """What a statement leaves open."""
    return bindparam(name, None, type_=type_)  # with a value: compiling asks for one


def given_ids(column: ColumnElement[Any], dialect: Dialect) -> ColumnElement[bool]:
    """The condition that a column is among the parameter ``ids``; see ``ids``."""
    if dialect.name == "sqlite":
        each = func.json_each(given("ids", String())).table_valued("value")
        return column.in_(select(each.c.value))
    array = cast(given("ids", String()), postgresql.ARRAY(BigInteger))
    return column == func.any(array)


def ids(numbers: Iterable[int], dialect: Dialect) -> str:
    """Numbers as the parameter ``ids``: a text that the engine takes apart."""
    text = ",".join(map(str, numbers))
    return f"[{text}]" if dialect.name == "sqlite" else f"{{{text}}}"


def given_pairs(dialect: Dialect) -> tuple[TableValuedAlias, ColumnElement[int]]:
    """The parameter ``pairs``, a JSON object, as rows; and what their keys are as numbers."""
    pairs = given("pairs", String())
    if dialect.name == "sqlite":
        each = func.json_each(pairs).table_valued("key", "value", name="each")
        return each, cast(each.c.key, Integer)
    each = func.json_each_text(cast(pairs, postgresql.JSON)).table_valued("key", "value")
    each = each.render_derived(name="each")
    return each, cast(each.c.key, BigInteger)
