"""The organisation behind a paper.

Revision: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("paper", sa.Column("lab", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("paper", "lab")
