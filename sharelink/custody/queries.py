"""Read models of custody records: frozen, complete, and never a database row."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, func, select
from sqlalchemy.orm import Session

from sharelink.accounts.models import Account, CustodianGroup
from sharelink.crypto.identifiers import id_text
from sharelink.custody.details import search_form
from sharelink.custody.errors import RecordNotFound
from sharelink.custody.models import CustodyRecord
from sharelink.custody.states import (
    ALLOWED_ACTS,
    RECORD_TEMPLATES,
    STATE_LABELS,
    STATE_TONES,
    Act,
    CustodyState,
    RecordKind,
    Scenario,
)
from sharelink.persistence.text_search import holds

RECORDS_PER_PAGE = 25
SEARCH_MAX = 200
"""So many records a search shows; more words find fewer."""

CHOICE_MAX = 20
"""So many records a field offers to choose from; whoever wants another one searches for it."""
SEARCH_WORDS_MAX = 8


@dataclass(frozen=True, slots=True)
class RecordLine:
    """A record as a list shows it."""

    id: bytes
    reference: str
    customer: str
    subject: str
    kind: RecordKind
    state: CustodyState
    opened_at: datetime
    archived_at: datetime | None

    @property
    def id_text(self) -> str:
        """The record's id as URLs and forms name it."""
        return id_text(self.id)

    @property
    def kind_label(self) -> str:
        """What people call this kind."""
        return RECORD_TEMPLATES[self.kind].label

    @property
    def state_label(self) -> str:
        """What people call its state."""
        return STATE_LABELS[self.state]

    @property
    def tone(self) -> str:
        """How its state is to be taken: plain, done, warn or bad."""
        return STATE_TONES.get(self.state, "plain")

    @property
    def is_archived(self) -> bool:
        """Whether the record was taken out of the daily lists."""
        return self.archived_at is not None


@dataclass(frozen=True, slots=True)
class RecordList:
    """One page of records; `total` counts all pages. `is_cut`: there are more, but a search shows no more of them."""

    records: tuple[RecordLine, ...]
    total: int
    page: int
    page_count: int
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class RecordDetail:
    """A record as its own page shows it. Details that the kind lacks, or nobody knows yet, are empty."""

    id: bytes
    reference: str
    kind: RecordKind
    state: CustodyState
    customer: str
    subject: str
    aws_account_id: str
    root_email: str
    contract_reference: str
    distribution_list: str
    scenario: Scenario | None
    group_id: bytes
    group_name: str
    opened_at: datetime
    opened_by: str
    archived_at: datetime | None
    version: int

    @property
    def id_text(self) -> str:
        """The record's id as URLs and forms name it, and the name of its audit chain."""
        return id_text(self.id)

    @property
    def kind_label(self) -> str:
        """What people call this kind."""
        return RECORD_TEMPLATES[self.kind].label

    @property
    def state_label(self) -> str:
        """What people call its state."""
        return STATE_LABELS[self.state]

    @property
    def is_archived(self) -> bool:
        """Whether the record was taken out of the daily lists."""
        return self.archived_at is not None


def record_list(
    session: Session,
    *,
    groups: Collection[bytes] | None,
    search: str = "",
    archived: bool = False,
    page: int = 1,
) -> RecordList:
    """Return one page of records, newest first.

    Args:
        session: a reading session.
        groups: only records of these groups; None for all.
        search: words that must all occur in reference, customer, subject, account id or contract reference.
        archived: True for archived records, too.
        page: counted from 1; one beyond the last gives the last.
    """
    conditions = _conditions(groups, search, archived)
    is_search = bool(search.strip())
    page = max(page, 1)
    found = _some(session, conditions, page)
    before = (page - 1) * RECORDS_PER_PAGE
    total, is_cut = before + len(found), False
    # With the end in sight, counting would only look through all records once more.
    if len(found) > RECORDS_PER_PAGE or (page > 1 and not found):
        total = _count(session, conditions, SEARCH_MAX + 1 if is_search else None)
        is_cut = is_search and total > SEARCH_MAX
        total = min(total, SEARCH_MAX) if is_cut else total
    page_count = max(1, -(-total // RECORDS_PER_PAGE))
    if page > page_count:
        page = page_count
        found = _some(session, conditions, page)
    return RecordList(tuple(found[:RECORDS_PER_PAGE]), total, page, page_count, is_cut)


def _count(session: Session, conditions: list[ColumnElement[bool]], limit: int | None) -> int:
    wanted = select(CustodyRecord.id).where(*conditions).limit(limit).subquery()
    return session.execute(select(func.count()).select_from(wanted)).scalar_one()


def _some(session: Session, conditions: list[ColumnElement[bool]], page: int) -> list[RecordLine]:
    """Return the records of a page, and one more if there is one.

    Which they are is found first, in an index alone: the rows of all earlier pages need not be read.
    """
    ids = (
        select(CustodyRecord.id)
        .where(*conditions)
        .order_by(CustodyRecord.opened_at.desc(), CustodyRecord.id)
        .limit(RECORDS_PER_PAGE + 1)
        .offset((page - 1) * RECORDS_PER_PAGE)
    )
    chosen = session.scalars(ids).all()
    if not chosen:
        return []
    wanted = _lines().where(CustodyRecord.id.in_(chosen))
    return [_line(row) for row in session.execute(wanted.order_by(CustodyRecord.opened_at.desc(), CustodyRecord.id))]


def records_for_choice(
    session: Session, act: Act, *, groups: Collection[bytes] | None, search: str = "", limit: int = CHOICE_MAX
) -> list[RecordLine]:
    """Return the newest records whose state allows `act` and that `search` finds, at most `limit`.

    Args:
        session: a reading session.
        act: what the record is chosen for.
        groups: only records of these groups; None for all.
        search: words as for `record_list`.
        limit: how many at most.
    """
    wanted = (
        _lines()
        .where(*_conditions(groups, search, archived=False), _allows(act))
        .order_by(CustodyRecord.opened_at.desc(), CustodyRecord.id)
        .limit(limit)
    )
    return [_line(row) for row in session.execute(wanted)]


def record_for_choice(
    session: Session, act: Act, record_id: bytes, *, groups: Collection[bytes] | None
) -> RecordLine | None:
    """Return one record if it is among those that `records_for_choice` chooses from, however old it is."""
    conditions = _conditions(groups, "", archived=False)
    wanted = _lines().where(CustodyRecord.id == record_id, *conditions, _allows(act))
    row = session.execute(wanted).one_or_none()
    return None if row is None else _line(row)


_records = CustodyRecord.metadata.tables[CustodyRecord.__tablename__]
_group_of = select(_records.c.group_id).where(_records.c.id == bindparam("record"))
"""Built once, on the table itself: every act of staff on a record asks it first."""


def record_group(session: Session, record_id: bytes) -> bytes:
    """Return the id of the group that looks after the record, for the question who may do what with it.

    Raises:
        RecordNotFound: there is no such record.
    """
    group_id: bytes | None = session.connection().execute(_group_of, {"record": record_id}).scalar_one_or_none()
    if group_id is None:
        raise RecordNotFound("there is no such record")
    return group_id


def record_by_reference(session: Session, reference: str) -> bytes | None:
    """Return the id of the record with this reference, such as C-7K3Q; None if there is none."""
    wanted = select(CustodyRecord.id).where(CustodyRecord.reference == reference.strip().upper())
    return session.execute(wanted).scalar_one_or_none()


def references_of(session: Session, record_ids: Collection[bytes]) -> dict[bytes, str]:
    """Return the references of those of the ids that are records."""
    wanted = select(CustodyRecord.id, CustodyRecord.reference).where(CustodyRecord.id.in_(record_ids))
    return {row.id: row.reference for row in session.execute(wanted)}


def record_detail(session: Session, record_id: bytes) -> RecordDetail:
    """Return everything that the page of a record shows of the record itself.

    Raises:
        RecordNotFound: there is no such record.
    """
    wanted = (
        select(CustodyRecord, CustodianGroup.name, Account.name)
        .join(CustodianGroup, CustodianGroup.id == CustodyRecord.group_id)
        .join(Account, Account.id == CustodyRecord.opened_by)
        .where(CustodyRecord.id == record_id)
        .execution_options(populate_existing=True)
    )
    found = session.execute(wanted).one_or_none()
    if found is None:
        raise RecordNotFound("there is no such record")
    record, group_name, opened_by = found
    return RecordDetail(
        id=record.id,
        reference=record.reference,
        kind=RecordKind(record.kind),
        state=CustodyState(record.state),
        customer=record.customer,
        subject=record.subject,
        aws_account_id=record.aws_account_id or "",
        root_email=record.root_email or "",
        contract_reference=record.contract_reference or "",
        distribution_list=record.distribution_list or "",
        scenario=record.scenario,
        group_id=record.group_id,
        group_name=group_name,
        opened_at=record.opened_at,
        opened_by=opened_by,
        archived_at=record.archived_at,
        version=record.version,
    )


def _allows(act: Act) -> ColumnElement[bool]:
    return CustodyRecord.state.in_([state for state, acts in ALLOWED_ACTS.items() if act in acts])


def _lines() -> Select[*tuple[Any, ...]]:
    return select(
        CustodyRecord.id,
        CustodyRecord.reference,
        CustodyRecord.customer,
        CustodyRecord.subject,
        CustodyRecord.kind,
        CustodyRecord.state,
        CustodyRecord.opened_at,
        CustodyRecord.archived_at,
    )


def _line(row: Row[*tuple[Any, ...]]) -> RecordLine:
    return RecordLine(
        id=row.id,
        reference=row.reference,
        customer=row.customer,
        subject=row.subject,
        kind=RecordKind(row.kind),
        state=CustodyState(row.state),
        opened_at=row.opened_at,
        archived_at=row.archived_at,
    )


def _conditions(groups: Collection[bytes] | None, search: str, archived: bool) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if groups is not None:
        conditions.append(CustodyRecord.group_id.in_(groups))
    if not archived:
        conditions.append(CustodyRecord.archived_at.is_(None))
    # PostgreSQL refuses NUL in a text, and no stored text holds one.
    words = search_form(search.replace("\0", " ")).split()[:SEARCH_WORDS_MAX]
    conditions.extend(holds(CustodyRecord.search_text, word) for word in words)
    return conditions
