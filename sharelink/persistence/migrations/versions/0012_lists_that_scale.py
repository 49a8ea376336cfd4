"""Indexes for what lists and notices ask of a database that has grown for years."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_share_created_by_expires_at_live",
        "share",
        ["created_by", "expires_at"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_share_created_by_ended_at", "share", ["created_by", "ended_at"], unique=False)
    op.create_index(
        "ix_share_created_by_reported_at",
        "share",
        ["created_by", "reported_at"],
        unique=False,
        sqlite_where=sa.text("reported_at IS NOT NULL"),
        postgresql_where=sa.text("reported_at IS NOT NULL"),
    )
    op.create_index("ix_audit_leaf_rec_event_type", "audit_leaf", ["rec", "event_type", "leaf_index"], unique=False)
    op.drop_index("ix_custody_record_opened_at_id", table_name="custody_record")
    op.create_index(
        "ix_custody_record_listed", "custody_record", ["opened_at", "id", "archived_at", "group_id"], unique=False
    )
