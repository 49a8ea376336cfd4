"""Hashes of passwords: OWASP's parameters, a salt each, and equal work for accounts that do not exist."""

import threading
import time

import pytest
from argon2 import PasswordHasher, extract_parameters

from sharelink.crypto import password_hashing
from sharelink.crypto.errors import PasswordHashingBusy
from sharelink.crypto.password_hashing import hash_password, needs_rehash, password_matches


def test_a_password_matches_its_own_hash_only() -> None:
    hashed = hash_password("violin tapioca marsh eleven")
    assert password_matches(hashed, "violin tapioca marsh eleven")
    assert not password_matches(hashed, "violin tapioca marsh twelve")
    assert not password_matches("not a hash", "violin tapioca marsh eleven")


def test_the_parameters_are_those_that_owasp_advises() -> None:
    found = extract_parameters(hash_password("violin tapioca marsh eleven"))
    assert (found.type.name, found.memory_cost, found.time_cost, found.parallelism) == ("ID", 47_104, 1, 1)


def test_equal_passwords_have_different_hashes() -> None:
    assert hash_password("violin tapioca marsh eleven") != hash_password("violin tapioca marsh eleven")


def test_a_hash_with_older_parameters_matches_and_asks_to_be_made_again() -> None:
    older = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1).hash("violin tapioca marsh eleven")
    assert password_matches(older, "violin tapioca marsh eleven")
    assert needs_rehash(older)
    assert not needs_rehash(hash_password("violin tapioca marsh eleven"))


def test_without_an_account_nothing_matches_and_the_same_work_is_done() -> None:
    unmatchable = extract_parameters(password_hashing._UNMATCHABLE_HASH)
    assert unmatchable == extract_parameters(hash_password("violin tapioca marsh eleven"))
    hashed = hash_password("violin tapioca marsh eleven")
    known, unknown = shortest_times(hashed, None)
    assert not password_matches(None, "")
    assert 0.5 < known / unknown < 2


def shortest_times(*hashes: str | None) -> list[float]:
    """Return the shortest of several times for each, in turns: what else the machine does lengthens neither alone."""
    times: list[list[float]] = [[] for _ in hashes]
    for _ in range(11):
        for hashed, found in zip(hashes, times, strict=True):
            started = time.perf_counter()
            password_matches(hashed, "something else altogether")
            found.append(time.perf_counter() - started)
    return [min(found) for found in times]


def test_a_crowd_waits_for_its_turn_and_is_turned_away_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_hashing, "_turns", threading.BoundedSemaphore(1))
    monkeypatch.setattr(password_hashing, "WAIT_SECONDS", 0.05)
    with password_hashing._turn(), pytest.raises(PasswordHashingBusy):
        hash_password("violin tapioca marsh eleven")
    assert hash_password("violin tapioca marsh eleven")
