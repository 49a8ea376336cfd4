"""Whether one text holds another, byte by byte: on both databases several times as quick as LIKE with its wildcards."""

from typing import Any

from sqlalchemy import Boolean, ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class _Holds(FunctionElement[bool]):
    type = Boolean()
    name = "holds"
    inherit_cache = True


def holds(text: ColumnElement[str] | Any, part: str) -> ColumnElement[bool]:
    """Return the condition that `text` holds `part` exactly; both are expected in one folded form."""
    return _Holds(text, part)


@compiles(_Holds, "sqlite")
def _sqlite(element: _Holds, compiler: Any, **options: Any) -> str:
    return f"(instr({compiler.process(element.clauses, **options)}) > 0)"


@compiles(_Holds, "postgresql")
def _postgresql(element: _Holds, compiler: Any, **options: Any) -> str:
    return f"(strpos({compiler.process(element.clauses, **options)}) > 0)"
