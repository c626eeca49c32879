"""The ledger no longer asks for every row whether its edition exists.

Rows come from one statement per edition, and editions are never deleted; on PostgreSQL the question
took a fifth of the time that a million deliveries need.

Revision: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("delivery") as table:
        table.drop_constraint("fk_delivery_edition_id", type_="foreignkey")


def downgrade() -> None:
    with op.batch_alter_table("delivery") as table:
        table.create_foreign_key("fk_delivery_edition_id", "edition", ["edition_id"], ["id"])
