"""Requests."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "secret_request",
        sa.Column("share_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("reference", sa.String(length=12), nullable=False),
        sa.Column("template", sa.String(length=32), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=1216), nullable=False),
        sa.Column("submit_key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("submit_until", sa.BigInteger(), nullable=False),
        sa.Column("retrieve_lifetime_seconds", sa.Integer(), nullable=False),
        sa.Column("remind_at", sa.BigInteger(), nullable=True),
        sa.Column("reminded_at", sa.BigInteger(), nullable=True),
        sa.Column("submitted_at", sa.BigInteger(), nullable=True),
        sa.Column("submitted_event", sa.LargeBinary(length=32), nullable=True),
        sa.Column("retrieved_by_name", sa.String(length=200), nullable=True),
        sa.Column("retrieval_purpose", sa.String(length=64), nullable=True),
        sa.Column("retrieval_ticket", sa.String(length=100), nullable=True),
        sa.Column("verdict", sa.String(length=32), nullable=True),
        sa.Column("verdict_at", sa.BigInteger(), nullable=True),
        sa.Column("verdict_note", sa.Text(), nullable=True),
        sa.Column("vault_reference", sa.Text(), nullable=True),
        sa.CheckConstraint("template IN ('aws_root', 'text', 'own')", name=op.f("ck_secret_request_template")),
        sa.CheckConstraint("verdict IS NULL OR verdict IN ('worked', 'wrong')", name=op.f("ck_secret_request_verdict")),
        sa.CheckConstraint(
            "(submitted_at IS NULL) = (submitted_event IS NULL)", name=op.f("ck_secret_request_submission_has_event")
        ),
        sa.CheckConstraint("(verdict IS NULL) = (verdict_at IS NULL)", name=op.f("ck_secret_request_verdict_has_time")),
        sa.ForeignKeyConstraint(["share_id"], ["share.id"], name=op.f("fk_secret_request_share_id_share")),
        sa.PrimaryKeyConstraint("share_id", name=op.f("pk_secret_request")),
        sa.UniqueConstraint("reference", name=op.f("uq_secret_request_reference")),
    )
    with op.batch_alter_table("share", schema=None) as batch_op:
        batch_op.alter_column("seal_header", existing_type=sa.LargeBinary(length=60), nullable=True)
        for name in ("state", "ended_at_only_when_ended", "waiver_has_reason"):
            batch_op.drop_constraint(op.f(f"ck_share_{name}"), type_="check")
        batch_op.create_check_constraint(op.f("ck_share_kind"), "kind IN ('send', 'request')")
        batch_op.create_check_constraint(
            op.f("ck_share_state"),
            "state IN ('awaiting', 'sealed', 'locked', 'revealed', 'expired', 'burned')"
            " AND (state <> 'awaiting' OR kind = 'request') AND (state <> 'locked' OR kind = 'send')",
        )
        batch_op.create_check_constraint(
            op.f("ck_share_ended_at_only_when_ended"),
            "(state IN ('awaiting', 'sealed', 'locked')) = (ended_at IS NULL)",
        )
        batch_op.create_check_constraint(
            op.f("ck_share_waiver_has_reason"),
            "code_required OR code_waiver_reason IS NOT NULL OR kind = 'request'",
        )
        batch_op.create_check_constraint(op.f("ck_share_send_is_sealed"), "seal_header IS NOT NULL OR kind = 'request'")
