"""The parties of a record: who owns the credential together, on what terms, and since when."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.audit.events import AuditEvent
from sharelink.custody.errors import RecordNotFound
from sharelink.custody.models import CustodyRecord, CustodyTerms
from sharelink.custody.service import CustodyRecords
from sharelink.custody.states import Act
from sharelink.custody.texts import TextCheck


@dataclass(frozen=True, slots=True)
class Parties:
    """The two co-owners and their terms; empty texts where nobody has written them down yet."""

    customer: str
    operator: str
    purpose: str
    since: date | None


@dataclass(frozen=True, slots=True)
class Terms:
    """The act of writing terms down, in one unit of work."""

    records: CustodyRecords

    def save(self, custody_id: bytes, *, operator_name: str, purpose: str, since: date | None) -> None:
        """Save on what terms the two own the credential together. Saving the same ones changes nothing.

        Raises:
            InvalidInput: in "operator_name" or "purpose".
            RecordNotFound, RecordArchived, ActNotAllowed: the record's terms stay as they are.
        """
        actor = self.records.actor
        if actor.account_id is None:
            raise ValueError("only a person with an account saves terms")
        self.records.require(custody_id, Act.EDIT, alone=True)
        check = TextCheck()
        operator_name = check.line("operator_name", operator_name, "Enter the name of your own company.")
        purpose = check.note("purpose", purpose, "Say what the credential may be used for, as agreed.")
        check.done()
        stored = self.records.session.get(CustodyTerms, custody_id, populate_existing=True)
        wanted = (operator_name, purpose, since)
        if stored is not None and (stored.operator_name, stored.purpose, stored.since) == wanted:
            return
        personal = {"operator_after": operator_name, "purpose_after": purpose}
        if stored is None:
            stored = CustodyTerms(custody_id=custody_id)
            self.records.session.add(stored)
        else:
            personal |= {"operator_before": stored.operator_name, "purpose_before": stored.purpose}
        stored.operator_name, stored.purpose, stored.since = wanted
        stored.saved_by, stored.saved_at = actor.account_id, self.records.now
        self.records.append(
            AuditEvent.CUSTODY_TERMS_CHANGED,
            custody_id,
            facts={"since": since.isoformat() if since else None},
            personal=personal,
        )


def parties_of(session: Session, custody_id: bytes) -> Parties:
    """Return the parties of a record and their terms.

    Raises:
        RecordNotFound: there is no such record.
    """
    found = session.execute(
        select(CustodyRecord.customer, CustodyTerms.operator_name, CustodyTerms.purpose, CustodyTerms.since)
        .outerjoin(CustodyTerms, CustodyTerms.custody_id == CustodyRecord.id)
        .where(CustodyRecord.id == custody_id)
    ).one_or_none()
    if found is None:
        raise RecordNotFound("there is no such record")
    return Parties(found.customer, found.operator_name or "", found.purpose or "", found.since)
