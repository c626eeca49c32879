"""The fence: how far a database has come, so that a restored one is noticed.

Revision: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    fence = op.create_table(
        "fence",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("term", sa.BigInteger(), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("home", sa.String(), nullable=True),
        sa.Column("held", sa.String(), nullable=True),
        sa.Column("skipped_before", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fence")),
    )
    op.bulk_insert(fence, [{"id": 1, "term": 0, "beat": 0}])


def downgrade() -> None:
    op.drop_table("fence")
