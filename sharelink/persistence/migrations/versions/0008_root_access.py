"""Root access: declared uses, decisions, links and codes of approvers."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "root_use",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("custody_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("requester_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("requester_name", sa.String(length=200), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("ticket", sa.String(length=100), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("window_end", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("policy_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("approvals_needed", sa.Integer(), nullable=False),
        sa.Column("is_break_glass", sa.Boolean(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("checked_out_at", sa.BigInteger(), nullable=True),
        sa.Column("overdue_at", sa.BigInteger(), nullable=True),
        sa.Column("checked_in_at", sa.BigInteger(), nullable=True),
        sa.Column("checked_in_by", sa.LargeBinary(length=32), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.Column("outcome_note", sa.Text(), nullable=True),
        sa.Column("review_due_at", sa.BigInteger(), nullable=True),
        sa.Column("reviewed_at", sa.BigInteger(), nullable=True),
        sa.Column("reviewed_by", sa.LargeBinary(length=32), nullable=True),
        sa.Column("finding", sa.String(length=32), nullable=True),
        sa.Column("review_note", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.String(length=32), nullable=True),
        sa.CheckConstraint(
            "state IN ('requested', 'approved', 'denied', 'withdrawn', 'expired', 'checked_out', 'overdue', "
            "'checked_in', 'reviewed')",
            name=op.f("ck_root_use_state"),
        ),
        sa.CheckConstraint("window_start < window_end", name=op.f("ck_root_use_window")),
        sa.CheckConstraint("approvals_needed BETWEEN 0 AND 4", name=op.f("ck_root_use_approvals_needed")),
        sa.CheckConstraint("outcome IN ('done', 'not_done', 'not_used')", name=op.f("ck_root_use_outcome")),
        sa.CheckConstraint("finding IN ('as_declared', 'concern')", name=op.f("ck_root_use_finding")),
        sa.CheckConstraint(
            "state NOT IN ('checked_out', 'overdue', 'checked_in', 'reviewed') OR checked_out_at IS NOT NULL",
            name=op.f("ck_root_use_begun"),
        ),
        sa.CheckConstraint(
            "(state IN ('checked_in', 'reviewed')) = (checked_in_at IS NOT NULL)",
            name=op.f("ck_root_use_checked_in_once"),
        ),
        sa.CheckConstraint("(state = 'reviewed') = (reviewed_at IS NOT NULL)", name=op.f("ck_root_use_reviewed_once")),
        sa.ForeignKeyConstraint(["checked_in_by"], ["account.id"], name=op.f("fk_root_use_checked_in_by_account")),
        sa.ForeignKeyConstraint(
            ["custody_id"], ["custody_record.id"], name=op.f("fk_root_use_custody_id_custody_record")
        ),
        sa.ForeignKeyConstraint(["requester_id"], ["account.id"], name=op.f("fk_root_use_requester_id_account")),
        sa.ForeignKeyConstraint(["reviewed_by"], ["account.id"], name=op.f("fk_root_use_reviewed_by_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_root_use")),
        sa.UniqueConstraint("custody_id", "number", name=op.f("uq_root_use_custody_id_number")),
        sa.UniqueConstraint("id", "requester_id", name=op.f("uq_root_use_id_requester_id")),
    )
    op.create_index("ix_root_use_state_expires_at", "root_use", ["state", "expires_at"], unique=False)
    op.create_index("ix_root_use_requester_id_state", "root_use", ["requester_id", "state"], unique=False)
    op.create_index(
        "ix_root_use_review_due_at",
        "root_use",
        ["review_due_at"],
        unique=False,
        sqlite_where=sa.text("reviewed_at IS NULL"),
        postgresql_where=sa.text("reviewed_at IS NULL"),
    )
    op.create_table(
        "use_decision",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("use_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("requester_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("contact_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("verdict", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("verdict IN ('approved', 'denied')", name=op.f("ck_use_decision_verdict")),
        sa.CheckConstraint("(account_id IS NULL) <> (contact_id IS NULL)", name=op.f("ck_use_decision_one_decider")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_use_decision_account_id_account")),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["custody_contact.id"], name=op.f("fk_use_decision_contact_id_custody_contact")
        ),
        sa.CheckConstraint(
            "account_id IS NULL OR account_id <> requester_id", name=op.f("ck_use_decision_never_ones_own")
        ),
        sa.ForeignKeyConstraint(
            ["use_id", "requester_id"],
            ["root_use.id", "root_use.requester_id"],
            name=op.f("fk_use_decision_use_id_requester_id_root_use"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_use_decision")),
        sa.UniqueConstraint("use_id", "account_id", name=op.f("uq_use_decision_use_id_account_id")),
        sa.UniqueConstraint("use_id", "contact_id", name=op.f("uq_use_decision_use_id_contact_id")),
    )
    op.create_table(
        "approval_link",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("use_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("contact_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=True),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["custody_contact.id"], name=op.f("fk_approval_link_contact_id_custody_contact")
        ),
        sa.ForeignKeyConstraint(["use_id"], ["root_use.id"], name=op.f("fk_approval_link_use_id_root_use")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_link")),
        sa.UniqueConstraint("use_id", "contact_id", name=op.f("uq_approval_link_use_id_contact_id")),
    )
    op.create_table(
        "approval_code",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("link_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["link_id"], ["approval_link.id"], name=op.f("fk_approval_code_link_id_approval_link")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_code")),
        sa.UniqueConstraint("link_id", "number", name=op.f("uq_approval_code_link_id_number")),
    )
