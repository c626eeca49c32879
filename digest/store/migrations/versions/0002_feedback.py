"""What comes back: bounces and complaints, paused domains, tokens of webhooks.

Revision: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=True),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("same", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
        sa.UniqueConstraint("key", name=op.f("uq_feedback_key")),
    )
    op.create_index(op.f("ix_feedback_at"), "feedback", ["at"], unique=False)
    op.create_index(
        op.f("ix_feedback_fingerprint_at"), "feedback", ["fingerprint", "at"], unique=False
    )
    op.create_index(op.f("ix_feedback_domain_at"), "feedback", ["domain", "at"], unique=False)
    op.create_table(
        "nonce",
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_nonce")),
    )
    op.create_index(op.f("ix_nonce_at"), "nonce", ["at"], unique=False)
    op.create_table(
        "pause",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_pause")),
    )


def downgrade() -> None:
    op.drop_table("pause")
    op.drop_index(op.f("ix_nonce_at"), table_name="nonce")
    op.drop_table("nonce")
    op.drop_index(op.f("ix_feedback_domain_at"), table_name="feedback")
    op.drop_index(op.f("ix_feedback_fingerprint_at"), table_name="feedback")
    op.drop_index(op.f("ix_feedback_at"), table_name="feedback")
    op.drop_table("feedback")
