"""The tree over the audit log, its signed checkpoints, and who acted, for the search by person."""

import sqlalchemy as sa
from alembic import op

from sharelink.tlog.merkle import Frontier

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_BATCH_LEAVES = 5000


def upgrade() -> None:
    op.create_table(
        "audit_actor",
        sa.Column("leaf_index", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["leaf_index"], ["audit_leaf.leaf_index"], name=op.f("fk_audit_actor_leaf_index_audit_leaf")
        ),
        sa.PrimaryKeyConstraint("leaf_index", name=op.f("pk_audit_actor")),
    )
    op.create_index(op.f("ix_audit_actor_account_id"), "audit_actor", ["account_id"], unique=False)
    op.create_table(
        "audit_subtree",
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("level", "number", name=op.f("pk_audit_subtree")),
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("handed_out_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_audit_checkpoint")),
    )
    op.add_column("audit_head", sa.Column("frontier", sa.LargeBinary(), nullable=False, server_default=sa.text("''")))
    _grow_the_tree(op.get_bind())


def _grow_the_tree(connection: sa.Connection) -> None:
    """Build the tree over the leaves there are. The first act after this signs for all of them."""
    leaf = sa.table("audit_leaf", sa.column("leaf_index", sa.BigInteger()), sa.column("leaf_hash", sa.LargeBinary()))
    subtree = sa.table(
        "audit_subtree",
        sa.column("level", sa.SmallInteger()),
        sa.column("number", sa.BigInteger()),
        sa.column("root", sa.LargeBinary()),
    )
    head = sa.table("audit_head", sa.column("frontier", sa.LargeBinary()))
    frontier = Frontier.empty()
    while True:
        wanted = sa.select(leaf.c.leaf_hash).where(leaf.c.leaf_index >= frontier.size).order_by(leaf.c.leaf_index)
        hashes = connection.execute(wanted.limit(_BATCH_LEAVES)).scalars().all()
        if not hashes:
            break
        for hashed in hashes:
            for found in frontier.append(hashed):
                row = {"level": found.level, "number": found.number, "root": found.root}
                connection.execute(sa.insert(subtree).values(row))
    connection.execute(sa.update(head).values(frontier=frontier.to_bytes()))
