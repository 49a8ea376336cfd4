"""The witnesses that the settings name, and the policy by which customers judge."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sharelink.audit.signing import LogKeys
from sharelink.settings_witnessing import WITNESS_GROUP
from sharelink.tlog.policies import Group, Policy
from sharelink.tlog.signed_notes import VerifierKey


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness: its key, whose name is its own, and where it takes checkpoints."""

    key: VerifierKey
    url: str

    @property
    def name(self) -> str:
        """What the witness is called, here and in policies."""
        return self.key.name


@dataclass(frozen=True, slots=True)
class Witnesses:
    """All of them, and how many must have cosigned what customers accept."""

    all: tuple[Witness, ...]
    quorum: int

    @classmethod
    def of(cls, entries: Iterable[tuple[VerifierKey, str]], quorum: int) -> "Witnesses":
        """Return the witnesses of the settings, from key and address of each."""
        return cls(tuple(Witness(key, url) for key, url in entries), quorum)


def policy_text(log_keys: LogKeys, witnesses: Sequence[Witness], quorum: int) -> str:
    """Return the policy (C2SP tlog-policy) to give to customers, best by another way than through this service.

    Args:
        log_keys: the keys that sign now are named.
        witnesses: all of them are named, also those that the quorum does not need.
        quorum: how many of them must have cosigned; 0 for none.
    """
    keys = {witness.name: witness.key for witness in witnesses}
    groups = {WITNESS_GROUP: Group(quorum, tuple(keys))} if quorum else {}
    return Policy(log_keys.public_keys, keys, groups, WITNESS_GROUP if quorum else None).text()
