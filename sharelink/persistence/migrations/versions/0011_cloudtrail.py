"""Imported root sign-ins."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_SAME_SIGN_IN = (
    "NEW.event_id = OLD.event_id AND NEW.signed_in_at = OLD.signed_in_at AND NEW.result = OLD.result"
    " AND NEW.custody_id = OLD.custody_id"
    " AND (NEW.use_id = OLD.use_id OR (NEW.use_id IS NULL AND OLD.use_id IS NULL))"
)
# Addresses and browsers of people may have to be erased one day; when and into which use they signed in stays.
TRIGGERS = (
    # name, table, when, condition that must hold, what is said when it does not
    ("root_sign_in_is_kept", "root_sign_in", "UPDATE", _SAME_SIGN_IN, "a sign-in is never changed"),
    ("root_sign_in_is_not_deleted", "root_sign_in", "DELETE", "false", "a sign-in is never deleted"),
    ("cloudtrail_import_is_kept", "cloudtrail_import", "UPDATE", "false", "an import is never changed"),
    ("cloudtrail_import_is_not_deleted", "cloudtrail_import", "DELETE", "false", "an import is never deleted"),
    ("mismatch_explanation_is_kept", "mismatch_explanation", "UPDATE", "false", "an explanation is never changed"),
    ("mismatch_explanation_is_not_deleted", "mismatch_explanation", "DELETE", "false", "an explanation is kept"),
)


def upgrade() -> None:
    _make_imports()
    _make_sign_ins()
    _make_explanations()
    for name, table, when, condition, told in TRIGGERS:
        _make_trigger(name, table, when, condition, told)


def _make_imports() -> None:
    op.create_table(
        "cloudtrail_import",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("custody_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("format", sa.String(length=32), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("file_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("covers_from", sa.BigInteger(), nullable=False),
        sa.Column("covers_until", sa.BigInteger(), nullable=False),
        sa.Column("event_count", sa.Integer(), nullable=False),
        sa.Column("sign_in_count", sa.Integer(), nullable=False),
        sa.Column("new_count", sa.Integer(), nullable=False),
        sa.Column("imported_at", sa.BigInteger(), nullable=False),
        sa.Column("imported_by", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("format IN ('json', 'csv')", name=op.f("ck_cloudtrail_import_format")),
        sa.CheckConstraint("covers_from < covers_until", name=op.f("ck_cloudtrail_import_covers")),
        sa.ForeignKeyConstraint(
            ["custody_id"], ["custody_record.id"], name=op.f("fk_cloudtrail_import_custody_id_custody_record")
        ),
        sa.ForeignKeyConstraint(["imported_by"], ["account.id"], name=op.f("fk_cloudtrail_import_imported_by_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cloudtrail_import")),
        sa.UniqueConstraint("custody_id", "number", name=op.f("uq_cloudtrail_import_custody_id_number")),
    )


def _make_sign_ins() -> None:
    op.create_table(
        "root_sign_in",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("custody_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("import_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("signed_in_at", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.String(length=32), nullable=False),
        sa.Column("mfa_used", sa.Boolean(), nullable=True),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=400), nullable=False),
        sa.Column("region", sa.String(length=32), nullable=False),
        sa.Column("use_id", sa.LargeBinary(length=32), nullable=True),
        sa.CheckConstraint("result IN ('success', 'failure', 'unknown')", name=op.f("ck_root_sign_in_result")),
        sa.ForeignKeyConstraint(
            ["custody_id"], ["custody_record.id"], name=op.f("fk_root_sign_in_custody_id_custody_record")
        ),
        sa.ForeignKeyConstraint(
            ["import_id"], ["cloudtrail_import.id"], name=op.f("fk_root_sign_in_import_id_cloudtrail_import")
        ),
        sa.ForeignKeyConstraint(["use_id"], ["root_use.id"], name=op.f("fk_root_sign_in_use_id_root_use")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_root_sign_in")),
        sa.UniqueConstraint("custody_id", "event_id", name=op.f("uq_root_sign_in_custody_id_event_id")),
    )
    op.create_index(
        "ix_root_sign_in_custody_id_signed_in_at", "root_sign_in", ["custody_id", "signed_in_at"], unique=False
    )
    op.create_index(
        "ix_root_sign_in_custody_id_use_id_signed_in_at",
        "root_sign_in",
        ["custody_id", "use_id", "signed_in_at"],
        unique=False,
    )


def _make_explanations() -> None:
    op.create_table(
        "mismatch_explanation",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("custody_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sign_in_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("use_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("explained_at", sa.BigInteger(), nullable=False),
        sa.Column("explained_by", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("(sign_in_id IS NULL) <> (use_id IS NULL)", name=op.f("ck_mismatch_explanation_one_thing")),
        sa.ForeignKeyConstraint(
            ["custody_id"], ["custody_record.id"], name=op.f("fk_mismatch_explanation_custody_id_custody_record")
        ),
        sa.ForeignKeyConstraint(
            ["explained_by"], ["account.id"], name=op.f("fk_mismatch_explanation_explained_by_account")
        ),
        sa.ForeignKeyConstraint(
            ["sign_in_id"], ["root_sign_in.id"], name=op.f("fk_mismatch_explanation_sign_in_id_root_sign_in")
        ),
        sa.ForeignKeyConstraint(["use_id"], ["root_use.id"], name=op.f("fk_mismatch_explanation_use_id_root_use")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mismatch_explanation")),
    )
    for column in ("custody_id", "sign_in_id"):
        op.create_index(op.f(f"ix_mismatch_explanation_{column}"), "mismatch_explanation", [column], unique=False)


def _make_trigger(name: str, table: str, when: str, condition: str, told: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW BEGIN"
            f" SELECT RAISE(ABORT, '{told}') WHERE ({condition}) IS NOT TRUE; END"
        )
        return
    kept = "OLD" if when == "DELETE" else "NEW"
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF ({condition}) IS NOT TRUE THEN RAISE EXCEPTION '{told}' USING ERRCODE = 'check_violation'; END IF;"
        f" RETURN {kept}; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
