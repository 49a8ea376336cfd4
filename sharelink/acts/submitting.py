"""What the holder of a submit link does: look, submit once, take the receipt, say "this was not me".

The answer is sealed outside of any transaction, to a key that only the retrieval link can rebuild; then one conditional
statement decides whether it is the answer. The plaintext exists only while the request is handled.
"""

from collections.abc import Mapping

from sharelink.actors import Actor
from sharelink.custody.states import VersionOrigin
from sharelink.errors import StorageUnavailable
from sharelink.requests.errors import RequestClosed, RequestKeySwapped
from sharelink.requests.fields import checked_answer
from sharelink.requests.links import SubmitLink
from sharelink.requests.rows import RequestFacts
from sharelink.requests.service import SubmitReceipt
from sharelink.shares.errors import OwnShare
from sharelink.shares.seals import seal_request_answer
from sharelink.shares.states import ShareState
from sharelink.unit_of_work import UnitOfWork
from sharelink.work import Work


def look(unit_of_work: UnitOfWork, actor: Actor, link: SubmitLink) -> RequestFacts:
    """Return what the holder of the whole submit link may know, and record the first opening by this client.

    Raises:
        LinkUnavailable: there is nothing for this visitor; nothing was written.
    """
    with unit_of_work.read(actor) as work:
        facts = work.requests.find(link)
        is_new = work.requests.is_first_opening(facts)
    if facts.is_overdue:
        _expire(unit_of_work, facts)
    elif is_new:
        with unit_of_work.write(actor) as work:
            work.requests.note_opening(link)
    return facts


def submit(
    unit_of_work: UnitOfWork, actor: Actor, link: SubmitLink, typed: Mapping[str, str], *, space_is_meant: bool
) -> RequestFacts:
    """Seal what was typed and keep it for the custodians; return the facts of the answered request.

    Raises:
        LinkUnavailable: there is nothing for this visitor.
        RequestClosed: it was answered before, or is over; nothing was stored.
        OwnShare: the signed-in person asked this themself.
        RequestKeySwapped: the stored key is not the link's; nothing was sealed, and the record is on hold.
        InvalidInput: fields to mend; StraySpace: white space to be confirmed; nothing was stored.
        StorageUnavailable: nothing was stored.
    """
    with unit_of_work.read(actor) as work:
        facts = work.requests.find(link)
        public_key = work.requests.trusted_key(facts, link)
        now = work.now
    if facts.is_overdue:
        _expire(unit_of_work, facts)
    if facts.state is not ShareState.AWAITING:
        raise RequestClosed(facts.state.value)
    if facts.created_by == actor.account_id:
        raise OwnShare("whoever asks does not answer")
    if public_key is None:
        with unit_of_work.write(actor) as work:
            work.requests.note_swapped_key(facts)
            work.holds.put(facts.custody_id, facts.id)
        raise RequestKeySwapped("the stored key is not the one of the link")
    answer = checked_answer(
        facts.fields,
        typed,
        total_max_bytes=unit_of_work.share_limits.secret_max_bytes,
        space_is_meant=space_is_meant,
    )
    retrieve_until = now + facts.retrieve_lifetime
    try:
        sealed = seal_request_answer(
            answer,
            public_key=public_key,
            submit_key=link.submit_key,
            share_id=facts.id,
            custody_id=facts.custody_id,
            expires_at=retrieve_until,
            keyring=unit_of_work.keyring,
            epoch_keys=unit_of_work.epoch_keys,
        )
    except OSError as error:
        # A full disk, or a mount that went away, is no mistake of the person who submits.
        raise StorageUnavailable("the key of the day of expiry could not be made") from error

    def step(work: Work) -> RequestFacts:
        record = work.handover.take_turn(facts.custody_id)
        work.requests.submit(facts, sealed, retrieve_until)
        work.handover.received(record, facts.id, VersionOrigin.CUSTOMER)
        # Before the commit: after it, a database that fails would make "nothing was changed" a lie.
        return work.requests.find(link)

    return unit_of_work.carry_out(actor, step)


def receipt(unit_of_work: UnitOfWork, actor: Actor, link: SubmitLink) -> SubmitReceipt:
    """Return the receipt of an answered request to the holder of its submit link.

    Raises:
        LinkUnavailable: there is nothing for this visitor, or no answer yet.
    """
    with unit_of_work.read(actor) as work:
        return work.requests.receipt(work.requests.find(link))


def report(unit_of_work: UnitOfWork, actor: Actor, link: SubmitLink) -> RequestFacts:
    """Raise an incident for the holder of an answered request's link who did not answer it: its record goes on hold.

    Raises:
        LinkUnavailable: there is nothing for this visitor.
        ReportUnavailable: it was not answered, was reported before, or ended too long ago.
    """
    with unit_of_work.read(actor) as work:
        # Without the writer's turn, so that strangers can never hold it.
        known = work.requests.find(link)
    with unit_of_work.write(actor) as work:
        # Whoever retrieves takes the record first, too: the other order would be a deadlock.
        work.handover.take_turn(known.custody_id)
        facts = work.requests.report(link)
        work.holds.put(facts.custody_id, facts.id)
    return facts


def _expire(unit_of_work: UnitOfWork, facts: RequestFacts) -> None:
    with unit_of_work.write(Actor.system()) as work:
        work.shares.expire(facts.id)
