"""Tables of custody: the record, and what lies beside it. Which steps there are is enforced by triggers (0007)."""

from datetime import date, datetime

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.custody.states import (
    CalendarKind,
    CustodyState,
    ItemKind,
    ProposalKind,
    ProposalState,
    RecordKind,
    Scenario,
    Side,
    VersionOrigin,
)
from sharelink.persistence.database import Base
from sharelink.persistence.types import Id, UtcDateTime, enum_text

CUSTOMER_MAX = 200
SUBJECT_MAX = 200
ROOT_EMAIL_MAX = 254
CONTRACT_REFERENCE_MAX = 100
DISTRIBUTION_LIST_MAX = 254
NAME_MAX = 200
NOTE_MAX = 2_000
SERIAL_TAIL_MAX = 12
TICKET_PATTERN_MAX = 200


class CustodyRecord(Base):
    """One credential in custody: whose it is, who looks after it, and where it stands.

    `version` counts the saved changes, so that two people who edit at once cannot overwrite each other unseen.
    `search_text` repeats the searchable details folded to one case, because databases fold only ASCII alike.
    """

    __tablename__ = "custody_record"
    __table_args__ = (
        CheckConstraint("kind IN ('aws_root', 'credential')", name="kind"),
        CheckConstraint(
            "state IN ('draft', 'awaiting_secret', 'received', 'verified', 'active', 'suspended', 'release_pending',"
            " 'released', 'closing', 'closed', 'compromised', 'abandoned')",
            name="state",
        ),
        CheckConstraint("scenario IN ('keep', 'change')", name="scenario"),
        CheckConstraint("scenario IS NOT NULL OR state IN ('draft', 'abandoned')", name="handover_has_scenario"),
        CheckConstraint("version >= 1", name="version"),
        # Everything that a page of the list asks of a record, in its order: earlier pages are skipped in the index.
        Index("ix_custody_record_listed", "opened_at", "id", "archived_at", "group_id"),
    )

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    reference: Mapped[str] = mapped_column(String(12), unique=True)
    kind: Mapped[RecordKind] = mapped_column(enum_text(RecordKind))
    state: Mapped[CustodyState] = mapped_column(enum_text(CustodyState))
    scenario: Mapped[Scenario | None] = mapped_column(enum_text(Scenario))
    customer: Mapped[str] = mapped_column(String(CUSTOMER_MAX))
    subject: Mapped[str] = mapped_column(String(SUBJECT_MAX))
    aws_account_id: Mapped[str | None] = mapped_column(String(12))
    root_email: Mapped[str | None] = mapped_column(String(ROOT_EMAIL_MAX))
    contract_reference: Mapped[str | None] = mapped_column(String(CONTRACT_REFERENCE_MAX))
    distribution_list: Mapped[str | None] = mapped_column(String(DISTRIBUTION_LIST_MAX))
    search_text: Mapped[str] = mapped_column(Text)
    group_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custodian_group.id"), index=True)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_by: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"))
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column()


class CustodyTransition(Base):
    """One allowed pair of states, and what the database itself demands before it lets a record go that way."""

    __tablename__ = "custody_transition"
    __table_args__ = (
        CheckConstraint(
            "demand IN ('contact', 'version', 'verified_version', 'proposal', 'hold', 'no_hold', 'no_live_share')",
            name="demand",
        ),
    )

    from_state: Mapped[CustodyState] = mapped_column(enum_text(CustodyState), primary_key=True)
    to_state: Mapped[CustodyState] = mapped_column(enum_text(CustodyState), primary_key=True)
    demand: Mapped[str] = mapped_column(String(32))


class CustodyProposal(Base):
    """What one person wants done with a record and a second one decides. `subject` tells proposals of one kind apart.

    `is_alone`: the same person confirmed it, because there was nobody else who could.
    """

    __tablename__ = "custody_proposal"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('add_contact', 'remove_contact', 'policy', 'activate', 'release', 'closing')", name="kind"
        ),
        CheckConstraint("state IN ('pending', 'confirmed', 'refused', 'void')", name="state"),
        CheckConstraint("(state = 'pending') = (decided_at IS NULL)", name="decided_has_time"),
        CheckConstraint(
            "state <> 'confirmed' OR (decided_by IS NOT NULL AND (decided_by <> proposed_by) <> is_alone)",
            name="second_person",
        ),
        Index(
            "uq_custody_proposal_pending",
            "custody_id",
            "kind",
            "subject",
            unique=True,
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_custody_proposal_state_proposed_at", "state", "proposed_at"),
    )

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    custody_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custody_record.id"), index=True)
    kind: Mapped[ProposalKind] = mapped_column(enum_text(ProposalKind))
    subject: Mapped[str] = mapped_column(String(64))
    payload: Mapped[str] = mapped_column(Text)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    state: Mapped[ProposalState] = mapped_column(enum_text(ProposalState))
    proposed_by: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"))
    proposed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[bytes | None] = mapped_column(Id, ForeignKey("account.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_alone: Mapped[bool] = mapped_column(Boolean)


class CustodyStep(Base):
    """One transition that a record has made, with its evidence (a JSON object of texts). Never changed, never deleted.

    `by_account_id` is None where a customer's submission or the service itself made the step.
    """

    __tablename__ = "custody_step"
    __table_args__ = (
        ForeignKeyConstraint(
            ["from_state", "to_state"],
            ["custody_transition.from_state", "custody_transition.to_state"],
            name="fk_custody_step_from_state_custody_transition",
        ),
        CheckConstraint("number >= 1", name="number"),
        CheckConstraint("evidence <> '' AND evidence <> '{}'", name="has_evidence"),
    )

    custody_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custody_record.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    from_state: Mapped[CustodyState] = mapped_column(enum_text(CustodyState))
    to_state: Mapped[CustodyState] = mapped_column(enum_text(CustodyState))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by_account_id: Mapped[bytes | None] = mapped_column(Id, ForeignKey("account.id"))
    proposal_id: Mapped[bytes | None] = mapped_column(Id, ForeignKey("custody_proposal.id"), unique=True)
    evidence: Mapped[str] = mapped_column(Text)


class CustodyTerms(Base):
    """On what terms customer and operator own a credential together, and since when."""

    __tablename__ = "custody_terms"

    custody_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custody_record.id"), primary_key=True)
    operator_name: Mapped[str] = mapped_column(String(NAME_MAX))
    purpose: Mapped[str] = mapped_column(Text)
    since: Mapped[date | None] = mapped_column(Date)
    saved_by: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"))
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Contact(Base):
    """Somebody on either side. Counts only while confirmed by a second person; other details make another contact."""

    __tablename__ = "custody_contact"
    __table_args__ = (
        CheckConstraint("side IN ('customer', 'operator')", name="side"),
        CheckConstraint("(confirmed_at IS NULL) = (confirmed_by IS NULL)", name="confirmed_by_somebody"),
        Index(
            "uq_custody_contact_present",
            "custody_id",
            "email",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    custody_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custody_record.id"), index=True)
    side: Mapped[Side] = mapped_column(enum_text(Side))
    name: Mapped[str] = mapped_column(String(NAME_MAX))
    email: Mapped[str] = mapped_column(String(254))
    role_text: Mapped[str] = mapped_column(String(NAME_MAX))
    added_by: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    confirmed_by: Mapped[bytes | None] = mapped_column(Id, ForeignKey("account.id"))
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    confirmed_how: Mapped[str | None] = mapped_column(Text)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CustodyItem(Base):
    """A password, a device, a mailbox: what belongs to the credential, who has it, where, and when it was last seen.

    `seen_none_at` is for access keys: when somebody last saw that there are none.
    """

    __tablename__ = "custody_item"
    __table_args__ = (
        CheckConstraint("kind IN ('password', 'mfa_device', 'mailbox', 'recovery_phone', 'access_keys')", name="kind"),
        CheckConstraint("seen_none_at IS NULL OR kind = 'access_keys'", name="none_seen_of_access_keys"),
    )

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    custody_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custody_record.id"), index=True)
    kind: Mapped[ItemKind] = mapped_column(enum_text(ItemKind))
    label: Mapped[str] = mapped_column(String(NAME_MAX))
    holder: Mapped[str] = mapped_column(String(NAME_MAX))
    place: Mapped[str] = mapped_column(String(NAME_MAX))
    serial_tail: Mapped[str] = mapped_column(String(SERIAL_TAIL_MAX))
    state_text: Mapped[str] = mapped_column(String(NAME_MAX))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_checked_by: Mapped[bytes | None] = mapped_column(Id, ForeignKey("account.id"))
    seen_none_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SecretVersion(Base):
    """One version of the secret: where it came from and its times. Nothing here is derived from the secret.

    A record has at most one version that is not retired.
    """

    __tablename__ = "secret_version"
    __table_args__ = (
        CheckConstraint("origin IN ('customer', 'generated', 'external')", name="origin"),
        CheckConstraint("share_id IS NOT NULL OR origin = 'external'", name="share_of_origin"),
        CheckConstraint("number >= 1", name="number"),
        Index(
            "uq_secret_version_present",
            "custody_id",
            unique=True,
            sqlite_where=text("retired_at IS NULL"),
            postgresql_where=text("retired_at IS NULL"),
        ),
    )

    custody_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custody_record.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    origin: Mapped[VersionOrigin] = mapped_column(enum_text(VersionOrigin))
    share_id: Mapped[bytes | None] = mapped_column(Id, ForeignKey("share.id"))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StoredPolicy(Base):
    """What access to a record takes, where that is not what its template says. `purposes`: words, by comma."""

    __tablename__ = "record_policy"
    __table_args__ = (
        CheckConstraint("approvals_needed BETWEEN 0 AND 3", name="approvals_needed"),
        CheckConstraint("longest_window_seconds >= 60", name="longest_window"),
    )

    custody_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custody_record.id"), primary_key=True)
    approvals_needed: Mapped[int] = mapped_column(Integer)
    customer_approves: Mapped[bool] = mapped_column(Boolean)
    purposes: Mapped[str] = mapped_column(Text)
    longest_window_seconds: Mapped[int] = mapped_column(Integer)
    ticket_required: Mapped[bool] = mapped_column(Boolean)
    ticket_pattern: Mapped[str] = mapped_column(String(TICKET_PATTERN_MAX))
    separate_mfa_group: Mapped[bytes | None] = mapped_column(Id, ForeignKey("custodian_group.id"), index=True)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CalendarTask(Base):
    """How often a review or a drill is due on a record."""

    __tablename__ = "calendar_task"
    __table_args__ = (
        CheckConstraint("kind IN ('review', 'drill')", name="kind"),
        CheckConstraint("every_days BETWEEN 1 AND 3660", name="every_days"),
    )

    custody_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custody_record.id"), primary_key=True)
    kind: Mapped[CalendarKind] = mapped_column(enum_text(CalendarKind), primary_key=True)
    every_days: Mapped[int] = mapped_column(Integer)
    next_due_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class CalendarEntry(Base):
    """One review or drill that was done."""

    __tablename__ = "calendar_entry"
    __table_args__ = (
        CheckConstraint("kind IN ('review', 'drill')", name="kind"),
        Index("ix_calendar_entry_custody_id_done_at", "custody_id", "done_at"),
    )

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    custody_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custody_record.id"))
    kind: Mapped[CalendarKind] = mapped_column(enum_text(CalendarKind))
    done_at: Mapped[datetime] = mapped_column(UtcDateTime)
    done_by: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"))
    went_well: Mapped[bool] = mapped_column(Boolean)
    result: Mapped[str] = mapped_column(Text)
