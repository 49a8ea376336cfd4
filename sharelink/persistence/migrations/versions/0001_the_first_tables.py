"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("password_changed_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_sign_in_at", sa.BigInteger(), nullable=True),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("email", name=op.f("uq_account_email")),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "audit_leaf",
        sa.Column("leaf_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rec", sa.String(length=22), nullable=False),
        sa.Column("rseq", sa.BigInteger(), nullable=False),
        sa.Column("event_type", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("leaf_index", name=op.f("pk_audit_leaf")),
    )
    with op.batch_alter_table("audit_leaf", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_leaf_at"), ["at"], unique=False)
        batch_op.create_index("uq_audit_leaf_rec_rseq", ["rec", "rseq"], unique=True)

    op.create_table(
        "custodian_group",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("name_key", sa.String(length=240), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custodian_group")),
        sa.UniqueConstraint("name_key", name=op.f("uq_custodian_group_name_key")),
    )
    op.create_table(
        "epoch_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("destroyed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_epoch_day")),
    )
    op.create_table(
        "set_up_link",
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_set_up_link")),
    )
    op.create_table(
        "worker_heartbeat",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("beat_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker_heartbeat")),
    )
    op.create_table(
        "account_role",
        sa.Column("account_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.CheckConstraint(
            "role IN ('staff', 'custodian', 'approver', 'auditor', 'administrator')", name=op.f("ck_account_role_role")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_account_role_account_id_account")),
        sa.PrimaryKeyConstraint("account_id", "role", name=op.f("pk_account_role")),
    )
    op.create_table(
        "audit_disclosure",
        sa.Column("leaf_index", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("disclosure", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["leaf_index"], ["audit_leaf.leaf_index"], name=op.f("fk_audit_disclosure_leaf_index_audit_leaf")
        ),
        sa.PrimaryKeyConstraint("leaf_index", "name", name=op.f("pk_audit_disclosure")),
    )
    op.create_table(
        "custody_record",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("reference", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("customer", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("aws_account_id", sa.String(length=12), nullable=True),
        sa.Column("root_email", sa.String(length=254), nullable=True),
        sa.Column("contract_reference", sa.String(length=100), nullable=True),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("group_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("opened_by", sa.LargeBinary(length=32), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('aws_root', 'credential')", name=op.f("ck_custody_record_kind")),
        sa.CheckConstraint("state IN ('draft')", name=op.f("ck_custody_record_state")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_custody_record_version")),
        sa.ForeignKeyConstraint(
            ["group_id"], ["custodian_group.id"], name=op.f("fk_custody_record_group_id_custodian_group")
        ),
        sa.ForeignKeyConstraint(["opened_by"], ["account.id"], name=op.f("fk_custody_record_opened_by_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custody_record")),
        sa.UniqueConstraint("reference", name=op.f("uq_custody_record_reference")),
    )
    with op.batch_alter_table("custody_record", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_custody_record_group_id"), ["group_id"], unique=False)
        batch_op.create_index("ix_custody_record_opened_at_id", ["opened_at", "id"], unique=False)

    op.create_table(
        "group_member",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("group_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_group_member_account_id_account")),
        sa.ForeignKeyConstraint(
            ["group_id"], ["custodian_group.id"], name=op.f("fk_group_member_group_id_custodian_group")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_member")),
    )
    with op.batch_alter_table("group_member", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_group_member_group_id"), ["group_id"], unique=False)
        batch_op.create_index(
            "uq_group_member_present",
            ["account_id", "group_id"],
            unique=True,
            sqlite_where=sa.text("removed_at IS NULL"),
            postgresql_where=sa.text("removed_at IS NULL"),
        )

    op.create_table(
        "sign_in_attempt",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_ref", sa.LargeBinary(length=32), nullable=False),
        sa.Column("client_ref", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("ip", sa.String(length=64), nullable=True),
        sa.Column("attempted_at", sa.BigInteger(), nullable=False),
        sa.Column("is_reported", sa.Boolean(), nullable=False),
        sa.Column("is_forgiven", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_sign_in_attempt_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_attempt")),
    )
    with op.batch_alter_table("sign_in_attempt", schema=None) as batch_op:
        batch_op.create_index(
            "ix_sign_in_attempt_account_ref_client_ref", ["account_ref", "client_ref", "attempted_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_sign_in_attempt_attempted_at"), ["attempted_at"], unique=False)

    op.create_table(
        "staff_session",
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_staff_session_account_id_account")),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_staff_session")),
    )
    with op.batch_alter_table("staff_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_staff_session_account_id"), ["account_id"], unique=False)

    op.create_table(
        "share",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("custody_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_by", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sender_name", sa.String(length=200), nullable=False),
        sa.Column("form_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("instruction", sa.Text(), nullable=False),
        sa.Column("code_required", sa.Boolean(), nullable=False),
        sa.Column("code_waiver_reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.String(length=32), nullable=True),
        sa.Column("end_note", sa.Text(), nullable=True),
        sa.Column("displayed_at", sa.BigInteger(), nullable=True),
        sa.Column("stored_at", sa.BigInteger(), nullable=True),
        sa.Column("tries_allowed", sa.Integer(), nullable=False),
        sa.Column("link_key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("seal_header", sa.LargeBinary(length=60), nullable=False),
        sa.Column("outer_ciphertext", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(state IN ('sealed', 'locked')) = (ended_at IS NULL)", name=op.f("ck_share_ended_at_only_when_ended")
        ),
        sa.CheckConstraint(
            "(state IN ('sealed', 'locked')) = (outer_ciphertext IS NOT NULL)",
            name=op.f("ck_share_ciphertext_only_while_live"),
        ),
        sa.CheckConstraint(
            "state IN ('sealed', 'locked', 'revealed', 'expired', 'burned')", name=op.f("ck_share_state")
        ),
        sa.CheckConstraint("code_required OR code_waiver_reason IS NOT NULL", name=op.f("ck_share_waiver_has_reason")),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name=op.f("fk_share_created_by_account")),
        sa.ForeignKeyConstraint(["custody_id"], ["custody_record.id"], name=op.f("fk_share_custody_id_custody_record")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share")),
        sa.UniqueConstraint("created_by", "form_id", name=op.f("uq_share_created_by_form_id")),
    )
    with op.batch_alter_table("share", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_share_custody_id"), ["custody_id"], unique=False)
        batch_op.create_index("ix_share_state_expires_at", ["state", "expires_at"], unique=False)

    op.create_table(
        "share_client",
        sa.Column("share_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("client", sa.LargeBinary(length=32), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("tries_since_pause", sa.Integer(), nullable=False),
        sa.Column("paused_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["share_id"], ["share.id"], name=op.f("fk_share_client_share_id_share")),
        sa.PrimaryKeyConstraint("share_id", "client", name=op.f("pk_share_client")),
    )
    # The rows that are only ever updated: racing writers then wait for each other instead of both inserting.
    op.execute("INSERT INTO audit_head (id, size) VALUES (1, 0)")
    op.execute("INSERT INTO worker_heartbeat (name, beat_at) VALUES ('sweeper', 0)")
