"""Tables of accounts: people, their roles and groups, their sessions, and tries to sign in."""

from datetime import datetime

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, String, Text, false, text, true
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.accounts.stages import SignInProof, Stage
from sharelink.accounts.states import ChangeKind, ChangeState, Role
from sharelink.persistence.database import Base
from sharelink.persistence.types import Id, UtcDateTime, enum_text

NAME_MAX = 120
NAME_KEY_MAX = 2 * NAME_MAX
EMAIL_MAX = 254
IP_MAX = 64
AGENT_MAX = 400
ROLES_MAX = 100
METHODS_MAX = 200


class Account(Base):
    """One person. Never deleted, only disabled: records and the audit name it for ever.

    `is_break_glass`: it signs in here by itself even where only the provider signs people in. `sso_link_until`: till
    then whoever first comes from the provider with the account's address gets the account.
    """

    __tablename__ = "account"

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_MAX))
    email: Mapped[str] = mapped_column(String(EMAIL_MAX), unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    password_changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_sign_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    notices_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_break_glass: Mapped[bool] = mapped_column(Boolean, server_default=false())
    sso_link_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AccountRole(Base):
    """One role of one account; an account has a set of them."""

    __tablename__ = "account_role"
    __table_args__ = (
        CheckConstraint("role IN ('staff', 'custodian', 'approver', 'auditor', 'administrator')", name="role"),
    )

    account_id: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"), primary_key=True)
    role: Mapped[Role] = mapped_column(enum_text(Role), primary_key=True)


class CustodianGroup(Base):
    """Custodians who look after the same records. Its id is also the id of its chain in the audit."""

    __tablename__ = "custodian_group"

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_MAX))
    name_key: Mapped[str] = mapped_column(String(NAME_KEY_MAX), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class GroupMember(Base):
    """One stay of one account in one group; whoever leaves and comes back has two rows."""

    __tablename__ = "group_member"
    __table_args__ = (
        Index(
            "uq_group_member_present",
            "account_id",
            "group_id",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    group_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custodian_group.id"), index=True)
    account_id: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StaffSession(Base):
    """A browser on its way in, or signed in. The row is the session: when it is gone, the cookie is worth nothing.

    `proven_at` is when somebody last proved strongly who they are; `proof` is None until the session is full;
    `provider_methods` is what the provider said that it asked for, if the proof was its word; `is_local` is whether it
    began here, not at the provider: later proofs do not change that.
    """

    __tablename__ = "staff_session"
    __table_args__ = (
        CheckConstraint("stage IN ('second_factor', 'enrolment', 'full')", name="stage"),
        CheckConstraint(
            "proof IN ('passkey', 'password_and_code', 'password_and_passkey', 'password_and_recovery_code', 'sso')",
            name="proof",
        ),
        CheckConstraint("(stage = 'full') = (proof IS NOT NULL)", name="full_is_proven"),
    )

    key_hash: Mapped[bytes] = mapped_column(Id, primary_key=True)
    account_id: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"), index=True)
    stage: Mapped[Stage] = mapped_column(enum_text(Stage))
    proof: Mapped[SignInProof | None] = mapped_column(enum_text(SignInProof))
    provider_methods: Mapped[str | None] = mapped_column(String(METHODS_MAX))
    is_local: Mapped[bool] = mapped_column(Boolean, server_default=true())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    proven_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ip: Mapped[str | None] = mapped_column(String(IP_MAX))
    agent: Mapped[str | None] = mapped_column(String(AGENT_MAX))


class KnownDevice(Base):
    """A browser in which somebody has signed in all the way. It keeps its way in while strangers are paused."""

    __tablename__ = "known_device"

    key_hash: Mapped[bytes] = mapped_column(Id, primary_key=True)
    account_id: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SetUpLink(Base):
    """A link that makes the first account, once. Only the newest one is kept."""

    __tablename__ = "set_up_link"

    key_hash: Mapped[bytes] = mapped_column(Id, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SignInAttempt(Base):
    """One try at a password or a code, written before anybody knows how it ends; a right one is erased again.

    `account_ref` and `client_ref` are keyed hashes: what was typed into the e-mail field may be anything, even a
    password. `account_id` is None when nobody has the typed address. Rows live for a few minutes.
    """

    __tablename__ = "sign_in_attempt"
    __table_args__ = (Index("ix_sign_in_attempt_account_ref_client_ref", "account_ref", "client_ref", "attempted_at"),)

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    account_ref: Mapped[bytes] = mapped_column(Id)
    client_ref: Mapped[bytes] = mapped_column(Id)
    account_id: Mapped[bytes | None] = mapped_column(Id, ForeignKey("account.id"))
    ip: Mapped[str | None] = mapped_column(String(IP_MAX))
    attempted_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    is_reported: Mapped[bool] = mapped_column(Boolean)
    is_forgiven: Mapped[bool] = mapped_column(Boolean)
    is_second_step: Mapped[bool] = mapped_column(Boolean, server_default=false())


class Invitation(Base):
    """A link that makes one account, once, for the holder of one address. Kept afterwards: it says who invited whom.

    `invited_by` is None for an operator at the command line.
    """

    __tablename__ = "invitation"

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    key_hash: Mapped[bytes] = mapped_column(Id)
    email: Mapped[str] = mapped_column(String(EMAIL_MAX), index=True)
    roles: Mapped[str] = mapped_column(String(ROLES_MAX))
    invited_by: Mapped[bytes | None] = mapped_column(Id, ForeignKey("account.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    account_id: Mapped[bytes | None] = mapped_column(Id, ForeignKey("account.id"))


class InvitationGroup(Base):
    """A group that the invited person will be a member of."""

    __tablename__ = "invitation_group"

    invitation_id: Mapped[bytes] = mapped_column(Id, ForeignKey("invitation.id"), primary_key=True)
    group_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custodian_group.id"), primary_key=True)


class AccountChange(Base):
    """A change that one administrator proposed and another one decides. One at a time waits for each account."""

    __tablename__ = "account_change"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('add_member', 'remove_member', 'set_roles', 'enable', 'reset_factors')",
            name="kind",
        ),
        CheckConstraint("state IN ('pending', 'approved', 'refused', 'void')", name="state"),
        CheckConstraint("decided_by IS NULL OR state <> 'approved' OR decided_by <> proposed_by", name="second_person"),
        Index(
            "uq_account_change_pending",
            "account_id",
            unique=True,
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
    )

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    kind: Mapped[ChangeKind] = mapped_column(enum_text(ChangeKind))
    account_id: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"))
    group_id: Mapped[bytes | None] = mapped_column(Id, ForeignKey("custodian_group.id"))
    roles: Mapped[str | None] = mapped_column(String(ROLES_MAX))
    digest: Mapped[bytes] = mapped_column(Id)
    state: Mapped[ChangeState] = mapped_column(enum_text(ChangeState))
    proposed_by: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"))
    proposed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[bytes | None] = mapped_column(Id, ForeignKey("account.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
