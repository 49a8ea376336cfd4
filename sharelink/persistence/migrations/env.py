"""What Alembic runs: the migrations, on the connection and in the transaction of `sharelink.persistence.schema`."""

from alembic import context

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    # Only given when a new migration is written; running one needs no model.
    target_metadata=attributes.get("target_metadata"),
    render_item=attributes.get("render_item", False),
    # SQLite changes a table by making it anew.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
