"""The acts on imported sign-ins inside a transaction: bring a file in, explain a mismatch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, or_, select

from sharelink.access.models import RootUse
from sharelink.audit.events import AuditEvent
from sharelink.cloudtrail.errors import ExportRejected, MismatchNotFound, NoAccountNumber, RowProblem
from sharelink.cloudtrail.matching import UseSpan, match
from sharelink.cloudtrail.models import FILE_NAME_MAX, CloudTrailImport, MismatchExplanation, RootSignIn
from sharelink.cloudtrail.queries import seen_uses, use_mismatches
from sharelink.cloudtrail.reading import Export
from sharelink.cloudtrail.rows import SignIn
from sharelink.cloudtrail.states import ARRIVES_WITHIN, PROBLEMS_MAX, TOLERANCE
from sharelink.crypto.identifiers import new_id
from sharelink.custody.details import one_line
from sharelink.custody.errors import RecordArchived
from sharelink.custody.models import CustodyRecord
from sharelink.custody.service import CustodyRecords
from sharelink.custody.texts import TextCheck
from sharelink.errors import InvalidInput

_AT_ONCE = 500
_IMPORT_KIND, _SIGN_IN_KIND, _USE_KIND = "cloudtrail_import", "root_sign_in", "use"


@dataclass(frozen=True, slots=True)
class SignIns:
    """The acts on imported sign-ins, in one unit of work."""

    records: CustodyRecords

    def bring_in(
        self, custody_id: bytes, export: Export, covers_from: datetime, covers_until: datetime, file_name: str
    ) -> bytes:
        """Keep what a file tells about the record's account, all of it or nothing; return the import's id.

        A record whose custody has ended takes imports, too: the last sign-ins are known only afterwards.

        Args:
            custody_id: the record.
            export: what was read for the record's account. Events that are known already stay as they are.
            covers_from: from when on the file is complete, as somebody says who saw how it was made.
            covers_until: until when.
            file_name: what the file is called.

        Raises:
            RecordNotFound, RecordArchived: there is nothing to bring it to.
            NoAccountNumber: the record's account is not the one that the file was read for.
            InvalidInput: in "covers_from" or "covers_until".
            ExportRejected: sign-ins lie outside of that time, or contradict what was brought in before.
        """
        record = self._locked(custody_id)
        if record.aws_account_id != export.account_id:
            raise NoAccountNumber("read for another account")
        self._check_time(covers_from, covers_until)
        _check_inside(export.sign_ins, covers_from, covers_until)
        new = self._new_of(custody_id, export.sign_ins)
        known_mismatches = {each.use.id for each in use_mismatches(self.records.session, custody_id)}
        import_id = self._add_import(custody_id, export, (covers_from, covers_until), file_name, len(new))
        undeclared = self._add(custody_id, import_id, new)
        now_mismatches = {each.use.id for each in use_mismatches(self.records.session, custody_id)}
        self._tell(custody_id, import_id, export, len(new), (undeclared, len(now_mismatches - known_mismatches)))
        return import_id

    def explain(self, custody_id: bytes, mismatch_id: bytes, text: str) -> None:
        """Write down what is known about a mismatch; the mismatch itself stays.

        Args:
            custody_id: the record.
            mismatch_id: the id of the sign-in, or of the use.
            text: what is known.

        Raises:
            RecordNotFound, RecordArchived: there is nothing to explain.
            MismatchNotFound: this is no mismatch of the record (any more).
            InvalidInput: in "note".
        """
        self._locked(custody_id)
        session = self.records.session
        sign_in = session.get(RootSignIn, mismatch_id, populate_existing=True)
        is_sign_in = sign_in is not None and sign_in.custody_id == custody_id and sign_in.use_id is None
        if not is_sign_in and mismatch_id not in {each.use.id for each in use_mismatches(session, custody_id)}:
            raise MismatchNotFound("not a mismatch of this record")
        check = TextCheck()
        text = check.note("note", text, "Say what is known about it; it is kept, and the customer reads it.")
        check.done()
        session.add(
            MismatchExplanation(
                id=new_id(),
                custody_id=custody_id,
                sign_in_id=mismatch_id if is_sign_in else None,
                use_id=None if is_sign_in else mismatch_id,
                text=text,
                explained_at=self.records.now,
                explained_by=self._account_id(),
            )
        )
        self.records.append(
            AuditEvent.CLOUDTRAIL_EXPLAINED,
            custody_id,
            obj=(_SIGN_IN_KIND if is_sign_in else _USE_KIND, mismatch_id),
            facts={"about": "sign_in" if is_sign_in else "use"},
            personal={"text": text},
        )

    def _locked(self, custody_id: bytes) -> CustodyRecord:
        record = self.records.locked(custody_id)
        if record.archived_at is not None:
            raise RecordArchived("an archived record must be restored first")
        return record

    def _account_id(self) -> bytes:
        if self.records.actor.account_id is None:
            raise ValueError("only a person with an account does this")
        return self.records.actor.account_id

    def _check_time(self, covers_from: datetime, covers_until: datetime) -> None:
        if covers_until > self.records.now - ARRIVES_WITHIN:
            minutes = int(ARRIVES_WITHIN.total_seconds()) // 60
            raise InvalidInput(
                {"covers_until": f"CloudTrail may still miss the last {minutes} minutes. Choose an earlier end."}
            )
        if covers_from >= covers_until:
            raise InvalidInput({"covers_from": "This is not before the end."})

    def _new_of(self, custody_id: bytes, sign_ins: Sequence[SignIn]) -> list[SignIn]:
        known: dict[str, datetime] = {}
        for part in _parts(sign_ins):
            wanted = select(RootSignIn.event_id, RootSignIn.signed_in_at).where(
                RootSignIn.custody_id == custody_id, RootSignIn.event_id.in_([each.event_id for each in part])
            )
            known |= {row.event_id: row.signed_in_at for row in self.records.session.execute(wanted)}
        problems = [
            RowProblem(each.place, "This event was brought in before, with another time. One of the files is changed.")
            for each in sign_ins
            if known.get(each.event_id, each.at) != each.at
        ]
        if problems:
            raise ExportRejected(problems[:PROBLEMS_MAX])
        return [each for each in sign_ins if each.event_id not in known]

    def _add_import(
        self, custody_id: bytes, export: Export, covers: tuple[datetime, datetime], file_name: str, new_count: int
    ) -> bytes:
        session = self.records.session
        highest = session.scalar(
            select(func.max(CloudTrailImport.number)).where(CloudTrailImport.custody_id == custody_id)
        )
        row = CloudTrailImport(
            id=new_id(),
            custody_id=custody_id,
            number=(highest or 0) + 1,
            format=export.format,
            file_name=_shown_name(file_name),
            file_digest=export.digest,
            covers_from=covers[0],
            covers_until=covers[1],
            event_count=export.event_count,
            sign_in_count=len(export.sign_ins),
            new_count=new_count,
            imported_at=self.records.now,
            imported_by=self._account_id(),
        )
        session.add(row)
        # The sign-ins refer to it.
        session.flush()
        return row.id

    def _add(self, custody_id: bytes, import_id: bytes, new: Sequence[SignIn]) -> int:
        """Keep new sign-ins, each with the use that it falls into; return how many have none."""
        if not new:
            return 0
        spans = self._spans(custody_id, new[0].at, new[-1].at)
        uses = match(new, spans, seen_uses(self.records.session, custody_id))
        for part in _parts(new):
            self.records.session.execute(
                insert(RootSignIn),
                [
                    {
                        "id": new_id(),
                        "custody_id": custody_id,
                        "import_id": import_id,
                        "event_id": each.event_id,
                        "signed_in_at": each.at,
                        "result": each.result,
                        "mfa_used": each.mfa_used,
                        "source": each.source,
                        "agent": each.agent,
                        "region": each.region,
                        "use_id": uses.get(each.event_id),
                    }
                    for each in part
                ],
            )
        return len(new) - len(uses)

    def _spans(self, custody_id: bytes, first: datetime, last: datetime) -> list[UseSpan]:
        wanted = select(RootUse.id, RootUse.checked_out_at, RootUse.checked_in_at, RootUse.window_end).where(
            RootUse.custody_id == custody_id,
            RootUse.checked_out_at <= last + TOLERANCE,
            RootUse.window_end >= first - TOLERANCE,
            or_(RootUse.checked_in_at.is_(None), RootUse.checked_in_at >= first - TOLERANCE),
        )
        return [
            UseSpan(use_id, start, min(end or self.records.now, window_end))
            for use_id, start, end, window_end in self.records.session.execute(wanted)
            if start is not None
        ]

    def _tell(
        self, custody_id: bytes, import_id: bytes, export: Export, new_count: int, mismatches: tuple[int, int]
    ) -> None:
        undeclared, uses = mismatches
        obj = (_IMPORT_KIND, import_id)
        self.records.append(
            AuditEvent.CLOUDTRAIL_IMPORTED,
            custody_id,
            obj=obj,
            facts={"format": export.format.value, "sign_ins": len(export.sign_ins), "new": new_count},
        )
        if undeclared or uses:
            self.records.append(
                AuditEvent.CLOUDTRAIL_UNMATCHED, custody_id, obj=obj, facts={"sign_ins": undeclared, "uses": uses}
            )


def _check_inside(sign_ins: Sequence[SignIn], covers_from: datetime, covers_until: datetime) -> None:
    outside = [
        RowProblem(each.place, f"Its time, {each.at:%-d %b %Y, %H:%M:%S} UTC, is outside of the time that you entered.")
        for each in sign_ins
        if not covers_from <= each.at <= covers_until
    ]
    if outside:
        raise ExportRejected(outside[:PROBLEMS_MAX])


def _parts(sign_ins: Sequence[SignIn]) -> Iterator[Sequence[SignIn]]:
    for start in range(0, len(sign_ins), _AT_ONCE):
        yield sign_ins[start : start + _AT_ONCE]


def _shown_name(file_name: str) -> str:
    """Return the name without its folders, without anything that is no printable character."""
    name = one_line(file_name.replace("\\", "/").rpartition("/")[2])
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in name)[:FILE_NAME_MAX] or "without a name"
