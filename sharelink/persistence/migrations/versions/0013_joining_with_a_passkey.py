"""Passkeys of people who join, and sessions that know whether they began here or at the provider."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nobody knows of the sessions that there are; where only the provider signs people in, they end.
    op.add_column("staff_session", sa.Column("is_local", sa.Boolean(), server_default=sa.true(), nullable=False))
    # Made anew for the new purpose: SQLite cannot change a constraint. What is lost would have lived for five minutes.
    op.drop_table("passkey_challenge")
    op.create_table(
        "passkey_challenge",
        sa.Column("challenge", sa.LargeBinary(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("session_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("invitation_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("new_account_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('sign_in', 'second_step', 'prove', 'enrol', 'join')", name=op.f("ck_passkey_challenge_purpose")
        ),
        sa.CheckConstraint(
            "(purpose IN ('sign_in', 'join')) = (account_id IS NULL)",
            name=op.f("ck_passkey_challenge_known_after_sign_in"),
        ),
        sa.CheckConstraint(
            "(purpose = 'join') = (invitation_id IS NOT NULL)", name=op.f("ck_passkey_challenge_joins_by_invitation")
        ),
        sa.CheckConstraint(
            "(purpose = 'join') = (new_account_id IS NOT NULL)", name=op.f("ck_passkey_challenge_joins_as_somebody")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_passkey_challenge_account_id_account")),
        sa.ForeignKeyConstraint(
            ["invitation_id"], ["invitation.id"], name=op.f("fk_passkey_challenge_invitation_id_invitation")
        ),
        sa.PrimaryKeyConstraint("challenge", name=op.f("pk_passkey_challenge")),
    )
    op.create_index(op.f("ix_passkey_challenge_expires_at"), "passkey_challenge", ["expires_at"], unique=False)
