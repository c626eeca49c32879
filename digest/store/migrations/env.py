"""How Alembic runs our migrations: on the connection it is handed, in that one's transaction."""

from alembic import context
from sqlmodel import SQLModel

from digest.store import tables as _tables  # noqa: F401 - registers them

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
