"""Statements: links of customers' contacts, and who read on which day."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "statement_link",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("custody_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("contact_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("delivery", sa.String(length=32), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_by", sa.LargeBinary(length=32), nullable=True),
        sa.Column("last_opened_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_entries", sa.BigInteger(), nullable=True),
        sa.Column("reported_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("delivery IN ('shown', 'mailed')", name=op.f("ck_statement_link_delivery")),
        sa.CheckConstraint("key_hash IS NOT NULL OR delivery = 'mailed'", name=op.f("ck_statement_link_shown_has_key")),
        sa.CheckConstraint(
            "(revoked_at IS NULL) = (revoked_by IS NULL)", name=op.f("ck_statement_link_revoked_by_somebody")
        ),
        sa.CheckConstraint(
            "(acknowledged_at IS NULL) = (acknowledged_entries IS NULL)",
            name=op.f("ck_statement_link_acknowledged_what"),
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["custody_contact.id"], name=op.f("fk_statement_link_contact_id_custody_contact")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name=op.f("fk_statement_link_created_by_account")),
        sa.ForeignKeyConstraint(
            ["custody_id"], ["custody_record.id"], name=op.f("fk_statement_link_custody_id_custody_record")
        ),
        sa.ForeignKeyConstraint(["revoked_by"], ["account.id"], name=op.f("fk_statement_link_revoked_by_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_link")),
    )
    op.create_index(op.f("ix_statement_link_custody_id"), "statement_link", ["custody_id"], unique=False)

    op.create_table(
        "statement_reading",
        sa.Column("link_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("client", sa.LargeBinary(length=32), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["link_id"], ["statement_link.id"], name=op.f("fk_statement_reading_link_id_statement_link")
        ),
        sa.PrimaryKeyConstraint("link_id", "client", "day", name=op.f("pk_statement_reading")),
    )
