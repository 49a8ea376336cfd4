"""The header of a sealed secret: 60 fixed bytes that both layers authenticate.

Its version and kind bytes make every part replaceable; its ids bind the ciphertext to one row.
"""

import struct
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from sharelink.crypto.errors import SealBroken
from sharelink.times import from_microseconds, microseconds

_MAGIC = b"SLNK"
_VERSION = 1
_RESERVED = bytes(4)
_LAYOUT = struct.Struct(">4sBBBBIIQ16s16s4s")
HEADER_BYTES = _LAYOUT.size


class SealKind(IntEnum):
    """What was sealed, and which way it goes."""

    SEND = 1
    REQUEST = 2


class KeyDerivation(IntEnum):
    """How a typed access code enters the key."""

    NONE = 0
    ARGON2ID = 1


@dataclass(frozen=True, slots=True)
class CodeCost:
    """Argon2id parameters: memory in KiB, passes, lanes."""

    memory_kib: int
    passes: int
    lanes: int

    def is_bounded(self) -> bool:
        """Tell whether the cost is one that we would have chosen: a changed row must not order gigabytes."""
        return 8 * 1024 <= self.memory_kib <= 64 * 1024 and 1 <= self.passes <= 3 and 1 <= self.lanes <= 4


OWASP_CODE_COST = CodeCost(memory_kib=46 * 1024, passes=1, lanes=1)
"""The OWASP password storage cheat sheet's and ASVS 5.0 appendix C's first choice; about 57 ms."""


@dataclass(frozen=True, slots=True)
class SealHeader:
    """What both layers of a seal vouch for."""

    kind: SealKind
    code_cost: CodeCost | None
    expires_at: datetime
    share_id: bytes
    custody_id: bytes

    def to_bytes(self) -> bytes:
        """Return the 60 bytes in their fixed layout, big-endian."""
        cost = self.code_cost or CodeCost(0, 0, 0)
        derivation = KeyDerivation.ARGON2ID if self.code_cost else KeyDerivation.NONE
        return _LAYOUT.pack(
            _MAGIC,
            _VERSION,
            self.kind,
            derivation,
            cost.lanes,
            cost.memory_kib,
            cost.passes,
            microseconds(self.expires_at),
            self.share_id,
            self.custody_id,
            _RESERVED,
        )

    @classmethod
    def from_bytes(cls, raw: bytes) -> "SealHeader":
        """Return the header that `raw` spells.

        Raises:
            SealBroken: not a header of ours, or with a cost outside the bounds.
        """
        try:
            magic, version, kind, derivation, lanes, memory, passes, expires, share_id, custody_id, rest = (
                _LAYOUT.unpack(raw)
            )
            header = cls(
                SealKind(kind),
                CodeCost(memory, passes, lanes) if derivation == KeyDerivation.ARGON2ID else None,
                from_microseconds(expires),
                share_id,
                custody_id,
            )
            KeyDerivation(derivation)
        except (struct.error, ValueError, OverflowError, OSError) as error:
            raise SealBroken("unreadable header") from error
        if (magic, version, rest) != (_MAGIC, _VERSION, _RESERVED) or header.to_bytes() != raw:
            raise SealBroken("unreadable header")
        if header.code_cost is not None and not header.code_cost.is_bounded():
            raise SealBroken("cost out of bounds")
        return header
