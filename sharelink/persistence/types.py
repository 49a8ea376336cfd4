"""Column types that give back exactly what was put in, on every database."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Dialect, LargeBinary, String, TypeDecorator

from sharelink.times import from_microseconds, microseconds


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as whole microseconds since 1970.

    Integers compare and index alike on SQLite and PostgreSQL and keep their zone; SQLite's own text form loses it.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Turn an aware datetime into microseconds; a naive one is a mistake and raises ValueError."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without its zone cannot be kept")
        return microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Turn microseconds back into an aware UTC datetime."""
        return None if value is None else from_microseconds(value)


class Id(LargeBinary):
    """A random 128-bit id (or a 32-byte hash used as one) as raw bytes."""

    def __init__(self) -> None:
        super().__init__(length=32)


ENUM_CHARACTERS = 32
"""One width for all: a new, longer member must not change the schema."""


class _EnumText(TypeDecorator[StrEnum]):
    """A member of one enum, kept as its value."""

    impl = String
    cache_ok = True

    def __init__(self, enum: type[StrEnum]) -> None:
        super().__init__(length=ENUM_CHARACTERS)
        self.enum = enum

    def process_bind_param(self, value: StrEnum | str | None, dialect: Dialect) -> str | None:
        """Turn a member, or its value, into text; anything else raises ValueError."""
        return None if value is None else self.enum(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """Turn the text back into the member."""
        return None if value is None else self.enum(value)


def enum_text(enum: type[StrEnum]) -> TypeDecorator[StrEnum]:
    """Return a text column type for the members of `enum`; the CHECK constraint is the table's."""
    return _EnumText(enum)
