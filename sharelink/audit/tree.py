"""Reading the tree over the log: proofs and tiles, made from stored leaf hashes and roots of full subtrees.

What is read here was written with the leaves; a proof of it proves itself, so nothing is hashed anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from sharelink.audit.errors import AuditUnavailable
from sharelink.audit.models import AuditCheckpoint, AuditLeaf, AuditSubtree
from sharelink.tlog.merkle import TILE_HEIGHT, consistency_path, inclusion_path, node_hash
from sharelink.tlog.proofs import ConsistencyProof, InclusionProof
from sharelink.tlog.signed_notes import SignedNote

_HIGHEST_LEVEL = 7


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A signed checkpoint as it was written: the size and root it speaks of, and the note."""

    size: int
    root: bytes
    note: SignedNote
    at: datetime
    handed_out_at: datetime | None


def newest_checkpoint(session: Session) -> StoredCheckpoint | None:
    """Return the newest checkpoint; None while the log is empty."""
    row = session.execute(select(AuditCheckpoint).order_by(AuditCheckpoint.size.desc()).limit(1)).scalar_one_or_none()
    return None if row is None else _stored(row)


def checkpoint_of_size(session: Session, size: int) -> StoredCheckpoint | None:
    """Return the checkpoint over exactly `size` leaves; None if none was signed there: acts add several at once."""
    row = session.get(AuditCheckpoint, size)
    return None if row is None else _stored(row)


def mark_handed_out(session: Session, size: int, now: datetime) -> None:
    """Remember that the checkpoint over `size` leaves left the service, so that verification checks it for good."""
    session.execute(
        update(AuditCheckpoint)
        .where(AuditCheckpoint.size == size, AuditCheckpoint.handed_out_at.is_(None))
        .values(handed_out_at=now)
        .execution_options(synchronize_session=False)
    )


def _stored(row: AuditCheckpoint) -> StoredCheckpoint:
    note = SignedNote.parse(row.note.encode("utf-8"))
    return StoredCheckpoint(row.size, row.root, note, row.at, row.handed_out_at)


@dataclass(slots=True)
class LogTree:
    """The tree of the first `size` leaves. Roots that several proofs share are read once."""

    session: Session
    size: int
    _roots: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def root(self) -> bytes:
        """Return the root; the log must not be empty."""
        return self._subtree_root(0, self.size)

    def root_of_first(self, size: int) -> bytes:
        """Return the root that the tree had when it was of this size (at least 1)."""
        return self._subtree_root(0, size)

    def inclusion(self, index: int, checkpoint: SignedNote) -> InclusionProof:
        """Return the proof that the leaf at `index` stands in the tree of `checkpoint`, which is of this size."""
        return InclusionProof(index, tuple(inclusion_path(index, self.size, self._subtree_root)), checkpoint)

    def consistency(self, old: int, checkpoint: SignedNote) -> ConsistencyProof:
        """Return the proof that the tree of `old` leaves is the beginning of that of `checkpoint`."""
        return ConsistencyProof(old, tuple(consistency_path(old, self.size, self._subtree_root)), checkpoint)

    def hashes(self, level: int, first: int, count: int) -> list[bytes]:
        """Return neighbouring hashes of one level of tiles: of leaves (level 0), or of subtrees of 256^level leaves.

        Raises:
            AuditUnavailable: some of them are missing: the database was changed.
        """
        found = self.session.execute(_hashes(level, first, count)).scalars().all()
        if len(found) != count:
            raise AuditUnavailable("a part of the tree over the log is missing; audit verify tells more")
        return list(found)

    def _subtree_root(self, start: int, end: int) -> bytes:
        key = (start, end)
        if key not in self._roots:
            self._roots[key] = _rolled(self._pieces(start, end))
        return self._roots[key]

    def _pieces(self, start: int, end: int) -> Iterator[tuple[int, Sequence[bytes]]]:
        """Yield a range as few stored hashes: the height of each run, and its neighbours, largest subtrees first."""
        at = start
        for level in range(_HIGHEST_LEVEL, -1, -1):
            height = TILE_HEIGHT * level
            count = (end - at) >> height
            # A range of a proof begins at a multiple of its own width, so each run begins at one of its unit.
            if count:
                yield height, self.hashes(level, at >> height, count)
                at += count << height


def _hashes(level: int, first: int, count: int) -> Select[bytes]:
    if level == 0:
        within = AuditLeaf.index.between(first, first + count - 1)
        return select(AuditLeaf.leaf_hash).where(within).order_by(AuditLeaf.index)
    within = AuditSubtree.number.between(first, first + count - 1)
    return select(AuditSubtree.root).where(AuditSubtree.level == level, within).order_by(AuditSubtree.number)


def _rolled(pieces: Iterator[tuple[int, Sequence[bytes]]]) -> bytes:
    stack: list[tuple[int, bytes]] = []
    for height, hashes in pieces:
        for hashed in hashes:
            rolled, at = hashed, height
            while stack and stack[-1][0] == at:
                rolled, at = node_hash(stack.pop()[1], rolled), at + 1
            stack.append((at, rolled))
    _, rolled = stack.pop()
    while stack:
        rolled = node_hash(stack.pop()[1], rolled)
    return rolled
