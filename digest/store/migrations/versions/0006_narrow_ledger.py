"""The ledger's rows become narrow, and no index has a column that changes.

Each delivery is updated twice. With its state in an index PostgreSQL wrote to all four indexes each
time; now it writes to none. Papers, which many readers have in common, are a table of their own;
what is open is found by its batch.

Revision: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
OPEN = "state IN ('queued', 'deferred')"
FILL = "ALTER TABLE delivery {} (fillfactor{})"


def upgrade() -> None:
    op.create_table(
        "batch",
        sa.Column("edition_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("edition_id", "number", name=op.f("pk_batch")),
    )
    op.create_table(
        "lease",
        sa.Column("worker", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("worker", name=op.f("pk_lease")),
    )
    op.create_table(
        "selection",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("papers", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_selection")),
    )
    op.drop_index(op.f("ix_delivery_state_edition_id_batch"), table_name="delivery")
    op.add_column("delivery", sa.Column("selection_id", sa.BigInteger(), nullable=True))
    op.execute(
        "INSERT INTO batch SELECT edition_id, batch, min(due_at) FROM delivery"
        f" WHERE {OPEN} AND edition_id IS NOT NULL GROUP BY edition_id, batch"
    )
    op.execute(
        "INSERT INTO lease SELECT DISTINCT worker FROM delivery"
        " WHERE state = 'sending' AND worker IS NOT NULL"
    )
    # Letters that are over are out of the way of those that wait.
    op.execute(
        f"UPDATE delivery SET batch = -1 WHERE edition_id IS NULL AND NOT ({OPEN})"
        " AND state <> 'sending'"
    )
    _select()
    with op.batch_alter_table("delivery") as table:
        table.drop_column("papers")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(FILL.format("SET", " = 40"))
    op.create_index(
        op.f("ix_delivery_edition_id_batch_id"), "delivery", ["edition_id", "batch", "id"]
    )


def _select() -> None:
    """Each list of papers once, and the deliveries that had it."""
    text = "CAST(papers AS text)" if op.get_bind().dialect.name == "sqlite" else "papers"
    there = f"{text} <> '[]'"
    op.execute(
        f"INSERT INTO selection (papers) SELECT DISTINCT papers FROM delivery WHERE {there}"
    )
    op.execute("CREATE INDEX ix_selection_papers ON selection (papers)")
    op.execute(
        "UPDATE delivery SET selection_id ="
        " (SELECT id FROM selection WHERE selection.papers = delivery.papers)"
        f" WHERE {there}"
    )
    op.execute("DROP INDEX ix_selection_papers")


def downgrade() -> None:
    op.drop_index(op.f("ix_delivery_edition_id_batch_id"), table_name="delivery")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(FILL.format("RESET", ""))
    op.add_column("delivery", sa.Column("papers", JSON, nullable=False, server_default="[]"))
    op.execute(
        "UPDATE delivery SET papers ="
        " (SELECT papers FROM selection WHERE selection.id = selection_id)"
        " WHERE selection_id IS NOT NULL"
    )
    op.execute("UPDATE delivery SET batch = 0 WHERE edition_id IS NULL")
    with op.batch_alter_table("delivery") as table:
        table.alter_column("papers", server_default=None)
        table.drop_column("selection_id")
    op.create_index(
        op.f("ix_delivery_state_edition_id_batch"), "delivery", ["state", "edition_id", "batch"]
    )
    for name in ("selection", "lease", "batch"):
        op.drop_table(name)
