"""Holding what AWS recorded against what was declared: bring in a file of the customer's CloudTrail, explain."""

from dataclasses import dataclass
from datetime import datetime

from sharelink.actors import Actor
from sharelink.cloudtrail.errors import NoAccountNumber
from sharelink.cloudtrail.reading import read_export
from sharelink.custody.queries import record_detail
from sharelink.errors import InvalidInput
from sharelink.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, repr=False)
class TypedImport:
    """A file as it was chosen, and the time that it covers; None for a time that was not entered."""

    content: bytes
    file_name: str
    covers_from: datetime | None
    covers_until: datetime | None


def bring_in(unit_of_work: UnitOfWork, actor: Actor, custody_id: bytes, typed: TypedImport) -> None:
    """Read a file and keep its root sign-ins, all or none.

    Raises:
        InvalidInput: in "file", "covers_from" or "covers_until".
        NoAccountNumber: the record names no AWS account.
        ExportRejected: rows of the file cannot be taken.
        RecordNotFound, RecordArchived: there is nothing to bring it to.
    """
    with unit_of_work.read() as work:
        account_id = record_detail(work.session, custody_id).aws_account_id
    if not account_id:
        raise NoAccountNumber("the record names no account")
    problems = {}
    if typed.covers_from is None:
        problems["covers_from"] = "Enter from when on the export is complete."
    if typed.covers_until is None:
        problems["covers_until"] = "Enter until when the export is complete."
    if problems or typed.covers_from is None or typed.covers_until is None:
        raise InvalidInput(problems)
    # Outside of the transaction: a long file must not keep other writers waiting.
    export = read_export(typed.content, account_id)
    with unit_of_work.write(actor) as work:
        work.sign_ins.bring_in(custody_id, export, typed.covers_from, typed.covers_until, typed.file_name)


def explain(unit_of_work: UnitOfWork, actor: Actor, custody_id: bytes, mismatch_id: bytes, text: str) -> None:
    """Write down what is known about a mismatch.

    Raises:
        InvalidInput: in "note".
        MismatchNotFound, RecordNotFound, RecordArchived: there is nothing to explain.
    """
    with unit_of_work.write(actor) as work:
        work.sign_ins.explain(custody_id, mismatch_id, text)
