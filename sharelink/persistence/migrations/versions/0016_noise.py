"""What strangers do in vain, counted until one event tells it."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "noise_tally",
        sa.Column("kind", sa.String(length=48), nullable=False),
        sa.Column("untold", sa.BigInteger(), nullable=False),
        sa.Column("reported_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_noise_tally")),
    )
