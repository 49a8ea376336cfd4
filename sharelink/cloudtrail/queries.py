"""Read models of imported sign-ins: what agrees with the declared uses, what does not, and what is known about it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session

from sharelink.access.models import RootUse
from sharelink.access.states import UseOutcome
from sharelink.accounts.models import Account
from sharelink.cloudtrail.matching import Covered, merged
from sharelink.cloudtrail.models import CloudTrailImport, MismatchExplanation, RootSignIn
from sharelink.cloudtrail.states import (
    MISMATCH_LABELS,
    RESULT_LABELS,
    ExportFormat,
    MismatchKind,
    SignInResult,
)
from sharelink.crypto.identifiers import id_text
from sharelink.custody.states import PURPOSE_LABELS, Purpose

SIGN_INS_PER_PAGE = 50
UNDECLARED_MAX = 200
USE_MISMATCHES_MAX = 200
IMPORTS_MAX = 50
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class SignInLine:
    """One sign-in as a list shows it; `use_number` is None outside of every use."""

    id: bytes
    event_id: str
    at: datetime
    result: SignInResult
    mfa_used: bool | None
    source: str
    agent: str
    region: str
    use_id: bytes | None
    use_number: int | None
    use_person: str

    @property
    def result_label(self) -> str:
        """How it ended, in words."""
        return RESULT_LABELS[self.result]

    @property
    def use_address(self) -> str:
        """Where the page of its use is; "" for none."""
        return "" if self.use_id is None else f"/uses/{id_text(self.use_id)}"


@dataclass(frozen=True, slots=True)
class MismatchedUse:
    """A use that is a mismatch, or the one that it is about."""

    id: bytes
    number: int
    person: str
    purpose: str
    checked_out_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class UseMismatch:
    """A use that has no sign-in although it should, or has one although it should not."""

    kind: MismatchKind
    use: MismatchedUse


@dataclass(frozen=True, slots=True)
class Explanation:
    """What somebody wrote about a mismatch."""

    text: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One mismatch: a sign-in without a use, or a use. What was written about it, the oldest first."""

    kind: MismatchKind
    id_text: str
    at: datetime
    sign_in: SignInLine | None
    use: MismatchedUse | None
    explanations: tuple[Explanation, ...]

    @property
    def label(self) -> str:
        """What kind of mismatch it is, in words."""
        return MISMATCH_LABELS[self.kind]


@dataclass(frozen=True, slots=True)
class ImportLine:
    """One file that was brought in."""

    number: int
    format: ExportFormat
    file_name: str
    covers_from: datetime
    covers_until: datetime
    sign_in_count: int
    new_count: int
    imported_at: datetime
    imported_by: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What CloudTrail and the declared uses say together. Lists are the newest first; the counts are of everything."""

    import_count: int
    has_csv: bool
    covered: tuple[Covered, ...]
    sign_in_count: int
    undeclared_count: int
    use_mismatch_count: int
    unexplained_count: int
    mismatches: tuple[Mismatch, ...]

    @property
    def matched_count(self) -> int:
        """How many sign-ins fall into a declared use."""
        return self.sign_in_count - self.undeclared_count

    @property
    def mismatch_count(self) -> int:
        """How many mismatches there are, explained or not."""
        return self.undeclared_count + self.use_mismatch_count


@dataclass(frozen=True, slots=True)
class SignInPage:
    """One page of a record's sign-ins, the newest first."""

    sign_ins: tuple[SignInLine, ...]
    total: int
    page: int
    page_count: int


def reconciliation(session: Session, custody_id: bytes) -> Reconciliation:
    """Return how a record's sign-ins and uses agree."""
    formats = session.execute(
        select(CloudTrailImport.format, func.count())
        .where(CloudTrailImport.custody_id == custody_id)
        .group_by(CloudTrailImport.format)
    ).all()
    undeclared = is_undeclared(custody_id)
    counts = session.execute(
        select(func.count(), func.count(RootSignIn.use_id)).where(RootSignIn.custody_id == custody_id)
    ).one()
    explained = session.scalar(
        select(func.count(func.distinct(MismatchExplanation.sign_in_id))).where(
            MismatchExplanation.custody_id == custody_id
        )
    )
    of_uses = use_mismatches(session, custody_id)
    sign_ins = _lines(session, undeclared, UNDECLARED_MAX)
    shown_uses = of_uses[:USE_MISMATCHES_MAX]
    about_sign_ins = _explanations(session, custody_id, [line.id for line in sign_ins])
    about_uses = _explanations(session, custody_id, [each.use.id for each in of_uses])
    mismatches = [_of_sign_in(line, about_sign_ins) for line in sign_ins]
    mismatches += [_of_use(each, about_uses) for each in shown_uses]
    return Reconciliation(
        import_count=sum(count for _format, count in formats),
        has_csv=any(kind is ExportFormat.CSV for kind, _count in formats),
        covered=covered_times(session, custody_id),
        sign_in_count=counts[0],
        undeclared_count=counts[0] - counts[1],
        use_mismatch_count=len(of_uses),
        unexplained_count=counts[0] - counts[1] - (explained or 0) + len(of_uses) - len(about_uses),
        mismatches=tuple(sorted(mismatches, key=lambda each: each.at, reverse=True)),
    )


def sign_in_page(session: Session, custody_id: bytes, page: int) -> SignInPage:
    """Return one page of a record's sign-ins; a page beyond the last gives the last."""
    total = session.scalar(select(func.count()).where(RootSignIn.custody_id == custody_id)) or 0
    page_count = max(1, -(-total // SIGN_INS_PER_PAGE))
    page = min(max(page, 1), page_count)
    lines = _lines(session, RootSignIn.custody_id == custody_id, SIGN_INS_PER_PAGE, (page - 1) * SIGN_INS_PER_PAGE)
    return SignInPage(lines, total, page, page_count)


def imports_of(session: Session, custody_id: bytes) -> tuple[ImportLine, ...]:
    """Return the newest imports of a record."""
    rows = session.execute(
        select(CloudTrailImport, Account.name)
        .join(Account, Account.id == CloudTrailImport.imported_by)
        .where(CloudTrailImport.custody_id == custody_id)
        .order_by(CloudTrailImport.number.desc())
        .limit(IMPORTS_MAX)
    )
    return tuple(
        ImportLine(
            number=row.number,
            format=row.format,
            file_name=row.file_name,
            covers_from=row.covers_from,
            covers_until=row.covers_until,
            sign_in_count=row.sign_in_count,
            new_count=row.new_count,
            imported_at=row.imported_at,
            imported_by=name,
        )
        for row, name in rows
    )


def covered_times(session: Session, custody_id: bytes) -> tuple[Covered, ...]:
    """Return the times of which imports tell everything, the oldest first."""
    rows = session.execute(
        select(CloudTrailImport.covers_from, CloudTrailImport.covers_until).where(
            CloudTrailImport.custody_id == custody_id
        )
    )
    return merged((start, end) for start, end in rows)


def seen_uses(session: Session, custody_id: bytes) -> frozenset[bytes]:
    """Return the uses of a record that have a sign-in which did not fail."""
    found = session.scalars(
        select(RootSignIn.use_id)
        .where(
            RootSignIn.custody_id == custody_id,
            RootSignIn.use_id.is_not(None),
            RootSignIn.result != SignInResult.FAILURE,
        )
        .distinct()
    )
    return frozenset(use_id for use_id in found if use_id is not None)


def use_mismatches(session: Session, custody_id: bytes) -> tuple[UseMismatch, ...]:
    """Return the ended uses that CloudTrail does not bear out, the newest first.

    Without a sign-in: only where the imports cover all of the use. Checked in as not used: with a sign-in all the same.
    """
    covered = covered_times(session, custody_id)
    if not covered:
        return ()
    has_sign_in = exists().where(
        RootSignIn.custody_id == custody_id,
        RootSignIn.use_id == RootUse.id,
        RootSignIn.result != SignInResult.FAILURE,
    )
    rows = session.execute(
        select(
            RootUse.id,
            RootUse.number,
            RootUse.requester_name,
            RootUse.purpose,
            RootUse.checked_out_at,
            RootUse.checked_in_at,
            RootUse.window_end,
            RootUse.outcome,
        )
        .where(
            RootUse.custody_id == custody_id,
            RootUse.checked_in_at.is_not(None),
            RootUse.checked_out_at.between(covered[0].start, covered[-1].end),
            or_(
                (RootUse.outcome == UseOutcome.NOT_USED) & has_sign_in,
                (RootUse.outcome != UseOutcome.NOT_USED) & ~has_sign_in,
            ),
        )
        .order_by(RootUse.number.desc())
    )
    found = []
    for use_id, number, person, purpose, start, checked_in_at, window_end, outcome in rows:
        if start is None or checked_in_at is None:
            continue
        is_contradicted = outcome is UseOutcome.NOT_USED
        end = min(checked_in_at, window_end)
        if is_contradicted or any(time.holds(start, end) for time in covered):
            kind = MismatchKind.CONTRADICTED if is_contradicted else MismatchKind.UNSEEN
            use = MismatchedUse(use_id, number, person, PURPOSE_LABELS[Purpose(purpose)], start, checked_in_at)
            found.append(UseMismatch(kind, use))
    return tuple(found)


def mismatch_of(session: Session, custody_id: bytes, mismatch_id: bytes) -> Mismatch | None:
    """Return one mismatch of a record by the id of its sign-in or use; None if that is none."""
    about = _explanations(session, custody_id, [mismatch_id])
    lines = _lines(session, is_undeclared(custody_id) & (RootSignIn.id == mismatch_id), 1)
    if lines:
        return _of_sign_in(lines[0], about)
    for each in use_mismatches(session, custody_id):
        if each.use.id == mismatch_id:
            return _of_use(each, about)
    return None


def is_undeclared(custody_id: bytes) -> ColumnElement[bool]:
    """Return the condition of a record's sign-ins outside of every use."""
    return (RootSignIn.custody_id == custody_id) & RootSignIn.use_id.is_(None)


def _lines(session: Session, condition: ColumnElement[bool], limit: int, offset: int = 0) -> tuple[SignInLine, ...]:
    rows = session.execute(
        select(RootSignIn, RootUse.number, RootUse.requester_name)
        .outerjoin(RootUse, RootUse.id == RootSignIn.use_id)
        .where(condition)
        .order_by(RootSignIn.signed_in_at.desc(), RootSignIn.event_id)
        .limit(limit)
        .offset(offset)
    )
    return tuple(
        SignInLine(
            id=row.id,
            event_id=row.event_id,
            at=row.signed_in_at,
            result=row.result,
            mfa_used=row.mfa_used,
            source=row.source,
            agent=row.agent,
            region=row.region,
            use_id=row.use_id,
            use_number=number,
            use_person=person or "",
        )
        for row, number, person in rows
    )


def _explanations(
    session: Session, custody_id: bytes, wanted: Collection[bytes]
) -> Mapping[bytes, tuple[Explanation, ...]]:
    ids = list(wanted)
    found: dict[bytes, tuple[Explanation, ...]] = {}
    # In parts: a database takes only so many parameters.
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        rows = session.execute(
            select(MismatchExplanation, Account.name)
            .join(Account, Account.id == MismatchExplanation.explained_by)
            .where(
                MismatchExplanation.custody_id == custody_id,
                or_(MismatchExplanation.sign_in_id.in_(part), MismatchExplanation.use_id.in_(part)),
            )
            .order_by(MismatchExplanation.explained_at, MismatchExplanation.id)
        )
        for row, name in rows:
            about = row.sign_in_id or row.use_id or b""
            found[about] = (*found.get(about, ()), Explanation(row.text, name, row.explained_at))
    return found


def _of_sign_in(line: SignInLine, about: Mapping[bytes, tuple[Explanation, ...]]) -> Mismatch:
    return Mismatch(MismatchKind.UNDECLARED, id_text(line.id), line.at, line, None, about.get(line.id, ()))


def _of_use(each: UseMismatch, about: Mapping[bytes, tuple[Explanation, ...]]) -> Mismatch:
    use = each.use
    return Mismatch(each.kind, id_text(use.id), use.checked_out_at, None, use, about.get(use.id, ()))
