"""What joins the services of a handover: a second person's decision, and the steps that end shares and uses alike."""

from collections.abc import Collection

from sharelink.actors import Actor
from sharelink.custody.proposals import Proposal
from sharelink.custody.states import ALLOWED_ACTS, Act, ProposalKind
from sharelink.unit_of_work import UnitOfWork
from sharelink.work import Work


def confirm(
    unit_of_work: UnitOfWork, actor: Actor, proposal_id: bytes, digest: bytes, *, is_proven: bool, how: str = ""
) -> Proposal:
    """Confirm what another person proposed, and carry it out at once; return what it was.

    Args:
        unit_of_work: what makes transactions.
        actor: the second person.
        proposal_id: which proposal.
        digest: of what the page has shown, so that nothing else is confirmed.
        is_proven: whether the actor has just proven who they are; counts only where nobody else could confirm it.
        how: for a new contact: how its address was checked.

    Raises:
        ProposalUnavailable: unknown, decided, void, or about something that has changed since.
        OwnProposal: the actor proposed it, and somebody else could confirm it, or is not proven yet.
        CustodianNeeded: neither of the two is a custodian of the record's group.
        PermissionDenied: the actor does not look after this record.
        InvalidInput: in "how": nothing was said; nothing was decided.
        RecordArchived, ActNotAllowed, ContactNotFound, GroupsNotApart: it cannot be carried out; nothing was decided.
    """
    with unit_of_work.write(actor) as work:
        proposal = work.proposals.confirm(proposal_id, digest, is_proven=is_proven)
        if proposal.kind is ProposalKind.ADD_CONTACT:
            work.contacts.confirmed(proposal, how)
        elif proposal.kind is ProposalKind.REMOVE_CONTACT:
            work.contacts.removed(proposal)
        elif proposal.kind is ProposalKind.POLICY:
            work.policies.changed(proposal)
        else:
            work.handover.carry_out(proposal)
            _end_uses(work, proposal.custody_id)
        return proposal


def refuse(unit_of_work: UnitOfWork, actor: Actor, proposal_id: bytes) -> Proposal:
    """Refuse what was proposed, or take one's own proposal back; a contact that nobody confirmed goes with it.

    Raises:
        ProposalUnavailable: unknown, decided or void.
        PermissionDenied: the actor does not look after this record.
    """
    with unit_of_work.write(actor) as work:
        proposal = work.proposals.refuse(proposal_id)
        work.contacts.refused(proposal)
        return proposal


def suspend(unit_of_work: UnitOfWork, actor: Actor, custody_id: bytes, reason: str) -> None:
    """Suspend a record: it goes on hold, and uses that have not begun end. Raises what `Handover.suspend` raises."""
    with unit_of_work.write(actor) as work:
        work.handover.suspend(custody_id, reason)
        _end_uses(work, custody_id)


def mark_compromised(unit_of_work: UnitOfWork, actor: Actor, custody_id: bytes, reason: str) -> None:
    """Mark the secret as compromised: live links burn. Raises what `Handover.mark_compromised` raises."""
    with unit_of_work.write(actor) as work:
        work.handover.mark_compromised(custody_id, reason)
        # Whoever asked for a use asked for a secret that is no longer one.
        work.use_endings.close_all(custody_id)


def complete_release(
    unit_of_work: UnitOfWork,
    actor: Actor,
    custody_id: bytes,
    ticked: Collection[str],
    *,
    confirmed_by: str,
    channel: str,
) -> None:
    """Complete a release: live links burn, uses end. Raises what `Handover.complete_release` raises."""
    with unit_of_work.write(actor) as work:
        work.handover.complete_release(custody_id, ticked, confirmed_by, channel)
        _end_uses(work, custody_id)


def close(unit_of_work: UnitOfWork, actor: Actor, custody_id: bytes, closure_reference: str) -> None:
    """Complete a closing: live links burn, uses end. Raises what `Handover.close` raises."""
    with unit_of_work.write(actor) as work:
        work.handover.close(custody_id, closure_reference)
        _end_uses(work, custody_id)


def abandon(unit_of_work: UnitOfWork, actor: Actor, custody_id: bytes, reason: str) -> None:
    """Give a handover up: live links burn, uses end. Raises what `Handover.abandon` raises."""
    with unit_of_work.write(actor) as work:
        work.handover.abandon(custody_id, reason)
        _end_uses(work, custody_id)


def _end_uses(work: Work, custody_id: bytes) -> None:
    if Act.ROOT_ACCESS not in ALLOWED_ACTS[work.custody.locked(custody_id).state]:
        work.use_endings.close_all(custody_id)
