"""Taking the head of the audit and reading the ends of chains in one step, while all other writers wait."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        return
    # A function, not one statement: under READ COMMITTED a statement sees what was there when it began, before it had
    # waited for the head. Each statement of a volatile function looks anew.
    op.execute(
        """
        CREATE FUNCTION audit_take_head(chains text[])
        RETURNS TABLE (size bigint, frontier bytea, chain text, rseq bigint, leaf_hash bytea)
        LANGUAGE plpgsql VOLATILE AS $$
        #variable_conflict use_column
        DECLARE
            head audit_head%ROWTYPE;
        BEGIN
            SELECT * INTO head FROM audit_head WHERE id = 1 FOR UPDATE;
            IF NOT FOUND THEN
                RETURN;
            END IF;
            RETURN QUERY
                SELECT head.size, head.frontier, wanted.chain, last.rseq, last.leaf_hash
                FROM unnest(chains) AS wanted (chain)
                LEFT JOIN LATERAL (
                    SELECT audit_leaf.rseq, audit_leaf.leaf_hash FROM audit_leaf
                    WHERE audit_leaf.rec = wanted.chain ORDER BY audit_leaf.rseq DESC LIMIT 1
                ) AS last ON true;
        END $$
        """
    )
