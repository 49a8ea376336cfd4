"""Tables of access: declared uses, decisions about them, links and codes of the customer's approvers."""

from datetime import datetime

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.access.states import Finding, UseOutcome, UseState, Verdict
from sharelink.custody.states import Purpose
from sharelink.persistence.database import Base
from sharelink.persistence.types import Id, UtcDateTime, enum_text

TICKET_MAX = 100
NAME_MAX = 200


class RootUse(Base):
    """One declared use of what is in custody. `number` counts the uses of a record without a gap.

    Who, what, why and when never change after the request: the digest covers them, approvals are of that digest, and
    an edit is a new request. `expires_at` is when a use that has not begun ends by itself.
    """

    __tablename__ = "root_use"
    __table_args__ = (
        CheckConstraint(
            "state IN ('requested', 'approved', 'denied', 'withdrawn', 'expired', 'checked_out', 'overdue', "
            "'checked_in', 'reviewed')",
            name="state",
        ),
        CheckConstraint("window_start < window_end", name="window"),
        CheckConstraint("approvals_needed BETWEEN 0 AND 4", name="approvals_needed"),
        CheckConstraint("outcome IN ('done', 'not_done', 'not_used')", name="outcome"),
        CheckConstraint("finding IN ('as_declared', 'concern')", name="finding"),
        CheckConstraint(
            "state NOT IN ('checked_out', 'overdue', 'checked_in', 'reviewed') OR checked_out_at IS NOT NULL",
            name="begun",
        ),
        CheckConstraint(
            "(state IN ('checked_in', 'reviewed')) = (checked_in_at IS NOT NULL)",
            name="checked_in_once",
        ),
        CheckConstraint("(state = 'reviewed') = (reviewed_at IS NOT NULL)", name="reviewed_once"),
        UniqueConstraint("custody_id", "number"),
        # For the reference of a decision, which holds the database to "never one's own".
        UniqueConstraint("id", "requester_id"),
        Index("ix_root_use_state_expires_at", "state", "expires_at"),
        Index("ix_root_use_requester_id_state", "requester_id", "state"),
        Index(
            "ix_root_use_review_due_at",
            "review_due_at",
            sqlite_where=text("reviewed_at IS NULL"),
            postgresql_where=text("reviewed_at IS NULL"),
        ),
    )

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    custody_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custody_record.id"))
    number: Mapped[int] = mapped_column()
    requester_id: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"))
    requester_name: Mapped[str] = mapped_column(String(NAME_MAX))
    purpose: Mapped[Purpose] = mapped_column(enum_text(Purpose))
    ticket: Mapped[str | None] = mapped_column(String(TICKET_MAX))
    reason: Mapped[str] = mapped_column(Text)
    window_start: Mapped[datetime] = mapped_column(UtcDateTime)
    window_end: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[UseState] = mapped_column(enum_text(UseState))
    salt: Mapped[bytes] = mapped_column(Id)
    digest: Mapped[bytes] = mapped_column(Id)
    policy_digest: Mapped[bytes] = mapped_column(Id)
    approvals_needed: Mapped[int] = mapped_column()
    is_break_glass: Mapped[bool] = mapped_column(Boolean)
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    checked_out_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    overdue_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    checked_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    checked_in_by: Mapped[bytes | None] = mapped_column(Id, ForeignKey("account.id"))
    outcome: Mapped[UseOutcome | None] = mapped_column(enum_text(UseOutcome))
    outcome_note: Mapped[str | None] = mapped_column(Text)
    review_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reviewed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reviewed_by: Mapped[bytes | None] = mapped_column(Id, ForeignKey("account.id"))
    finding: Mapped[Finding | None] = mapped_column(enum_text(Finding))
    review_note: Mapped[str | None] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end_reason: Mapped[str | None] = mapped_column(String(32))


class UseDecision(Base):
    """What one person of ours, or one contact of the customer, said about a use. Each of them once, and for good.

    `requester_id` repeats whose use it is, so that the database itself refuses a word about one's own.
    """

    __tablename__ = "use_decision"
    __table_args__ = (
        CheckConstraint("verdict IN ('approved', 'denied')", name="verdict"),
        CheckConstraint("(account_id IS NULL) <> (contact_id IS NULL)", name="one_decider"),
        CheckConstraint("account_id IS NULL OR account_id <> requester_id", name="never_ones_own"),
        ForeignKeyConstraint(
            ["use_id", "requester_id"],
            ["root_use.id", "root_use.requester_id"],
            name="fk_use_decision_use_id_requester_id_root_use",
        ),
        UniqueConstraint("use_id", "account_id"),
        UniqueConstraint("use_id", "contact_id"),
    )

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    use_id: Mapped[bytes] = mapped_column(Id)
    requester_id: Mapped[bytes] = mapped_column(Id)
    account_id: Mapped[bytes | None] = mapped_column(Id, ForeignKey("account.id"))
    contact_id: Mapped[bytes | None] = mapped_column(Id, ForeignKey("custody_contact.id"))
    name: Mapped[str] = mapped_column(String(NAME_MAX))
    verdict: Mapped[Verdict] = mapped_column(enum_text(Verdict))
    digest: Mapped[bytes] = mapped_column(Id)
    note: Mapped[str | None] = mapped_column(Text)
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ApprovalLink(Base):
    """The one link by which one contact decides about one use. Without a key until it is mailed; nobody else sees it.

    Mailed again, it gets another key, and the earlier one is dead.
    """

    __tablename__ = "approval_link"
    __table_args__ = (UniqueConstraint("use_id", "contact_id"),)

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    use_id: Mapped[bytes] = mapped_column(Id, ForeignKey("root_use.id"))
    contact_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custody_contact.id"))
    key_hash: Mapped[bytes | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ApprovalCode(Base):
    """A code that proves that the link's contact reads their mail now. The newest of a link is the only good one."""

    __tablename__ = "approval_code"
    __table_args__ = (UniqueConstraint("link_id", "number"),)

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    link_id: Mapped[bytes] = mapped_column(Id, ForeignKey("approval_link.id"))
    number: Mapped[int] = mapped_column()
    code_hash: Mapped[bytes | None] = mapped_column(Id)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column()
