"""The acts on bundles inside a transaction: issue a statement, mark a checkpoint as handed out."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from sharelink.actors import Actor
from sharelink.audit.events import AuditEvent
from sharelink.audit.log import AuditLog
from sharelink.audit.tree import mark_handed_out
from sharelink.bundles.audiences import Audience
from sharelink.crypto.identifiers import id_text
from sharelink.statements.service import chain_length


@dataclass(frozen=True, slots=True)
class Bundles:
    """The acts on bundles, in one unit of work."""

    session: Session
    audit: AuditLog
    actor: Actor
    now: datetime

    def issue(self, custody_id: bytes, audience: Audience, page_sha256: str, contact_name: str | None) -> bytes:
        """Record that a statement is issued; return the event's id.

        Args:
            custody_id: the record.
            audience: for whom.
            page_sha256: the digest of the page that people read, in base64. From now on it cannot be changed unseen.
            contact_name: the contact of the customer who gets it; None for staff.
        """
        return self.audit.append(
            AuditEvent.CUSTODY_STATEMENT_ISSUED,
            rec=id_text(custody_id),
            actor=self.actor,
            now=self.now,
            obj=("record", custody_id),
            facts={
                "audience": audience.value,
                # The number of the last entry before this one: one that comes later with such a number is a lie.
                "last_rseq": chain_length(self.session, custody_id) - 1,
                "page_sha256": page_sha256,
            },
            personal={} if contact_name is None else {"contact": contact_name},
        )

    def note_handed_out(self, size: int) -> None:
        """Remember that the checkpoint over `size` entries has left the house: `audit verify` checks it for good."""
        mark_handed_out(self.session, size, self.now)
