"""What a custodian does with an answer: retrieve it once, for a purpose, and say how it turned out.

The retrieval link alone opens nothing: whoever uses it is signed in, belongs to the record's custodians, and has proven
again who they are. As in a reveal, the commit comes before the plaintext leaves this module.
"""

from dataclasses import dataclass

from sharelink.accounts.permissions import Permission
from sharelink.accounts.queries import Viewer
from sharelink.actors import Actor
from sharelink.custody.queries import RecordDetail, record_detail
from sharelink.custody.request_detail import RequestDetail
from sharelink.custody.states import RECORD_TEMPLATES, Purpose
from sharelink.errors import InvalidInput, PermissionDenied
from sharelink.requests.fields import AnsweredField
from sharelink.requests.links import RetrievalLink
from sharelink.requests.rows import RequestFacts
from sharelink.requests.states import Verdict
from sharelink.unit_of_work import UnitOfWork

TICKET_MAX_CHARACTERS = 100
VAULT_REFERENCE_MAX_CHARACTERS = 300


@dataclass(frozen=True, slots=True, repr=False)
class Retrieved:
    """The answer, for its one showing, and the receipt with which the page acknowledges it."""

    fields: tuple[AnsweredField, ...]
    receipt: str


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
        ShareHeld: the record is on hold.
        AnswerDamaged, StorageUnavailable: nothing was consumed.
    """
    _facts, record = look(unit_of_work, actor, link)
    purpose, ticket = _checked_purpose(record, typed_purpose, typed_ticket)
    with unit_of_work.write(actor) as work:
        facts, fields = work.requests.open_answer(link)
        # The record may have gone to another group since the page was opened.
        group_id = record_detail(work.session, facts.custody_id).group_id
        if not viewer.reach(Permission.REQUEST_RETRIEVE).covers(group_id):
            raise PermissionDenied("not a custodian of this record")
        receipt = work.requests.claim(facts, purpose, ticket)
    return Retrieved(fields, receipt)


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


def _checked_purpose(record: RecordDetail, typed_purpose: str, typed_ticket: str) -> tuple[Purpose, str]:
    template = RECORD_TEMPLATES[record.kind]
    problems: dict[str, str] = {}
    if typed_purpose not in template.purposes:
        problems["purpose"] = "Choose what you need it for."
    ticket = " ".join(typed_ticket.split())
    if not ticket and template.ticket_required:
        problems["ticket"] = "Enter the ticket that this belongs to."
    elif len(ticket) > TICKET_MAX_CHARACTERS or "\0" in ticket:
        problems["ticket"] = f"Use at most {TICKET_MAX_CHARACTERS} ordinary characters."
    if problems:
        raise InvalidInput(problems)
    return Purpose(typed_purpose), ticket
