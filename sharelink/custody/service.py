"""Acts on custody records: open, edit, archive, restore. Each is one event in the record's own chain."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from sharelink.accounts.details import normalised_email
from sharelink.accounts.models import CustodianGroup
from sharelink.actors import Actor
from sharelink.audit.events import AuditEvent, Outcome
from sharelink.audit.log import AuditLog
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.crypto.references import new_reference
from sharelink.custody.details import RecordDetails
from sharelink.custody.errors import (
    ActNotAllowed,
    LiveSharesRemain,
    RecordArchived,
    RecordChangedMeanwhile,
    RecordNotFound,
)
from sharelink.custody.groups_apart import check_apart
from sharelink.custody.holds import able_to_release
from sharelink.custody.models import Contact, CustodyRecord, StoredPolicy
from sharelink.custody.states import ALLOWED_ACTS, Act, CustodyState, RecordField
from sharelink.errors import InvalidInput
from sharelink.shares.queries import has_shares, live_share_count

REFERENCE_PREFIX = "CR"


_record = select(CustodyRecord).where(CustodyRecord.id == bindparam("record")).execution_options(populate_existing=True)
_record_shared = _record.with_for_update(read=True)
_record_locked = _record.with_for_update(key_share=True)


@dataclass(slots=True)
class CustodyRecords:
    """The acts on custody records in one unit of work, done by `actor` at `now`.

    Whether the actor may do them is asked by the caller (`sharelink.accounts.permissions`).
    """

    session: Session
    audit: AuditLog
    actor: Actor
    now: datetime

    def open(self, details: RecordDetails, group_id: bytes, record_id: bytes | None = None) -> bytes:
        """Open a record as a draft in the care of the group `group_id`; return its id.

        A caller that has to name the record before it exists (a share's seal does) brings the fresh `record_id`.

        Raises:
            InvalidInput: there is no such group.
            ValueError: the actor is nobody with an account.
        """
        if self.actor.account_id is None:
            raise ValueError("only a person with an account opens a record")
        group_name = self._group_name(group_id)
        reference = self._unused_reference()
        record = CustodyRecord(
            id=record_id or new_id(),
            reference=reference,
            state=CustodyState.DRAFT,
            scenario=None,
            group_id=group_id,
            opened_at=self.now,
            opened_by=self.actor.account_id,
            archived_at=None,
            version=1,
        )
        _set_details(record, details)
        self.session.add(record)
        # Shares made in the same unit of work refer to the row.
        self.session.flush()
        self.append(
            AuditEvent.CUSTODY_OPENED,
            record.id,
            facts={
                "reference": reference,
                "kind": details.kind.value,
                "state": record.state,
                "group": id_text(group_id),
            },
            personal={field.value: text for field, text in details.values().items()} | {"group": group_name},
        )
        return record.id

    def edit(self, record_id: bytes, version: int, details: RecordDetails, group_id: bytes) -> None:
        """Save other details, if the record is still at `version`; saving the same ones again changes nothing.

        The event names the changed fields; what they were and are is erasable.

        Raises:
            RecordNotFound: there is no such record.
            RecordArchived, ActNotAllowed: it takes no changes.
            RecordChangedMeanwhile: somebody saved other details since `version`.
            InvalidInput: there is no such group, the kind is settled, the list is a contact's own address, or the
                actor gives away what came to a group that they are no custodian of.
            GroupsNotApart: somebody is in the other group and in the one that keeps the second factor.
        """
        record = self.require(record_id, Act.EDIT, alone=True)
        if record.version != version:
            raise RecordChangedMeanwhile(record.version)
        self._check_other_details(record, details, group_id)
        before = _details_of(record).values()
        after = details.values()
        changed = [field.value for field in RecordField if before.get(field) != after.get(field)]
        facts: dict[str, str | int | bool | None] = {}
        personal = {f"{field}_before": text for field, text in before.items() if field in changed}
        personal |= {f"{field}_after": text for field, text in after.items() if field in changed}
        if record.kind != details.kind:
            changed.append("kind")
            facts |= {"kind_before": record.kind, "kind_after": details.kind.value}
        if record.group_id != group_id:
            changed.append("group")
            personal |= {
                "group_before": self._group_name(record.group_id),
                "group_after": self._group_name(group_id),
            }
            facts |= {"group_before": id_text(record.group_id), "group_after": id_text(group_id)}
        if not changed:
            return
        _set_details(record, details)
        record.group_id = group_id
        record.version += 1
        self.append(
            AuditEvent.CUSTODY_DETAILS_CHANGED,
            record.id,
            facts=facts | {"changed": ",".join(changed)},
            personal=personal,
        )

    def archive(self, record_id: bytes) -> None:
        """Take a record out of the daily lists; archiving it twice changes nothing.

        Raises:
            RecordNotFound: there is no such record.
            LiveSharesRemain: links of it can still be opened.
        """
        record = self.locked(record_id)
        if record.archived_at is not None:
            return
        live = live_share_count(self.session, record_id, self.now)
        if live:
            raise LiveSharesRemain(live)
        record.archived_at = self.now
        record.version += 1
        self.append(AuditEvent.CUSTODY_ARCHIVED, record.id)

    def restore(self, record_id: bytes) -> None:
        """Bring an archived record back; restoring it twice changes nothing.

        Raises:
            RecordNotFound: there is no such record.
        """
        record = self.locked(record_id)
        if record.archived_at is None:
            return
        record.archived_at = None
        record.version += 1
        self.append(AuditEvent.CUSTODY_RESTORED, record.id)

    def require(self, record_id: bytes, act: Act, *, alone: bool = False) -> CustodyRecord:
        """Make sure that the record's state allows `act`, and that it stays so until the commit; return the record.

        Args:
            record_id: whose record.
            act: what is about to be done.
            alone: whether the record may change in this unit of work, so that nobody else's act may run beside it. Ask
                so before anything else is locked.

        Raises:
            RecordNotFound: there is no such record.
            RecordArchived: it is archived.
            ActNotAllowed: its state does not allow this.
        """
        # Shared lock: requests on one record do not wait for each other, only for an archiving or a step.
        record = self.locked(record_id, shared=not alone)
        if record.archived_at is not None:
            raise RecordArchived("an archived record must be restored first")
        if act not in ALLOWED_ACTS[record.state]:
            raise ActNotAllowed(record.state)
        return record

    def locked(self, record_id: bytes, *, shared: bool = False) -> CustodyRecord:
        """Return the record as it is now, locked until the commit.

        Raises:
            RecordNotFound: there is no such record.
        """
        # SQLite has one writer and ignores FOR UPDATE; elsewhere the lock makes read-then-write one step. The key share
        # of rows that refer to the record (shares, holds) does not wait for it, so that nobody waits in a circle.
        wanted = _record_shared if shared else _record_locked
        record = self.session.execute(wanted, {"record": record_id}).scalar_one_or_none()
        if record is None:
            raise RecordNotFound("there is no such record")
        return record

    def _check_other_details(self, record: CustodyRecord, details: RecordDetails, group_id: bytes) -> None:
        if details.kind is not record.kind and record.state is not CustodyState.DRAFT:
            raise InvalidInput({"kind": "The handover has begun, so the kind stays. Open another record instead."})
        if details.distribution_list is not None:
            # What is for one contact alone must never reach everybody who reads the list.
            address = normalised_email(details.distribution_list)
            contact = select(Contact.id).where(
                Contact.custody_id == record.id, Contact.removed_at.is_(None), Contact.email == address
            )
            if self.session.execute(contact).first() is not None:
                raise InvalidInput({"distribution_list": "This is the own address of a contact. Enter the list's."})
        if group_id != record.group_id:
            self._check_may_give_away(record)
            mfa_group = select(StoredPolicy.separate_mfa_group).where(StoredPolicy.custody_id == record.id)
            check_apart(self.session, group_id, self.session.scalar(mfa_group))

    def _check_may_give_away(self, record: CustodyRecord) -> None:
        # Whoever may edit any record could else give one to a group of their own, and read there what came for another.
        if record.state is CustodyState.DRAFT and not has_shares(self.session, record.id):
            return
        _able, custodians = able_to_release(self.session, record.id)
        if self.actor.account_id not in custodians:
            raise InvalidInput({"group": "Only a custodian of the group that has it now can give it to another group."})

    def _group_name(self, group_id: bytes) -> str:
        group = self.session.get(CustodianGroup, group_id)
        if group is None:
            raise InvalidInput({"group": "Choose a group from the list."})
        return group.name

    def _unused_reference(self) -> str:
        while True:
            reference = new_reference(REFERENCE_PREFIX)
            taken = select(CustodyRecord.id).where(CustodyRecord.reference == reference)
            if self.session.execute(taken).first() is None:
                return reference

    def append(
        self,
        event: AuditEvent,
        record_id: bytes,
        *,
        obj: tuple[str, bytes] | None = None,
        facts: Mapping[str, str | int | bool | None] | None = None,
        personal: Mapping[str, str] | None = None,
        outcome: Outcome = Outcome.SUCCESS,
    ) -> bytes:
        """Write one event into the chain of the record, about the record itself unless `obj` names another thing."""
        return self.audit.append(
            event,
            rec=id_text(record_id),
            actor=self.actor,
            now=self.now,
            obj=obj or ("record", record_id),
            outcome=outcome,
            facts=facts,
            personal=personal,
        )


def _set_details(record: CustodyRecord, details: RecordDetails) -> None:
    record.kind = details.kind
    record.customer = details.customer
    record.subject = details.subject
    record.aws_account_id = details.aws_account_id
    record.root_email = details.root_email
    record.contract_reference = details.contract_reference
    record.distribution_list = details.distribution_list
    record.search_text = details.search_text(record.reference)


def _details_of(record: CustodyRecord) -> RecordDetails:
    return RecordDetails(
        kind=record.kind,
        customer=record.customer,
        subject=record.subject,
        aws_account_id=record.aws_account_id,
        root_email=record.root_email,
        contract_reference=record.contract_reference,
        distribution_list=record.distribution_list,
    )
