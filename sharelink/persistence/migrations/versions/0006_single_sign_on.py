"""Single sign-on: identities, browsers on their way to the provider, break-glass accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("is_break_glass", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("account", sa.Column("sso_link_until", sa.BigInteger(), nullable=True))
    # Made anew for the new kind of proof: SQLite cannot change a constraint. Everybody signs in once more.
    op.drop_table("staff_session")
    op.create_table(
        "staff_session",
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("proof", sa.String(length=32), nullable=True),
        sa.Column("provider_methods", sa.String(length=200), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("proven_at", sa.BigInteger(), nullable=True),
        sa.Column("ip", sa.String(length=64), nullable=True),
        sa.Column("agent", sa.String(length=400), nullable=True),
        sa.CheckConstraint("stage IN ('second_factor', 'enrolment', 'full')", name=op.f("ck_staff_session_stage")),
        sa.CheckConstraint(
            "proof IN ('passkey', 'password_and_code', 'password_and_passkey', 'password_and_recovery_code', 'sso')",
            name=op.f("ck_staff_session_proof"),
        ),
        sa.CheckConstraint("(stage = 'full') = (proof IS NOT NULL)", name=op.f("ck_staff_session_full_is_proven")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_staff_session_account_id_account")),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_staff_session")),
    )
    op.create_index(op.f("ix_staff_session_account_id"), "staff_session", ["account_id"], unique=False)

    op.create_table(
        "sso_identity",
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_sso_identity_account_id_account")),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_sso_identity")),
        sa.UniqueConstraint("account_id", "issuer", name=op.f("uq_sso_identity_account_id_issuer")),
    )
    op.create_table(
        "sso_flow",
        sa.Column("state_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("wanted_path", sa.Text(), nullable=True),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("purpose IN ('sign_in', 'prove')", name=op.f("ck_sso_flow_purpose")),
        sa.CheckConstraint(
            "(purpose = 'sign_in') = (account_id IS NULL)", name=op.f("ck_sso_flow_known_after_sign_in")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_sso_flow_account_id_account")),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_sso_flow")),
    )
    op.create_index(op.f("ix_sso_flow_expires_at"), "sso_flow", ["expires_at"], unique=False)
