"""The custody statement: everything that the customer may know of the custody of their credential, as of one moment."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from sharelink.access.approvals import needed_by
from sharelink.cloudtrail.queries import Reconciliation, reconciliation
from sharelink.custody.policy import RecordPolicy, record_policy
from sharelink.custody.queries import RecordDetail, record_detail
from sharelink.custody.states import TERMINAL_STATES
from sharelink.statements import parts
from sharelink.statements.accesses import AccessCounts, AccessPage, access_counts, access_page
from sharelink.statements.exchanges import Exchanges, exchanges
from sharelink.statements.members import Stay, mfa_tenures, stays, tenures
from sharelink.statements.notes import LogState, Note, attempt_count, attempts, log_state


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. Every list is complete, or says how many there are in all."""

    made_at: datetime
    record: RecordDetail
    policy: RecordPolicy
    log: LogState
    terms: parts.Terms | None
    contacts: tuple[parts.Party, ...]
    items: tuple[parts.Item, ...]
    versions: tuple[parts.Version, ...]
    steps: tuple[parts.Step, ...]
    accesses: AccessPage
    counts: AccessCounts
    sign_ins: Reconciliation
    attempts: tuple[Note, ...]
    attempt_count: int
    exchanges: Exchanges
    stays: tuple[Stay, ...]
    mfa_stays: tuple[Stay, ...]
    duties: tuple[parts.Duty, ...]
    duties_done: tuple[parts.DutyDone, ...]
    holds: tuple[parts.HoldTime, ...]

    @property
    def open_hold(self) -> parts.HoldTime | None:
        """The hold that counts now, if there is one."""
        return next((hold for hold in self.holds if hold.lifted_at is None), None)

    @property
    def approvals_needed(self) -> int:
        """How many people must approve a use now."""
        return needed_by(self.policy)

    @property
    def has_ended(self) -> bool:
        """Whether custody has ended for good."""
        return self.record.state in TERMINAL_STATES

    @property
    def overdue(self) -> tuple[parts.Duty, ...]:
        """The reviews and drills that were not done in time."""
        return () if self.has_ended else tuple(duty for duty in self.duties if duty.is_overdue)


def custody_statement(session: Session, custody_id: bytes, now: datetime, page: int = 1) -> Statement:
    """Return the statement of a record as of `now`.

    Args:
        session: a reading session.
        custody_id: the record.
        now: the moment.
        page: which part of the list of accesses, see `access_page`.

    Raises:
        RecordNotFound: there is no such record.
    """
    record = record_detail(session, custody_id)
    return Statement(
        made_at=now,
        record=record,
        policy=record_policy(session, custody_id),
        log=log_state(session, record),
        terms=parts.terms(session, custody_id),
        contacts=parts.contacts(session, custody_id),
        items=parts.items(session, record),
        versions=parts.versions(session, custody_id),
        steps=parts.steps(session, custody_id),
        accesses=access_page(session, custody_id, now, page),
        counts=access_counts(session, custody_id),
        sign_ins=reconciliation(session, custody_id),
        attempts=attempts(session, record),
        attempt_count=attempt_count(session, record),
        exchanges=exchanges(session, custody_id, now),
        stays=stays(session, tenures(session, record)),
        mfa_stays=stays(session, mfa_tenures(session, record)),
        duties=parts.duties(session, custody_id, now),
        duties_done=parts.duties_done(session, custody_id),
        holds=parts.holds(session, custody_id),
    )
