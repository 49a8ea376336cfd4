"""What a custodian does with an answer: retrieve it once, for a purpose, and say how it turned out.

The retrieval link alone opens nothing: whoever uses it is signed in, belongs to the record's custodians, and has proven
again who they are. As in a reveal, the commit comes before the plaintext leaves this module.
"""

from dataclasses import dataclass

from sharelink.accounts.permissions import Permission
from sharelink.accounts.queries import Viewer
from sharelink.actors import Actor
from sharelink.acts.declaring import refusals_noted, use_for_answer
from sharelink.custody.queries import RecordDetail, record_detail
from sharelink.custody.request_detail import RequestDetail
from sharelink.custody.states import Act
from sharelink.errors import InvalidInput, PermissionDenied
from sharelink.requests.errors import NotAnswered
from sharelink.requests.fields import AnsweredField
from sharelink.requests.links import RetrievalLink
from sharelink.requests.rows import RequestFacts
from sharelink.requests.states import Verdict
from sharelink.shares.states import ShareState
from sharelink.unit_of_work import UnitOfWork
from sharelink.work import Work

VAULT_REFERENCE_MAX_CHARACTERS = 300


@dataclass(frozen=True, slots=True, repr=False)
class Retrieved:
    """The answer, for its one showing, and the receipt with which the page acknowledges it.

    `use_id` is the use in which it was retrieved, which is to be checked in; None where none has to be declared.
    """

    fields: tuple[AnsweredField, ...]
    receipt: str
    use_id: bytes | None


def look(unit_of_work: UnitOfWork, actor: Actor, link: RetrievalLink) -> tuple[RequestFacts, RecordDetail]:
    """Return the request of a whole retrieval link, and its record. Whether the viewer may know is for the caller.

    Raises:
        LinkUnavailable: there is nothing for this link.
    """
    with unit_of_work.read(actor) as work:
        facts = work.requests.find(link)
        record = record_detail(work.session, facts.custody_id)
    if facts.is_overdue:
        with unit_of_work.write(Actor.system()) as work:
            work.shares.expire(facts.id)
    return facts, record


def retrieve(
    unit_of_work: UnitOfWork,
    actor: Actor,
    viewer: Viewer,
    link: RetrievalLink,
    *,
    typed_purpose: str,
    typed_ticket: str,
) -> Retrieved:
    """Return the answer, once ever, to a custodian of its record whose proof of who they are the caller has seen.

    Raises:
        LinkUnavailable: there is nothing for this link.
        PermissionDenied: not a custodian of this record.
        InvalidInput: in "purpose" or "ticket"; nothing was consumed.
        NotAnswered, ShareEnded: there is nothing to retrieve yet, or any more.
        ShareHeld, RecordHeld: the record is on hold.
        RecordArchived, ActNotAllowed: its state does not allow it.
        AccessRefused: a use must be declared and approved first, or the one that is open is not good; see
            `declaring.use_for_answer`. Nothing was consumed.
        AnswerDamaged, StorageUnavailable: nothing was consumed.
    """
    _facts, record = look(unit_of_work, actor, link)

    def step(work: Work) -> Retrieved:
        # The record may have gone to another group since the page was opened. It is locked first, as everywhere.
        work.custody.locked(record.id)
        still = record_detail(work.session, record.id)
        if not viewer.reach(Permission.REQUEST_RETRIEVE).covers(still.group_id):
            raise PermissionDenied("not a custodian of this record")
        use = None
        if work.requests.find(link).state is ShareState.SEALED:
            work.custody.require(still.id, Act.RETRIEVE)
            use = use_for_answer(work, still, typed_purpose, typed_ticket)
        facts, fields = work.requests.open_answer(link)
        if use is None:
            raise NotAnswered("it was submitted in this very moment")
        return Retrieved(fields, work.requests.claim(facts, use.purpose, use.ticket, use.use_id), use.use_id)

    with refusals_noted(unit_of_work, actor, custody_id=record.id):
        return unit_of_work.carry_out(actor, step)


def accept(unit_of_work: UnitOfWork, actor: Actor, request: RequestDetail, vault_reference: str) -> None:
    """Record that the answer works and where it is kept now.

    Raises:
        InvalidInput: the place is missing or too long.
        NotJudgeable: it was not retrieved, or somebody has judged it already.
    """
    vault_reference = " ".join(vault_reference.split())
    if not vault_reference:
        raise InvalidInput({"vault_reference": "Say where it is kept now, such as the entry's name in the vault."})
    if len(vault_reference) > VAULT_REFERENCE_MAX_CHARACTERS or "\0" in vault_reference:
        raise InvalidInput({"vault_reference": f"Use at most {VAULT_REFERENCE_MAX_CHARACTERS} ordinary characters."})
    with unit_of_work.write(actor) as work:
        work.requests.judge(
            request.line.id, request.line.custody_id, Verdict.WORKED, vault_reference=vault_reference, note=""
        )
