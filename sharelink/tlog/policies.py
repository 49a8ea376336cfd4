"""Trust policies after C2SP tlog-policy: which keys a log has, which witnesses, and how many must have seen it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from sharelink.tlog.checkpoints import Checkpoint, number
from sharelink.tlog.cosignatures import COSIGNATURE_ED25519, COSIGNATURE_MLDSA44, Cosigner
from sharelink.tlog.errors import NoteMalformed, SignatureRejected
from sharelink.tlog.merkle import leaf_hash, verify_inclusion
from sharelink.tlog.proofs import InclusionProof
from sharelink.tlog.signed_notes import Ed25519Verifier, SignedNote, Verifier, VerifierKey, check_signatures

_NONE = "none"
_COSIGNING = {COSIGNATURE_ED25519, COSIGNATURE_MLDSA44}


@dataclass(frozen=True, slots=True)
class Group:
    """Some witnesses or groups, of which at least `threshold` must be satisfied."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """What must have signed a checkpoint so that its reader trusts it."""

    log_keys: tuple[VerifierKey, ...]
    witnesses: Mapping[str, VerifierKey]
    groups: Mapping[str, Group]
    quorum: str | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a policy file.

        Raises:
            NoteMalformed: an unknown line, a name used twice or before it is known, or no quorum.
        """
        reading = _Reading()
        for line in text.splitlines():
            words = line.split()
            if words and not words[0].startswith("#"):
                reading.take(words)
        if not reading.log_keys or not reading.has_quorum:
            raise NoteMalformed("a policy names at least one key of a log, and a quorum")
        return cls(tuple(reading.log_keys), reading.witnesses, reading.groups, reading.quorum)

    def text(self) -> str:
        """Return the policy as `parse` reads it."""
        lines = [f"log {key.text()}" for key in self.log_keys]
        lines += [f"witness {name} {key.text()}" for name, key in self.witnesses.items()]
        for name, group in self.groups.items():
            lines.append(f"group {name} {group.threshold} {' '.join(group.members)}")
        lines.append(f"quorum {self.quorum or _NONE}")
        return "\n".join(lines) + "\n"

    def check(self, note: SignedNote) -> Checkpoint:
        """Return the checkpoint in `note`, once the log and enough witnesses have signed it.

        Raises:
            NoteMalformed: no checkpoint.
            SignatureRejected: of another log, signed wrongly, or by too few.
        """
        checkpoint = Checkpoint.parse(note.text)
        own = [key for key in self.log_keys if key.name == checkpoint.origin]
        if not own:
            raise SignatureRejected("the checkpoint is of another log")
        signed = check_signatures(note, [_verifier(key) for key in (*own, *self.witnesses.values())])
        if not any(key in own for key in signed):
            raise SignatureRejected("no known key of the log has signed the checkpoint")
        witnessed = {name for name, key in self.witnesses.items() if key in signed}
        if self.quorum is not None and not self._is_satisfied(self.quorum, witnessed):
            raise SignatureRejected("too few witnesses have cosigned the checkpoint")
        return checkpoint

    def check_entry(self, leaf: bytes, proof: InclusionProof) -> Checkpoint:
        """Return the checkpoint of `proof`, once it has shown that the log it commits to holds `leaf`.

        Raises:
            ProofRejected: in one of its kinds: the checkpoint is not trusted, or the proof leads elsewhere.
        """
        checkpoint = self.check(proof.checkpoint)
        verify_inclusion(leaf_hash(leaf), proof.index, checkpoint.size, proof.path, checkpoint.root)
        return checkpoint

    def _is_satisfied(self, name: str, witnessed: Iterable[str]) -> bool:
        if name not in self.groups:
            return name in witnessed
        group = self.groups[name]
        return sum(self._is_satisfied(member, witnessed) for member in group.members) >= group.threshold


class _Reading:
    """A policy while its lines are read."""

    def __init__(self) -> None:
        self.log_keys: list[VerifierKey] = []
        self.witnesses: dict[str, VerifierKey] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self.has_quorum = False
        self._grouped: set[str] = set()

    def take(self, words: Sequence[str]) -> None:
        """Read one line, as its words."""
        match words:
            case ["log", key] | ["log", key, _]:
                self.log_keys.append(VerifierKey.parse(key))
            case ["witness", name, key] | ["witness", name, key, _]:
                self._take_name(name)
                self.witnesses[name] = VerifierKey.parse(key)
            case ["group", name, threshold, *members]:
                self._take_group(name, threshold, members)
            case ["quorum", name] if not self.has_quorum and (name == _NONE or self._knows(name)):
                self.quorum, self.has_quorum = None if name == _NONE else name, True
            case _:
                raise NoteMalformed("a line of the policy is not understood")

    def _take_group(self, name: str, threshold: str, members: Sequence[str]) -> None:
        self._take_name(name)
        if not members or not all(self._knows(member) for member in members):
            raise NoteMalformed("a group of the policy has no members, or one that is not known yet")
        if len(set(members)) < len(members) or self._grouped & set(members):
            raise NoteMalformed("a member of a group of the policy is used twice")
        self._grouped |= set(members)
        count = {"all": len(members), "any": 1}.get(threshold)
        needed = number(threshold) if count is None else count
        if not 1 <= needed <= len(members):
            raise NoteMalformed("a group of the policy wants more members than it has, or none")
        self.groups[name] = Group(needed, tuple(members))

    def _take_name(self, name: str) -> None:
        if name == _NONE or self._knows(name):
            raise NoteMalformed("a name of the policy is used twice")

    def _knows(self, name: str) -> bool:
        return name in self.witnesses or name in self.groups


def _verifier(key: VerifierKey) -> Verifier:
    return Cosigner.of(key) if key.algorithm in _COSIGNING else Ed25519Verifier.of(key)
