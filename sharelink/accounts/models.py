"""Tables of accounts: people, their roles and groups, their sessions, and tries to sign in."""

from datetime import datetime

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.accounts.states import Role
from sharelink.persistence.database import Base
from sharelink.persistence.types import Id, UtcDateTime, enum_text

NAME_MAX = 120
NAME_KEY_MAX = 2 * NAME_MAX
EMAIL_MAX = 254
IP_MAX = 64


class Account(Base):
    """One person. Never deleted, only disabled: records and the audit name it for ever."""

    __tablename__ = "account"

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_MAX))
    email: Mapped[str] = mapped_column(String(EMAIL_MAX), unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    password_changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_sign_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


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
    """A signed-in browser. The row is the session: when it is gone, the cookie is worth nothing."""

    __tablename__ = "staff_session"

    key_hash: Mapped[bytes] = mapped_column(Id, primary_key=True)
    account_id: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SetUpLink(Base):
    """A link that makes the first account, once. Only the newest one is kept."""

    __tablename__ = "set_up_link"

    key_hash: Mapped[bytes] = mapped_column(Id, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SignInAttempt(Base):
    """One try to prove a password, written before anybody knows how it ends; a right one is erased again.

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
