"""Read models of people: frozen, complete, and never a database row."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select
from sqlalchemy.orm import Session

from sharelink.accounts.errors import AccountNotFound
from sharelink.accounts.models import Account, AccountRole, CustodianGroup, GroupMember, SetUpLink, StaffSession
from sharelink.accounts.permissions import Permission, Reach, reach
from sharelink.accounts.stages import SignInProof, Stage
from sharelink.accounts.states import Role, role_labels
from sharelink.crypto.identifiers import id_text
from sharelink.persistence.database import Base


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whoever is signed in all the way, with what they may do, as of this request.

    `proven_at` is when they last proved strongly who they are; None after a sign-in with a recovery code.
    """

    account_id: bytes
    name: str
    email: str
    roles: frozenset[Role]
    group_ids: frozenset[bytes]
    session_hash: bytes
    last_seen_at: datetime
    signed_in_at: datetime
    proof: SignInProof
    proven_at: datetime | None
    provider_methods: tuple[str, ...] = ()

    @property
    def methods(self) -> tuple[str, ...]:
        """What they proved who they are with, as audit leaves carry it."""
        return (*self.proof.methods, *self.provider_methods)

    def reach(self, permission: Permission) -> Reach:
        """Return how far this person's permission goes."""
        return reach(permission, self.roles, self.group_ids)

    def may(self, permission: Permission | str, group_id: bytes | None = None) -> bool:
        """Tell whether this person may do something: to objects of the group `group_id`, or (without) to any at all.

        Raises:
            ValueError: there is no such permission.
        """
        reached = self.reach(Permission(permission))
        return not reached.is_empty if group_id is None else reached.covers(group_id)


@dataclass(frozen=True, slots=True)
class HalfSignedIn:
    """Whoever has proven a password and still has to take the step that `stage` names. May do nothing else."""

    account_id: bytes
    name: str
    email: str
    stage: Stage
    session_hash: bytes


@dataclass(frozen=True, slots=True)
class SessionLine:
    """One session as the list of one's own sessions shows it."""

    key_hash: bytes
    stage: Stage
    proof: SignInProof | None
    created_at: datetime
    last_seen_at: datetime
    ip: str | None
    agent: str | None


@dataclass(frozen=True, slots=True)
class GroupChoice:
    """A group as forms offer it."""

    id: bytes
    name: str

    @property
    def id_text(self) -> str:
        """The group's id as forms and URLs name it."""
        return id_text(self.id)


@dataclass(frozen=True, slots=True)
class Person:
    """An account as pages and lists show it."""

    id: bytes
    name: str
    email: str
    roles: frozenset[Role]
    group_ids: tuple[bytes, ...]
    group_names: tuple[str, ...]
    created_at: datetime
    password_changed_at: datetime
    last_sign_in_at: datetime | None
    disabled_at: datetime | None
    has_password: bool
    is_break_glass: bool

    @property
    def id_text(self) -> str:
        """The account's id as URLs and forms name it."""
        return id_text(self.id)

    @property
    def role_labels(self) -> tuple[str, ...]:
        """What the roles are called, always in the same order."""
        return role_labels(self.roles)

    @property
    def is_disabled(self) -> bool:
        """Whether the account can no longer sign in."""
        return self.disabled_at is not None


_account, _role, _member, _session = (
    Base.metadata.tables[mapped.__tablename__] for mapped in (Account, AccountRole, GroupMember, StaffSession)
)
_visitor = (
    select(
        _account.c.id,
        _account.c.name,
        _account.c.email,
        _session.c.stage,
        _session.c.proof,
        _session.c.proven_at,
        _session.c.provider_methods,
        _session.c.created_at,
        _session.c.last_seen_at,
        _role.c.role,
        _member.c.group_id,
    )
    .select_from(_session)
    .join(_account, _account.c.id == _session.c.account_id)
    .outerjoin(_role, _role.c.account_id == _account.c.id)
    .outerjoin(_member, and_(_member.c.account_id == _account.c.id, _member.c.removed_at.is_(None)))
    .where(
        _session.c.key_hash == bindparam("key_hash"),
        _session.c.expires_at > bindparam("now"),
        _session.c.last_seen_at > bindparam("idle_since"),
        _account.c.disabled_at.is_(None),
    )
)
"""Built once, on the tables themselves: every page of staff asks it first."""

_visitor_from_provider = _visitor.where(or_(_session.c.is_local.is_(False), _account.c.is_break_glass))


def find_visitor(
    connection: Connection, session_hash: bytes, now: datetime, idle_lifetime: timedelta, *, local_sign_in: bool = True
) -> Viewer | HalfSignedIn | None:
    """Return who holds the session and how far they have come. One query.

    None if the session is unknown or over, the account is disabled, or the session began here, without `local_sign_in`,
    and the account is not for break-glass: switching that off ends what is open.
    """
    wanted = _visitor if local_sign_in else _visitor_from_provider
    rows = connection.execute(wanted, {"key_hash": session_hash, "now": now, "idle_since": now - idle_lifetime}).all()
    if not rows:
        return None
    first = rows[0]
    if first.stage is not Stage.FULL or first.proof is None:
        return HalfSignedIn(first.id, first.name, first.email, first.stage, session_hash)
    return Viewer(
        account_id=first.id,
        name=first.name,
        email=first.email,
        roles=frozenset(Role(row.role) for row in rows if row.role is not None),
        group_ids=frozenset(row.group_id for row in rows if row.group_id is not None),
        session_hash=session_hash,
        last_seen_at=first.last_seen_at,
        signed_in_at=first.created_at,
        proof=first.proof,
        proven_at=first.proven_at,
        provider_methods=tuple((first.provider_methods or "").split()),
    )


def sessions_of(
    session: Session, account_id: bytes, now: datetime, idle_lifetime: timedelta
) -> tuple[SessionLine, ...]:
    """Return the sessions of an account that are not over, the one used last first."""
    rows = session.execute(
        select(
            StaffSession.key_hash,
            StaffSession.stage,
            StaffSession.proof,
            StaffSession.created_at,
            StaffSession.last_seen_at,
            StaffSession.ip,
            StaffSession.agent,
        )
        .where(
            StaffSession.account_id == account_id,
            StaffSession.expires_at > now,
            StaffSession.last_seen_at > now - idle_lifetime,
        )
        .order_by(StaffSession.last_seen_at.desc(), StaffSession.key_hash)
    )
    return tuple(SessionLine(*row) for row in rows)


def notices_seen_at(session: Session, account_id: bytes) -> datetime | None:
    """Return when somebody last said that they have seen the notices about their account."""
    return session.scalar(select(Account.notices_seen_at).where(Account.id == account_id))


def people(session: Session) -> tuple[Person, ...]:
    """Return every account, by name; disabled ones last."""
    wanted = select(Account).order_by(Account.disabled_at.is_not(None), Account.name, Account.email)
    return _persons(session, session.scalars(wanted, execution_options={"populate_existing": True}).all())


def person(session: Session, account_id: bytes) -> Person:
    """Return one account.

    Raises:
        AccountNotFound: there is no such account.
    """
    found = session.get(Account, account_id, populate_existing=True)
    if found is None:
        raise AccountNotFound("there is no such account")
    return _persons(session, [found])[0]


def groups_for_choice(session: Session, group_ids: Collection[bytes] | None) -> tuple[GroupChoice, ...]:
    """Return the groups with these ids, or all groups for None, by name."""
    wanted = select(CustodianGroup.id, CustodianGroup.name).order_by(CustodianGroup.name_key)
    if group_ids is not None:
        wanted = wanted.where(CustodianGroup.id.in_(group_ids))
    return tuple(GroupChoice(row.id, row.name) for row in session.execute(wanted))


@dataclass(frozen=True, slots=True)
class ActivePerson:
    """What somebody who can sign in may be asked about: roles and groups."""

    account_id: bytes
    roles: frozenset[Role]
    group_ids: frozenset[bytes]


def active_people(session: Session, *, also_since: datetime | None = None) -> tuple[ActivePerson, ...]:
    """Return everybody whose account is not disabled, or was disabled after `also_since`, with roles and groups."""
    is_wanted: ColumnElement[bool] = Account.disabled_at.is_(None)
    if also_since is not None:
        is_wanted |= Account.disabled_at > also_since
    rows = session.execute(
        select(Account.id, AccountRole.role, GroupMember.group_id)
        .outerjoin(AccountRole, AccountRole.account_id == Account.id)
        .outerjoin(GroupMember, and_(GroupMember.account_id == Account.id, GroupMember.removed_at.is_(None)))
        .where(is_wanted)
    ).all()
    return tuple(
        ActivePerson(
            account_id=account_id,
            roles=frozenset(Role(row.role) for row in rows if row.id == account_id and row.role is not None),
            group_ids=frozenset(row.group_id for row in rows if row.id == account_id and row.group_id is not None),
        )
        for account_id in {row.id for row in rows}
    )


def active_administrators(session: Session) -> frozenset[bytes]:
    """Return the accounts that are administrator and can sign in."""
    administrators = (
        select(Account.id)
        .join(AccountRole, AccountRole.account_id == Account.id)
        .where(AccountRole.role == Role.ADMINISTRATOR, Account.disabled_at.is_(None))
    )
    return frozenset(session.scalars(administrators))


def break_glass_accounts(session: Session) -> frozenset[bytes]:
    """Return the accounts that sign in here by themselves even where only the provider signs people in."""
    return frozenset(session.scalars(select(Account.id).where(Account.is_break_glass.is_(True))))


def has_administrator(session: Session) -> bool:
    """Tell whether somebody is administrator and can sign in."""
    return bool(active_administrators(session))


def set_up_link_is_good(session: Session, key_hash: bytes, now: datetime) -> bool:
    """Tell whether the set-up link with this key would make the first account now."""
    good = select(SetUpLink.key_hash).where(
        SetUpLink.key_hash == key_hash, SetUpLink.used_at.is_(None), SetUpLink.expires_at > now
    )
    return session.execute(good).first() is not None and not has_administrator(session)


def _persons(session: Session, accounts: Collection[Account]) -> tuple[Person, ...]:
    ids = [account.id for account in accounts]
    roles: dict[bytes, set[Role]] = {account_id: set() for account_id in ids}
    for row in session.execute(select(AccountRole.account_id, AccountRole.role).where(AccountRole.account_id.in_(ids))):
        roles[row.account_id].add(Role(row.role))
    groups: dict[bytes, list[tuple[bytes, str]]] = {account_id: [] for account_id in ids}
    memberships = (
        select(GroupMember.account_id, GroupMember.group_id, CustodianGroup.name)
        .join(CustodianGroup, CustodianGroup.id == GroupMember.group_id)
        .where(GroupMember.account_id.in_(ids), GroupMember.removed_at.is_(None))
        .order_by(CustodianGroup.name_key)
    )
    for membership in session.execute(memberships):
        groups[membership.account_id].append((membership.group_id, membership.name))
    return tuple(
        Person(
            id=account.id,
            name=account.name,
            email=account.email,
            roles=frozenset(roles[account.id]),
            group_ids=tuple(group_id for group_id, _name in groups[account.id]),
            group_names=tuple(name for _group_id, name in groups[account.id]),
            created_at=account.created_at,
            password_changed_at=account.password_changed_at,
            last_sign_in_at=account.last_sign_in_at,
            disabled_at=account.disabled_at,
            has_password=bool(account.password_hash),
            is_break_glass=account.is_break_glass,
        )
        for account in accounts
    )
