"""What a look showed of each category.

Revision: 0008
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("look", sa.Column("tallies", JSON, nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("look", "tallies")
