"""Custody: states, steps, contacts, items, versions, policy, calendar, proposals.

What the code refuses, the database refuses as well: a record changes its state only by a step that is in the table of
transitions, with its evidence, and only if what that transition demands is there. SQLite forgets the triggers of a
table that a later migration makes anew: such a migration calls `make_triggers` again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATES = (
    "state IN ('draft', 'awaiting_secret', 'received', 'verified', 'active', 'suspended', 'release_pending',"
    " 'released', 'closing', 'closed', 'compromised', 'abandoned')"
)

TRANSITIONS = (
    ("draft", "awaiting_secret", "contact"),
    ("draft", "abandoned", "no_live_share"),
    ("awaiting_secret", "received", "version"),
    ("awaiting_secret", "abandoned", "no_live_share"),
    ("received", "verified", "verified_version"),
    ("received", "compromised", "no_live_share"),
    ("verified", "active", "proposal"),
    ("verified", "compromised", "no_live_share"),
    ("active", "suspended", "hold"),
    ("active", "compromised", "no_live_share"),
    ("active", "release_pending", "proposal"),
    ("active", "closing", "proposal"),
    ("suspended", "active", "no_hold"),
    ("suspended", "closing", "proposal"),
    ("release_pending", "released", "no_live_share"),
    ("closing", "closed", "no_live_share"),
    ("compromised", "awaiting_secret", "contact"),
)
"""From, to, and what the database demands."""

STEP_IS_NEXT = """
    NEW.number = (SELECT coalesce(max(s.number), 0) + 1 FROM custody_step s WHERE s.custody_id = NEW.custody_id)
    AND NEW.from_state = (SELECT r.state FROM custody_record r WHERE r.id = NEW.custody_id)
    AND coalesce((SELECT s.to_state FROM custody_step s WHERE s.custody_id = NEW.custody_id
                  ORDER BY s.number DESC LIMIT 1), 'draft') = NEW.from_state
"""
STEP_HAS_SECOND = """
    NOT EXISTS (SELECT 1 FROM custody_transition t WHERE t.from_state = NEW.from_state
                AND t.to_state = NEW.to_state AND t.demand = 'proposal')
    OR EXISTS (SELECT 1 FROM custody_proposal p WHERE p.id = NEW.proposal_id AND p.custody_id = NEW.custody_id
               AND p.state = 'confirmed' AND p.kind = CASE NEW.to_state WHEN 'active' THEN 'activate'
               WHEN 'release_pending' THEN 'release' WHEN 'closing' THEN 'closing' END)
"""
STATE_FOLLOWS_STEP = """
    EXISTS (SELECT 1 FROM custody_step s WHERE s.custody_id = NEW.id AND s.from_state = OLD.state
            AND s.to_state = NEW.state
            AND s.number = (SELECT max(n.number) FROM custody_step n WHERE n.custody_id = NEW.id))
"""
STATE_HAS_WHAT_IT_DEMANDS = """
    CASE (SELECT t.demand FROM custody_transition t WHERE t.from_state = OLD.state AND t.to_state = NEW.state)
    WHEN 'contact' THEN NEW.kind <> 'aws_root'
        OR EXISTS (SELECT 1 FROM custody_contact c WHERE c.custody_id = NEW.id AND c.side = 'customer'
                   AND c.confirmed_at IS NOT NULL AND c.removed_at IS NULL)
    WHEN 'version' THEN EXISTS (SELECT 1 FROM secret_version v WHERE v.custody_id = NEW.id AND v.retired_at IS NULL)
    WHEN 'verified_version' THEN EXISTS (SELECT 1 FROM secret_version v WHERE v.custody_id = NEW.id
                                         AND v.retired_at IS NULL AND v.verified_at IS NOT NULL)
    WHEN 'hold' THEN EXISTS (SELECT 1 FROM hold h WHERE h.custody_id = NEW.id AND h.lifted_at IS NULL)
    WHEN 'no_hold' THEN NOT EXISTS (SELECT 1 FROM hold h WHERE h.custody_id = NEW.id AND h.lifted_at IS NULL)
    WHEN 'no_live_share' THEN NOT EXISTS (SELECT 1 FROM share h WHERE h.custody_id = NEW.id
                                          AND h.state IN ('awaiting', 'sealed', 'locked'))
    ELSE true END
"""

TRIGGERS = (
    # name, table, when, condition that must hold, what is said when it does not
    ("custody_step_is_next", "custody_step", "INSERT", STEP_IS_NEXT, "this is not the next step of the record"),
    ("custody_step_has_second", "custody_step", "INSERT", STEP_HAS_SECOND, "this step takes a second person"),
    ("custody_step_is_kept", "custody_step", "UPDATE", "false", "a step is never changed"),
    ("custody_step_is_not_deleted", "custody_step", "DELETE", "false", "a step is never deleted"),
    ("calendar_entry_is_kept", "calendar_entry", "UPDATE", "false", "what was done is never changed"),
    ("calendar_entry_is_not_deleted", "calendar_entry", "DELETE", "false", "what was done is never deleted"),
    ("custody_record_begins", "custody_record", "INSERT", "NEW.state = 'draft'", "a record begins as a draft"),
    (
        "custody_record_follows_step",
        "custody_record",
        "UPDATE",
        f"NEW.state = OLD.state OR (({STATE_FOLLOWS_STEP}) AND ({STATE_HAS_WHAT_IT_DEMANDS}))",
        "a record changes its state only by a step with evidence, and with what that demands",
    ),
)


def upgrade() -> None:
    _change_tables()
    _make_tables()
    op.bulk_insert(
        sa.table("custody_transition", sa.column("from_state"), sa.column("to_state"), sa.column("demand")),
        [{"from_state": old, "to_state": new, "demand": demand} for old, new, demand in TRANSITIONS],
    )
    make_triggers(op.get_bind().dialect.name, {table for _name, table, _when, _condition, _text in TRIGGERS})


def make_triggers(dialect: str, tables: set[str]) -> None:
    """Make the triggers of these tables."""
    for name, table, when, condition, told in TRIGGERS:
        if table not in tables:
            continue
        if dialect == "sqlite":
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW BEGIN"
                f" SELECT RAISE(ABORT, '{told}') WHERE ({condition}) IS NOT TRUE; END"
            )
            continue
        kept = "OLD" if when == "DELETE" else "NEW"
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF ({condition}) IS NOT TRUE THEN RAISE EXCEPTION '{told}' USING ERRCODE = 'check_violation'; END IF;"
            f" RETURN {kept}; END $$"
        )
        op.execute(f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _change_tables() -> None:
    with op.batch_alter_table("custody_record", schema=None) as batch_op:
        batch_op.add_column(sa.Column("scenario", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("distribution_list", sa.String(length=254), nullable=True))
        batch_op.drop_constraint(op.f("ck_custody_record_state"), type_="check")
        batch_op.create_check_constraint(op.f("ck_custody_record_state"), STATES)
        batch_op.create_check_constraint(op.f("ck_custody_record_scenario"), "scenario IN ('keep', 'change')")
        batch_op.create_check_constraint(
            op.f("ck_custody_record_handover_has_scenario"), "scenario IS NOT NULL OR state IN ('draft', 'abandoned')"
        )
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.alter_column("share_id", existing_type=sa.LargeBinary(length=32), nullable=True)
        batch_op.add_column(sa.Column("reason", sa.String(length=32), server_default="incident", nullable=False))
        batch_op.create_check_constraint(op.f("ck_hold_reason"), "reason IN ('incident', 'suspended', 'customer')")
        batch_op.create_check_constraint(
            op.f("ck_hold_incident_has_share"), "share_id IS NOT NULL OR reason <> 'incident'"
        )


def _make_tables() -> None:
    op.create_table(
        "custody_transition",
        sa.Column("from_state", sa.String(length=32), nullable=False),
        sa.Column("to_state", sa.String(length=32), nullable=False),
        sa.Column("demand", sa.String(length=32), nullable=False),
        sa.CheckConstraint(
            "demand IN ('contact', 'version', 'verified_version', 'proposal', 'hold', 'no_hold', 'no_live_share')",
            name=op.f("ck_custody_transition_demand"),
        ),
        sa.PrimaryKeyConstraint("from_state", "to_state", name=op.f("pk_custody_transition")),
    )
    op.create_table(
        "calendar_entry",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("custody_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=False),
        sa.Column("done_by", sa.LargeBinary(length=32), nullable=False),
        sa.Column("went_well", sa.Boolean(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('review', 'drill')", name=op.f("ck_calendar_entry_kind")),
        sa.ForeignKeyConstraint(
            ["custody_id"], ["custody_record.id"], name=op.f("fk_calendar_entry_custody_id_custody_record")
        ),
        sa.ForeignKeyConstraint(["done_by"], ["account.id"], name=op.f("fk_calendar_entry_done_by_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_entry")),
    )
    with op.batch_alter_table("calendar_entry", schema=None) as batch_op:
        batch_op.create_index("ix_calendar_entry_custody_id_done_at", ["custody_id", "done_at"], unique=False)

    op.create_table(
        "calendar_task",
        sa.Column("custody_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("every_days", sa.Integer(), nullable=False),
        sa.Column("next_due_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('review', 'drill')", name=op.f("ck_calendar_task_kind")),
        sa.CheckConstraint("every_days BETWEEN 1 AND 3660", name=op.f("ck_calendar_task_every_days")),
        sa.ForeignKeyConstraint(
            ["custody_id"], ["custody_record.id"], name=op.f("fk_calendar_task_custody_id_custody_record")
        ),
        sa.PrimaryKeyConstraint("custody_id", "kind", name=op.f("pk_calendar_task")),
    )
    with op.batch_alter_table("calendar_task", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_calendar_task_next_due_at"), ["next_due_at"], unique=False)

    op.create_table(
        "custody_contact",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("custody_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("side", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("role_text", sa.String(length=200), nullable=False),
        sa.Column("added_by", sa.LargeBinary(length=32), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_by", sa.LargeBinary(length=32), nullable=True),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("confirmed_how", sa.Text(), nullable=True),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("side IN ('customer', 'operator')", name=op.f("ck_custody_contact_side")),
        sa.CheckConstraint(
            "(confirmed_at IS NULL) = (confirmed_by IS NULL)", name=op.f("ck_custody_contact_confirmed_by_somebody")
        ),
        sa.ForeignKeyConstraint(["added_by"], ["account.id"], name=op.f("fk_custody_contact_added_by_account")),
        sa.ForeignKeyConstraint(["confirmed_by"], ["account.id"], name=op.f("fk_custody_contact_confirmed_by_account")),
        sa.ForeignKeyConstraint(
            ["custody_id"], ["custody_record.id"], name=op.f("fk_custody_contact_custody_id_custody_record")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custody_contact")),
    )
    with op.batch_alter_table("custody_contact", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_custody_contact_custody_id"), ["custody_id"], unique=False)
        batch_op.create_index(
            "uq_custody_contact_present",
            ["custody_id", "email"],
            unique=True,
            sqlite_where=sa.text("removed_at IS NULL"),
            postgresql_where=sa.text("removed_at IS NULL"),
        )

    op.create_table(
        "custody_item",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("custody_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("serial_tail", sa.String(length=12), nullable=False),
        sa.Column("state_text", sa.String(length=200), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("last_checked_at", sa.BigInteger(), nullable=True),
        sa.Column("last_checked_by", sa.LargeBinary(length=32), nullable=True),
        sa.Column("seen_none_at", sa.BigInteger(), nullable=True),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('password', 'mfa_device', 'mailbox', 'recovery_phone', 'access_keys')",
            name=op.f("ck_custody_item_kind"),
        ),
        sa.CheckConstraint(
            "seen_none_at IS NULL OR kind = 'access_keys'", name=op.f("ck_custody_item_none_seen_of_access_keys")
        ),
        sa.ForeignKeyConstraint(
            ["custody_id"], ["custody_record.id"], name=op.f("fk_custody_item_custody_id_custody_record")
        ),
        sa.ForeignKeyConstraint(
            ["last_checked_by"], ["account.id"], name=op.f("fk_custody_item_last_checked_by_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custody_item")),
    )
    with op.batch_alter_table("custody_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_custody_item_custody_id"), ["custody_id"], unique=False)

    op.create_table(
        "custody_proposal",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("custody_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("proposed_by", sa.LargeBinary(length=32), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.LargeBinary(length=32), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("is_alone", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "(state = 'pending') = (decided_at IS NULL)", name=op.f("ck_custody_proposal_decided_has_time")
        ),
        sa.CheckConstraint(
            "kind IN ('add_contact', 'remove_contact', 'policy', 'activate', 'release', 'closing')",
            name=op.f("ck_custody_proposal_kind"),
        ),
        sa.CheckConstraint(
            "state <> 'confirmed' OR (decided_by IS NOT NULL AND (decided_by <> proposed_by) <> is_alone)",
            name=op.f("ck_custody_proposal_second_person"),
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'confirmed', 'refused', 'void')", name=op.f("ck_custody_proposal_state")
        ),
        sa.ForeignKeyConstraint(
            ["custody_id"], ["custody_record.id"], name=op.f("fk_custody_proposal_custody_id_custody_record")
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["account.id"], name=op.f("fk_custody_proposal_decided_by_account")),
        sa.ForeignKeyConstraint(["proposed_by"], ["account.id"], name=op.f("fk_custody_proposal_proposed_by_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custody_proposal")),
    )
    with op.batch_alter_table("custody_proposal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_custody_proposal_custody_id"), ["custody_id"], unique=False)
        batch_op.create_index("ix_custody_proposal_state_proposed_at", ["state", "proposed_at"], unique=False)
        batch_op.create_index(
            "uq_custody_proposal_pending",
            ["custody_id", "kind", "subject"],
            unique=True,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )

    op.create_table(
        "custody_terms",
        sa.Column("custody_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("operator_name", sa.String(length=200), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("saved_by", sa.LargeBinary(length=32), nullable=False),
        sa.Column("saved_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["custody_id"], ["custody_record.id"], name=op.f("fk_custody_terms_custody_id_custody_record")
        ),
        sa.ForeignKeyConstraint(["saved_by"], ["account.id"], name=op.f("fk_custody_terms_saved_by_account")),
        sa.PrimaryKeyConstraint("custody_id", name=op.f("pk_custody_terms")),
    )
    op.create_table(
        "record_policy",
        sa.Column("custody_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("approvals_needed", sa.Integer(), nullable=False),
        sa.Column("customer_approves", sa.Boolean(), nullable=False),
        sa.Column("purposes", sa.Text(), nullable=False),
        sa.Column("longest_window_seconds", sa.Integer(), nullable=False),
        sa.Column("ticket_required", sa.Boolean(), nullable=False),
        sa.Column("ticket_pattern", sa.String(length=200), nullable=False),
        sa.Column("separate_mfa_group", sa.LargeBinary(length=32), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("approvals_needed BETWEEN 0 AND 3", name=op.f("ck_record_policy_approvals_needed")),
        sa.CheckConstraint("longest_window_seconds >= 60", name=op.f("ck_record_policy_longest_window")),
        sa.ForeignKeyConstraint(
            ["custody_id"], ["custody_record.id"], name=op.f("fk_record_policy_custody_id_custody_record")
        ),
        sa.ForeignKeyConstraint(
            ["separate_mfa_group"],
            ["custodian_group.id"],
            name=op.f("fk_record_policy_separate_mfa_group_custodian_group"),
        ),
        sa.PrimaryKeyConstraint("custody_id", name=op.f("pk_record_policy")),
    )
    with op.batch_alter_table("record_policy", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_record_policy_separate_mfa_group"), ["separate_mfa_group"], unique=False)

    op.create_table(
        "custody_step",
        sa.Column("custody_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("from_state", sa.String(length=32), nullable=False),
        sa.Column("to_state", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by_account_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("proposal_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.CheckConstraint("evidence <> '' AND evidence <> '{}'", name=op.f("ck_custody_step_has_evidence")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_custody_step_number")),
        sa.ForeignKeyConstraint(["by_account_id"], ["account.id"], name=op.f("fk_custody_step_by_account_id_account")),
        sa.ForeignKeyConstraint(
            ["custody_id"], ["custody_record.id"], name=op.f("fk_custody_step_custody_id_custody_record")
        ),
        sa.ForeignKeyConstraint(
            ["from_state", "to_state"],
            ["custody_transition.from_state", "custody_transition.to_state"],
            name="fk_custody_step_from_state_custody_transition",
        ),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["custody_proposal.id"], name=op.f("fk_custody_step_proposal_id_custody_proposal")
        ),
        sa.PrimaryKeyConstraint("custody_id", "number", name=op.f("pk_custody_step")),
        sa.UniqueConstraint("proposal_id", name=op.f("uq_custody_step_proposal_id")),
    )
    op.create_table(
        "secret_version",
        sa.Column("custody_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.String(length=32), nullable=False),
        sa.Column("share_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("origin IN ('customer', 'generated', 'external')", name=op.f("ck_secret_version_origin")),
        sa.CheckConstraint(
            "share_id IS NOT NULL OR origin = 'external'", name=op.f("ck_secret_version_share_of_origin")
        ),
        sa.CheckConstraint("number >= 1", name=op.f("ck_secret_version_number")),
        sa.ForeignKeyConstraint(
            ["custody_id"], ["custody_record.id"], name=op.f("fk_secret_version_custody_id_custody_record")
        ),
        sa.ForeignKeyConstraint(["share_id"], ["share.id"], name=op.f("fk_secret_version_share_id_share")),
        sa.PrimaryKeyConstraint("custody_id", "number", name=op.f("pk_secret_version")),
    )
    with op.batch_alter_table("secret_version", schema=None) as batch_op:
        batch_op.create_index(
            "uq_secret_version_present",
            ["custody_id"],
            unique=True,
            sqlite_where=sa.text("retired_at IS NULL"),
            postgresql_where=sa.text("retired_at IS NULL"),
        )
