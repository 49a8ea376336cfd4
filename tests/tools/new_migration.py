"""Write the next migration from what the models have and the newest schema has not.

    python -m tests.tools.new_migration "what it does"

Read the result before you keep it: Alembic sees tables, columns and indexes, but no change of a CHECK constraint.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import String, TypeDecorator, create_engine

import sharelink.persistence.heartbeats
import sharelink.unit_of_work  # noqa: F401 - the two bring every model along
from sharelink.persistence.database import Base, prepare_engine
from sharelink.persistence.schema import MIGRATIONS, alembic_config, upgrade
from sharelink.persistence.types import Id, UtcDateTime


def plain_type(kind: str, item: Any, _context: object) -> str | bool:
    """Write our own column types as what they are in the database: a migration must not change with the code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.BigInteger()"
    if kind == "type" and isinstance(item, Id):
        return "sa.LargeBinary(length=32)"
    if kind == "type" and isinstance(item, TypeDecorator) and isinstance(item.impl, String):
        return f"sa.String(length={item.impl.length})"
    return False


def main() -> None:
    """Make one migration, numbered after the newest."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    number = len(list(ScriptDirectory(str(MIGRATIONS)).walk_revisions())) + 1
    with tempfile.TemporaryDirectory() as directory:
        engine = create_engine(f"sqlite:///{Path(directory)}/empty.db")
        prepare_engine(engine)
        if number > 1:
            upgrade(engine)
        with engine.connect() as connection:
            config = alembic_config(connection)
            config.attributes["target_metadata"] = Base.metadata
            config.attributes["render_item"] = plain_type
            command.revision(config, sys.argv[1], autogenerate=True, rev_id=f"{number:04}")
        engine.dispose()


if __name__ == "__main__":
    main()
