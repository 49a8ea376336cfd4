"""The tree of RFC 6962, against the classic vectors and against its own definition by recursion."""

import hashlib

import pytest

from sharelink.tlog.errors import TreeMismatch
from sharelink.tlog.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    root_of,
    split,
    subtree_roots,
    verify_consistency,
    verify_inclusion,
)
from tests.tlog.given import TREES, hashes

LEAVES = hashes(TREES["leaves"])
LEAF_HASHES = hashes(TREES["leaf_hashes"])
ROOTS = hashes(TREES["roots"])


def recursive_root(hashed: list[bytes]) -> bytes:
    if len(hashed) < 2:
        return hashed[0] if hashed else EMPTY_ROOT
    middle = split(len(hashed))
    return node_hash(recursive_root(hashed[:middle]), recursive_root(hashed[middle:]))


def many(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


def test_leaves_and_roots_are_the_classic_ones():
    assert [leaf_hash(leaf) for leaf in LEAVES] == LEAF_HASHES
    assert [root_of(LEAF_HASHES[:size]) for size in range(9)] == ROOTS


@pytest.mark.parametrize("size", [*range(1, 70), 255, 256, 257, 1000])
def test_appending_gives_the_root_that_the_definition_gives(size: int):
    leaves = many(size)
    assert root_of(leaves) == recursive_root(leaves)


def test_a_frontier_survives_being_stored_at_every_size():
    stored, size = b"", 0
    for hashed in many(300):
        frontier = Frontier.from_bytes(size, stored)
        frontier.append(hashed)
        stored, size = frontier.to_bytes(), frontier.size
    assert Frontier.from_bytes(size, stored).root() == root_of(many(300))
    with pytest.raises(TreeMismatch):
        Frontier.from_bytes(299, stored)


def test_appending_tells_each_full_subtree_once():
    leaves = many(70_000)
    frontier = Frontier.empty()
    completed = [subtree for hashed in leaves for subtree in frontier.append(hashed)]
    assert [(found.level, found.number) for found in completed if found.level == 1] == [(1, at) for at in range(273)]
    assert completed[3].root == root_of(leaves[768:1024])
    assert next(found for found in completed if found.level == 2).root == root_of(leaves[:65_536])
    assert len(completed) == 274


def test_every_inclusion_proof_is_the_given_one_and_proves_its_leaf_alone():
    assert len(TREES["inclusion"]) == 36
    for case in TREES["inclusion"]:
        size, index, path = case["size"], case["index"], hashes(case["path"])
        assert inclusion_path(index, size, subtree_roots(LEAF_HASHES)) == path
        verify_inclusion(LEAF_HASHES[index], index, size, path, ROOTS[size])
        for wrong in [(index + 1, size, path), (index, size, [*path, bytes(32)]), (size, size, path)]:
            with pytest.raises(TreeMismatch):
                verify_inclusion(LEAF_HASHES[index], *wrong, ROOTS[size])
        for at in range(len(path)):
            swapped = [*path[:at], hashlib.sha256(path[at]).digest(), *path[at + 1 :]]
            with pytest.raises(TreeMismatch):
                verify_inclusion(LEAF_HASHES[index], index, size, swapped, ROOTS[size])
            with pytest.raises(TreeMismatch):
                verify_inclusion(LEAF_HASHES[index], index, size, path[:at], ROOTS[size])


def test_every_consistency_proof_is_the_given_one_and_proves_its_sizes_alone():
    assert len(TREES["consistency"]) == 45
    for case in TREES["consistency"]:
        old, new, path = case["old"], case["new"], hashes(case["path"])
        assert consistency_path(old, new, subtree_roots(LEAF_HASHES)) == path
        verify_consistency(old, ROOTS[old], new, ROOTS[new], path)
        with pytest.raises(TreeMismatch):
            verify_consistency(old, ROOTS[old], new, ROOTS[new], [*path, bytes(32)])
        for at in range(len(path)):
            swapped = [*path[:at], bytes(32), *path[at + 1 :]]
            with pytest.raises(TreeMismatch):
                verify_consistency(old, ROOTS[old], new, ROOTS[new], swapped)
            with pytest.raises(TreeMismatch):
                verify_consistency(old, ROOTS[old], new, ROOTS[new], path[:at])
        if old:
            with pytest.raises(TreeMismatch):
                verify_consistency(old, bytes(32), new, ROOTS[new], path)


def test_a_log_never_shrinks():
    with pytest.raises(TreeMismatch, match="shrank"):
        verify_consistency(8, ROOTS[8], 7, ROOTS[7], [])
