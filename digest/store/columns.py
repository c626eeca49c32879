"""Types of columns that both engines store alike."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Dialect, Integer, String, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB

from digest.store.database import storable


class Text(TypeDecorator[str]):
    """Text that both engines store alike."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """What goes to the database."""
        del dialect
        return None if value is None else str(storable(value))


class Json(TypeDecorator[Any]):
    """Lists and mappings of texts that both engines store alike."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:  # noqa: ANN401 - a type of the dialect
        """JSONB where there is one."""
        kind = JSONB() if dialect.name == "postgresql" else JSON()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ANN401 - as above
        """What goes to the database."""
        del dialect
        return storable(value)


Serial = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts only INTEGER keys up
