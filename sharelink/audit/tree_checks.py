"""Whether the tree over the log, its signed checkpoints, and what is kept for proofs are those of the stored leaves."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from sharelink.audit.findings import Finding, FindingKind, event_number, shown
from sharelink.audit.models import AuditCheckpoint, AuditHead, AuditSubtree
from sharelink.audit.signing import LogKeys
from sharelink.persistence.driver_rows import driver_rows
from sharelink.tlog.checkpoints import Checkpoint
from sharelink.tlog.errors import ProofRejected
from sharelink.tlog.merkle import Frontier, Subtree
from sharelink.tlog.signed_notes import SignedNote, base64_text

_BATCH_CHECKPOINTS = 1000
_checkpoint = AuditCheckpoint.metadata.tables[AuditCheckpoint.__tablename__].c


@dataclass(slots=True)
class TreeCheck:
    """Grows the tree anew from the leaves, and compares every checkpoint and every stored subtree on the way."""

    frontier: Frontier = field(default_factory=Frontier.empty)
    checkpoints: int = 0
    _is_differing: bool = False
    _due: dict[int, tuple[bytes, str]] = field(default_factory=dict)
    _subtrees: list[Subtree] = field(default_factory=list)
    _held: dict[int, bytes] = field(default_factory=dict)

    def hold(self, held: Iterable[Checkpoint]) -> None:
        """Remember checkpoints that are known outside of the database, so that the tree is compared with them, too."""
        self._held = {checkpoint.size: checkpoint.root for checkpoint in held if checkpoint.size}

    def go_on_from(self, frontier: Frontier) -> None:
        """Take a tree over more leaves, which fits every checkpoint on the way."""
        self.frontier = frontier
        self._held = {size: root for size, root in self._held.items() if size > frontier.size}

    def prepare(self, session: Session, end: int) -> None:
        """Read the checkpoints over more leaves than are grown by now, up to `end`."""
        wanted = select(_checkpoint.size, _checkpoint.root, _checkpoint.note).where(
            _checkpoint.size > self.frontier.size, _checkpoint.size <= end
        )
        self._due = {size: (root, str(note)) for size, root, note in driver_rows(session, wanted)}

    def grow(self, hashed: bytes) -> list[Finding]:
        """Add one leaf; return what is wrong with a checkpoint that ends there."""
        frontier = self.frontier
        if completed := frontier.append(hashed):
            self._subtrees.extend(completed)
        findings: list[Finding] = []
        if frontier.size in self._held and self._held.pop(frontier.size) != frontier.root():
            text = f"the first {frontier.size} events are not those of a checkpoint outside of the database"
            findings.append(Finding(FindingKind.LOG_FORKED, frontier.size - 1, text))
        due = self._due.get(frontier.size)
        if due is None:
            return findings
        self.checkpoints += 1
        root = frontier.root()
        stored_root, note = due
        # The lines of a checkpoint's text after its origin.
        if stored_root == root and note.startswith(f"{frontier.size}\n{base64_text(root)}\n", note.find("\n") + 1):
            return findings
        # One change makes every later root another one: the first tells where it was.
        if not self._is_differing:
            text = f"the checkpoint over {frontier.size} events does not belong to them: something before was changed"
            findings.append(Finding(FindingKind.CHECKPOINT_DIFFERS, frontier.size - 1, text))
        self._is_differing = True
        return findings

    def check_numberless(self) -> Iterator[Finding]:
        """Yield a finding for each checkpoint, of those read last, over a number of events that is none."""
        for size in self._due:
            if event_number(size) is None:
                yield numberless(size)

    def check_held(self) -> Iterator[Finding]:
        """Yield a finding for each outside checkpoint that tells of more events than there are."""
        for size in self._held:
            text = f"a checkpoint outside of the database tells of {size} events; here are {self.frontier.size}"
            yield Finding(FindingKind.LOG_SHRANK, None, text)

    def check_subtrees(self, session: Session) -> Iterator[Finding]:
        """Yield a finding for each stored subtree, completed since the last call, that is not the one grown here."""
        if not self._subtrees:
            return
        wanted = or_(
            *(and_(AuditSubtree.level == found.level, AuditSubtree.number == found.number) for found in self._subtrees)
        )
        stored_roots = select(AuditSubtree.level, AuditSubtree.number, AuditSubtree.root).where(wanted)
        stored = {(level, number): root for level, number, root in driver_rows(session, stored_roots)}
        for found in self._subtrees:
            if stored.get((found.level, found.number)) != found.root:
                index = ((found.number + 1) << (8 * found.level)) - 1
                text = f"what is kept for proofs about the {1 << 8 * found.level} events up to this one is not theirs"
                yield Finding(FindingKind.TREE_DIFFERS, index, text)
        self._subtrees.clear()

    def check_end(self, session: Session, log_keys: LogKeys) -> Iterator[Finding]:
        """Yield what is wrong with the stored end of the tree, and with signatures that people may hold."""
        size = self.frontier.size
        heads = driver_rows(session, select(AuditHead.frontier).where(AuditHead.id == 1, AuditHead.size == size))
        # None: the log has grown meanwhile, or its head was reported before.
        if heads and heads[0] != (self.frontier.to_bytes(),):
            text = "the stored state of the tree is not that of the stored events: nothing can be added to it"
            yield Finding(FindingKind.TREE_DIFFERS, None, text)
        last = (
            select(_checkpoint.size, _checkpoint.note)
            .where(_checkpoint.size <= size)
            .order_by(_checkpoint.size.desc())
            .limit(1)
        )
        signed = driver_rows(session, last)
        for signed_size, note in signed:
            yield from _check_signature(signed_size, note, log_keys)
        if size and (not signed or signed[0][0] != size):
            text = f"no checkpoint was signed over all {size} events"
            yield Finding(FindingKind.CHECKPOINT_MISSING, None, text)

    def check_handed_out(self, session: Session, log_keys: LogKeys, after: int) -> tuple[list[Finding], int | None]:
        """Check the next signatures that have left the service; return findings, and after which size to go on."""
        wanted = (
            select(AuditCheckpoint.size, AuditCheckpoint.note)
            .where(
                AuditCheckpoint.handed_out_at.is_not(None),
                AuditCheckpoint.size > after,
                AuditCheckpoint.size <= self.frontier.size,
            )
            .order_by(AuditCheckpoint.size)
            .limit(_BATCH_CHECKPOINTS)
        )
        rows = driver_rows(session, wanted)
        findings = [finding for size, note in rows for finding in _check_signature(size, note, log_keys)]
        return findings, rows[-1][0] if rows else None


def numberless(size: object) -> Finding:
    """Return the finding for a checkpoint over a number of events that no log ever has."""
    return Finding(FindingKind.CHECKPOINT_DIFFERS, None, f"there is a checkpoint over {shown(size)} events")


def _check_signature(size: object, note: object, log_keys: LogKeys) -> Iterator[Finding]:
    try:
        log_keys.check(SignedNote.parse(str(note).encode("utf-8", "surrogatepass")))
    except ProofRejected as rejected:
        text = f"the checkpoint over {shown(size)} events is not signed as it should be: {rejected}"
        yield Finding(FindingKind.CHECKPOINT_UNSIGNED, size - 1 if isinstance(size, int) else None, text)
