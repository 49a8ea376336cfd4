"""Which entries and checkpoints the bundle of a statement holds."""

import json
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.audit.errors import AuditUnavailable
from sharelink.audit.events import AuditEvent
from sharelink.audit.models import AuditCheckpoint, AuditLeaf
from sharelink.audit.tree import StoredCheckpoint, checkpoint_of_size
from sharelink.bundles.audiences import Audience
from sharelink.bundles.chain import Entry, chain_entries
from sharelink.bundles.kept import KeptCheckpoint
from sharelink.bundles.trust import witnessed_before
from sharelink.crypto.identifiers import id_text
from sharelink.tlog.checkpoints import Checkpoint
from sharelink.tlog.signed_notes import SignedNote
from sharelink.witnesses.configured import Witnesses

OLDER_MAX = 3
"""The checkpoints of so many earlier bundles are led on from: somebody may have lost the last."""

_ISSUES_READ = 50


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of a statement: its entry, for whom, and the checkpoint that was signed with it."""

    index: int
    event_id: str
    audience: str
    checkpoint: StoredCheckpoint

    @property
    def origin(self) -> str:
        """The name under which the log spoke then."""
        return Checkpoint.parse(self.checkpoint.note.text).origin


@dataclass(frozen=True, slots=True)
class StatementScope:
    """What belongs to one bundle: its checkpoint, its entries by the names of their files, and older checkpoints."""

    checkpoint: StoredCheckpoint
    entries: dict[str, Entry]
    older: tuple[tuple[int, SignedNote], ...]


def issues(session: Session, custody_id: bytes) -> list[Issue]:
    """Return the newest issues of a record's statement, newest first."""
    found = (
        select(AuditLeaf.index, AuditLeaf.leaf)
        .where(AuditLeaf.rec == id_text(custody_id), AuditLeaf.type == AuditEvent.CUSTODY_STATEMENT_ISSUED.value)
        .order_by(AuditLeaf.index.desc())
        .limit(_ISSUES_READ)
    )
    return [_issue(session, index, leaf) for index, leaf in session.execute(found).all()]


def statement_scope(
    session: Session,
    custody_id: bytes,
    event_id: bytes,
    audience: Audience,
    *,
    kept: KeptCheckpoint | None,
    witnesses: Witnesses,
) -> StatementScope:
    """Return what belongs to the bundle of the issue `event_id`, which was just committed.

    It leads on from the checkpoints that this audience was handed before, from the newest that witnesses have seen, and
    from the one that its reader has brought along.
    """
    known = issues(session, custody_id)
    this = next(issue for issue in known if issue.event_id == id_text(event_id))
    earlier = {
        issue.checkpoint.size: issue.checkpoint.note
        for issue in known
        if issue.index < this.index
        and issue.audience == audience
        and issue.checkpoint.handed_out_at is not None
        # After a restore, the log may go on under another name: nothing leads from one log to another.
        and issue.origin == this.origin
    }
    older = dict(list(earlier.items())[:OLDER_MAX])
    if (witnessed := witnessed_before(session, witnesses, this.checkpoint)) is not None:
        older |= dict([witnessed])
    if kept is not None:
        older[kept.size] = kept.note
    entries = {f"{entry.rseq:04d}": entry for entry in chain_entries(session, custody_id, this.index)}
    return StatementScope(this.checkpoint, entries, tuple(sorted(older.items())))


def _issue(session: Session, index: int, leaf: bytes) -> Issue:
    fields = json.loads(leaf)
    # The checkpoint of the same transaction: the first that covers it.
    checkpoint = checkpoint_covering(session, index)
    if checkpoint is None:
        raise AuditUnavailable("the checkpoint of an issue is missing; audit verify tells more")
    return Issue(index, fields["id"], fields["facts"]["audience"], checkpoint)


def checkpoint_covering(session: Session, index: int) -> StoredCheckpoint | None:
    """Return the oldest checkpoint that covers the log's entry `index`; None if there is none."""
    size = session.execute(
        select(AuditCheckpoint.size).where(AuditCheckpoint.size > index).order_by(AuditCheckpoint.size).limit(1)
    ).scalar_one_or_none()
    return None if size is None else checkpoint_of_size(session, size)
