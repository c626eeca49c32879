"""The schema's steps from version to version: Alembic, loaded only where there is one to take."""

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from digest.errors import StoreError
from digest.store.database import MIGRATIONS


def upgrade(connection: Connection) -> None:
    """Takes the steps that are left.

    Raises:
        StoreError: the database is at a version that this program does not know.
    """
    try:
        command.upgrade(config(connection), "head")
    except CommandError as error:
        raise StoreError(str(error)) from error


def is_known(version: str) -> bool:
    """Whether this program has seen that version."""
    scripts = ScriptDirectory.from_config(config()).walk_revisions()
    return version in {script.revision for script in scripts}


def config(connection: Connection | None = None) -> Config:
    """Where the steps are, and the connection they are taken on."""
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.attributes["connection"] = connection
    return made
