"""What readers say of papers.

Revision: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("subscriber", sa.Column("taste", sa.String(), nullable=False, server_default=""))
    op.create_table(
        "rating",
        sa.Column("subscriber_id", sa.BigInteger(), nullable=False),
        sa.Column("paper_id", sa.String(), nullable=False),
        sa.Column("said", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber.id"],
            name=op.f("fk_rating_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["paper_id"], ["paper.id"], name=op.f("fk_rating_paper_id")),
        sa.PrimaryKeyConstraint("subscriber_id", "paper_id", name=op.f("pk_rating")),
    )


def downgrade() -> None:
    op.drop_table("rating")
    op.drop_column("subscriber", "taste")
