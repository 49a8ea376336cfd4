"""The Merkle tree of RFC 6962, section 2.1 (the same in RFC 9162), with SHA-256.

A leaf is hashed with a zero byte in front, a node with a one byte, so that neither can pass for the other. A tree of n
leaves is split at the largest power of two strictly below n; an odd last node moves up, it is never doubled.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from sharelink.tlog.errors import TreeMismatch

HASH_BYTES = 32
TILE_HEIGHT = 8
"""How many levels of the tree one tile spans (C2SP tlog-tiles): its hashes are those of 256 neighbours."""

EMPTY_ROOT = hashlib.sha256(b"").digest()

SubtreeRoot = Callable[[int, int], bytes]
"""Gives the root of the leaves from `start` up to, not including, `end`."""


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of one leaf: SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(size: int) -> int:
    """Return the largest power of two strictly below `size` (which is at least 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root of a tree whose leaf hashes are all given."""
    frontier = Frontier.empty()
    for hashed in hashes:
        frontier.append(hashed)
    return frontier.root()


@dataclass(frozen=True, slots=True)
class Subtree:
    """The root of the `number`-th 256^level leaves, counted from 0."""

    level: int
    number: int
    root: bytes


@dataclass(slots=True)
class Frontier:
    """What must be remembered to go on appending: the root of each full subtree, largest first.

    There is one per set bit of `size`, so a log of a million leaves is continued from at most twenty hashes.
    """

    size: int
    roots: list[bytes]

    @classmethod
    def empty(cls) -> Self:
        """Return the frontier of no leaves."""
        return cls(0, [])

    @classmethod
    def from_bytes(cls, size: int, stored: bytes) -> Self:
        """Return the frontier that `to_bytes` wrote.

        Raises:
            TreeMismatch: a tree of `size` leaves has another number of full subtrees.
        """
        if len(stored) != size.bit_count() * HASH_BYTES:
            raise TreeMismatch("the stored state of the tree does not belong to its size")
        return cls(size, [stored[at : at + HASH_BYTES] for at in range(0, len(stored), HASH_BYTES)])

    def to_bytes(self) -> bytes:
        """Return the hashes one after the other, largest subtree first."""
        return b"".join(self.roots)

    def append(self, hashed: bytes) -> list["Subtree"]:
        """Add one leaf by its hash; equal neighbours merge, as carries do when one counts in binary.

        Returns:
            The subtrees of 256, 65,536, ... leaves that this leaf completes; mostly none.
        """
        completed: list[Subtree] = []
        carries, height = self.size, 0
        while carries & 1:
            hashed = node_hash(self.roots.pop(), hashed)
            carries, height = carries >> 1, height + 1
            if height % TILE_HEIGHT == 0:
                completed.append(Subtree(height // TILE_HEIGHT, carries, hashed))
        self.roots.append(hashed)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """Return the root of the tree of all leaves so far."""
        if not self.roots:
            return EMPTY_ROOT
        rolled = self.roots[-1]
        for larger in self.roots[-2::-1]:
            # node_hash, spelt out: a verification rolls up a million roots.
            rolled = hashlib.sha256(b"\x01" + larger + rolled).digest()
        return rolled


def inclusion_path(index: int, size: int, subtree_root: SubtreeRoot) -> list[bytes]:
    """Return the hashes that lead from the leaf at `index` to the root of a tree of `size` leaves; the sibling first.

    Args:
        index: the leaf, counted from 0; below `size`.
        size: how many leaves the tree has.
        subtree_root: gives the root of a range of leaves, however it is kept.
    """
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            path.append(subtree_root(middle, end))
            end = middle
        else:
            path.append(subtree_root(start, middle))
            start = middle
    path.reverse()
    return path


def consistency_path(old: int, new: int, subtree_root: SubtreeRoot) -> list[bytes]:
    """Return the hashes that prove that the tree of `old` leaves is the beginning of that of `new` leaves.

    Empty for old = 0 and for old = new: there is nothing to prove, or the roots must be equal.
    """
    if old in {0, new}:
        return []
    path: list[bytes] = []
    start, end, is_whole = 0, new, True
    while end != old:
        middle = start + split(end - start)
        if old <= middle:
            path.append(subtree_root(middle, end))
            end = middle
        else:
            path.append(subtree_root(start, middle))
            start, is_whole = middle, False
    if not is_whole:
        path.append(subtree_root(start, end))
    path.reverse()
    return path


def verify_inclusion(hashed: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf with the hash `hashed` stands at `index` of the tree with this size and root.

    Follows RFC 9162, section 2.1.3.2.

    Raises:
        TreeMismatch: the index lies outside, the path has another length than it must have, or it leads elsewhere.
    """
    if not 0 <= index < size:
        raise TreeMismatch(f"the event's number {index} lies outside of a log of {size} events")
    rolled = hashed
    for step, is_left in _turns(index, size - 1, path):
        rolled = node_hash(step, rolled) if is_left else node_hash(rolled, step)
    if rolled != root:
        raise TreeMismatch("the proof leads to another root than the checkpoint's")


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> None:
    """Check that the tree of `old` leaves is the beginning of the tree of `new` leaves (RFC 9162, section 2.1.4.2).

    Raises:
        TreeMismatch: the log shrank, was rewritten, or the proof has another form.
    """
    if old > new:
        raise TreeMismatch(f"the log shrank from {old} to {new} events")
    if old in {0, new}:
        if path:
            raise TreeMismatch("the proof must be empty")
        if old_root != (new_root if old else EMPTY_ROOT):
            raise TreeMismatch(f"two different logs of {old} events")
        return
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not steps:
        raise TreeMismatch("the proof is missing")
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old_rolled = new_rolled = steps[0]
    for step, is_left in _turns(position, last, steps[1:]):
        if is_left:
            old_rolled, new_rolled = node_hash(step, old_rolled), node_hash(step, new_rolled)
        else:
            new_rolled = node_hash(new_rolled, step)
    if old_rolled != old_root or new_rolled != new_root:
        raise TreeMismatch("the proof leads to other roots: the log was rewritten")


def _turns(position: int, last: int, path: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield each hash of a path, and whether it stands to the left, on the way from `position` up to the root."""
    for step in path:
        if last == 0:
            raise TreeMismatch("the proof is longer than it may be")
        is_left = bool(position & 1) or position == last
        yield step, is_left
        while is_left and position and not position & 1:
            position, last = position >> 1, last >> 1
        position, last = position >> 1, last >> 1
    if last != 0:
        raise TreeMismatch("the proof is shorter than it must be")


def subtree_roots(leaf_hashes: Sequence[bytes]) -> SubtreeRoot:
    """Return what `inclusion_path` needs for a tree whose leaf hashes are all at hand."""

    def root(start: int, end: int) -> bytes:
        return root_of(leaf_hashes[start:end])

    return root
