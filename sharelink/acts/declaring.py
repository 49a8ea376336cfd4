"""What a custodian does with a use of their own: declare it, begin it, withdraw it, end it; and the glass to break.

What the rules of access refuse is written on the record, in a transaction of its own, before the refusal is told.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from sharelink.access.approvals import needed_by
from sharelink.access.declarations import (
    Declaration,
    TypedDeclaration,
    checked_declaration,
    checked_text,
    longest_window,
    purpose_problems,
)
from sharelink.access.errors import AccessRefused, UseNeeded
from sharelink.access.states import RETRIEVAL_WINDOW, UseOutcome
from sharelink.actors import Actor
from sharelink.custody.policy import record_policy
from sharelink.custody.queries import RecordDetail
from sharelink.custody.states import RECORD_TEMPLATES, Purpose
from sharelink.errors import InvalidInput
from sharelink.unit_of_work import UnitOfWork
from sharelink.work import Work


@dataclass(frozen=True, slots=True)
class UseOfAnswer:
    """In which use an answer is retrieved, and what for. Without a use where none has to be declared."""

    purpose: Purpose
    ticket: str
    use_id: bytes | None


@contextmanager
def refusals_noted(
    unit_of_work: UnitOfWork, actor: Actor, *, use_id: bytes | None = None, custody_id: bytes | None = None
) -> Iterator[None]:
    """Write down what access refuses within the block, on the record of the use or on the record itself."""
    try:
        yield
    except AccessRefused as error:
        with unit_of_work.write(actor) as work:
            if use_id is not None:
                work.access.note_refusal(use_id, error.code)
            elif custody_id is not None:
                work.access.note_refusal_on(custody_id, error.code)
        raise


def declare(unit_of_work: UnitOfWork, actor: Actor, custody_id: bytes, typed: TypedDeclaration) -> bytes:
    """Declare a use of a record and return its id.

    Raises:
        InvalidInput: in "purpose", "ticket", "reason", "begins" or "lasts".
        RecordArchived, ActNotAllowed, NotItsUser, NobodyToApprove: see `Access.request`.
    """
    with refusals_noted(unit_of_work, actor, custody_id=custody_id), unit_of_work.write(actor) as work:
        declaration = checked_declaration(typed, record_policy(work.session, custody_id))
        return work.access.request(custody_id, declaration).id


def break_glass(unit_of_work: UnitOfWork, actor: Actor, custody_id: bytes, typed: TypedDeclaration) -> bytes:
    """Begin a use without approval and return its id. It begins now, whatever was typed about that.

    Raises:
        InvalidInput: in "purpose", "ticket", "reason" or "lasts".
        RecordArchived, ActNotAllowed, NotItsUser, RecordHeld: see `Access.break_glass`.
    """
    with refusals_noted(unit_of_work, actor, custody_id=custody_id), unit_of_work.write(actor) as work:
        declaration = checked_declaration(typed, record_policy(work.session, custody_id))
        return work.access.break_glass(custody_id, declaration).id


def withdraw(unit_of_work: UnitOfWork, actor: Actor, use_id: bytes) -> None:
    """Take back one's own use before it begins. Raises as `Access.withdraw`."""
    with refusals_noted(unit_of_work, actor, use_id=use_id), unit_of_work.write(actor) as work:
        work.access.withdraw(use_id)


def check_out(unit_of_work: UnitOfWork, actor: Actor, use_id: bytes) -> None:
    """Begin one's own use, with a fresh proof that the caller has seen. Raises as `Access.check_out`."""
    with refusals_noted(unit_of_work, actor, use_id=use_id), unit_of_work.write(actor) as work:
        work.access.check_out(use_id)


def check_in(unit_of_work: UnitOfWork, actor: Actor, use_id: bytes, typed_outcome: str, typed_note: str) -> None:
    """End a use and say what came of it.

    Raises:
        InvalidInput: in "outcome" or "note".
        UseNotFound, NotItsUser, UseMovedOn: see `Access.check_in`.
    """
    problems: dict[str, str] = {}
    if typed_outcome not in set(UseOutcome):
        problems["outcome"] = "Choose what came of it."
    missing = "Say what happened." if typed_outcome == UseOutcome.NOT_DONE else ""
    note, problem = checked_text(typed_note, missing)
    if problem:
        problems["note"] = problem
    if problems:
        raise InvalidInput(problems)
    with refusals_noted(unit_of_work, actor, use_id=use_id), unit_of_work.write(actor) as work:
        work.access.check_in(use_id, UseOutcome(typed_outcome), note)


def use_for_answer(work: Work, record: RecordDetail, typed_purpose: str, typed_ticket: str) -> UseOfAnswer:
    """Return the use in which the actor retrieves an answer now: the one that is open, or one declared right here.

    An open use brings its purpose and ticket along; what was typed is not looked at. Where the policy asks for nobody's
    approval, what was typed declares a use and begins it, in the same transaction.

    Raises:
        InvalidInput: in "purpose" or "ticket".
        UseNeeded: a use must be declared and approved first.
        NotItsUser, NotApproved, UseChanged, PolicyChanged, RecordHeld: the open use may not be used any more.
    """
    found = work.access.use_now(record.id)
    if found is not None:
        return UseOfAnswer(Purpose(found.purpose), found.ticket or "", found.id)
    policy = record_policy(work.session, record.id)
    if needed_by(policy):
        raise UseNeeded("a use must be declared and approved first")
    ticket = " ".join(typed_ticket.split())
    if problems := purpose_problems(policy, typed_purpose, ticket):
        raise InvalidInput(problems)
    purpose = Purpose(typed_purpose)
    if not RECORD_TEMPLATES[record.kind].access_is_declared:
        return UseOfAnswer(purpose, ticket, None)
    lasts = min(RETRIEVAL_WINDOW, longest_window(policy))
    use = work.access.request(record.id, Declaration(purpose, ticket, "", timedelta(0), lasts))
    work.access.check_out(use.id)
    return UseOfAnswer(purpose, ticket, use.id)
