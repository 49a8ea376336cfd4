"""What the holder of a whole link does: look, reveal, decline, acknowledge.

A reveal with a code is two units of work (docs/adr/0003): the try is counted and committed; then the code is
stretched and the secret unsealed outside of any transaction; then the share is claimed and committed. Only after that
commit does the plaintext leave this module, so a crash can lose a showing but never repeat one.
"""

from dataclasses import dataclass

from sharelink.actors import Actor
from sharelink.crypto.access_codes import normalised_code
from sharelink.crypto.errors import SealBroken
from sharelink.errors import InvalidInput
from sharelink.shares.errors import CodeRefused
from sharelink.shares.links import OpenLink
from sharelink.shares.rows import ShareFacts
from sharelink.unit_of_work import UnitOfWork
from sharelink.work import Work

NOTE_MAX_CHARACTERS = 500


@dataclass(frozen=True, slots=True, repr=False)
class Revealed:
    """The secret, for its one showing, and the receipt with which the page acknowledges it."""

    text: str
    receipt: str
    facts: ShareFacts


def look(unit_of_work: UnitOfWork, actor: Actor, link: OpenLink) -> ShareFacts:
    """Return what the holder of the whole link may know, and record the first opening by this client.

    Raises:
        LinkUnavailable: there is nothing for this visitor; nothing was written.
    """
    with unit_of_work.read(actor) as work:
        facts = work.shares.look(link)
        is_new = work.shares.is_first_opening(facts)
    if facts.is_overdue:
        _expire(unit_of_work, facts)
    elif is_new:
        unit_of_work.carry_out(actor, lambda work: work.shares.note_opening(facts))
    return facts


def reveal(unit_of_work: UnitOfWork, actor: Actor, link: OpenLink, typed_code: str) -> Revealed:
    """Return the secret, once ever.

    Raises:
        LinkUnavailable: there is nothing for this visitor.
        ShareEnded: it was revealed, expired, burned or locked.
        OwnShare: the signed-in creator may not consume.
        ShareHeld: the record is on hold.
        InvalidInput: the text cannot be a code; not counted.
        CodeRefused, ClientPaused: wrong code; counted, nothing consumed.
        ShareDamaged, StorageUnavailable: nothing consumed.
    """
    facts = _known_first(unit_of_work, actor, link)
    if not facts.code_required:
        secret, receipt = unit_of_work.carry_out(actor, lambda work: _opened_and_claimed(work, link))
    else:
        secret = _unsealed_with_code(unit_of_work, actor, link, typed_code)
        receipt = unit_of_work.carry_out(actor, lambda work: work.shares.claim(facts))
    return Revealed(secret.decode("utf-8"), receipt, facts)


def decline(unit_of_work: UnitOfWork, actor: Actor, link: OpenLink, typed_code: str, note: str) -> None:
    """Burn the share unread. Asks for the code as a reveal does: a scanner that presses buttons must destroy nothing.

    Raises:
        As `reveal`; InvalidInput also for a note that is too long, or missing where there is no code to type.
    """
    facts = _known_first(unit_of_work, actor, link)
    note = _checked_note(note, required=not facts.code_required)
    if not facts.code_required:
        unit_of_work.carry_out(actor, lambda work: work.shares.decline(work.shares.open_without_code(link)[0], note))
    else:
        _unsealed_with_code(unit_of_work, actor, link, typed_code)
        unit_of_work.carry_out(actor, lambda work: work.shares.decline(facts, note))


def acknowledge(unit_of_work: UnitOfWork, actor: Actor, receipt: str, *, stored: bool) -> None:
    """Record that the secret was displayed, or that the recipient stored it. Repeating is harmless.

    Raises:
        LinkUnavailable: the receipt is not one of ours.
    """
    with unit_of_work.read(actor) as work:
        # Without the writer's turn, so that strangers can never hold it.
        share_id = work.shares.share_of_receipt(receipt)
    unit_of_work.carry_out(actor, lambda work: work.shares.acknowledge(share_id, stored=stored))


def report(unit_of_work: UnitOfWork, actor: Actor, link: OpenLink) -> ShareFacts:
    """Raise an incident for the holder of an ended share's link who says "this was not me": its record goes on hold.

    Raises:
        LinkUnavailable: there is nothing for this visitor.
        ReportUnavailable: the share is live, was reported before, or ended too long ago.
    """
    known = _known_first(unit_of_work, actor, link)

    def step(work: Work) -> ShareFacts:
        # The record before its shares, as everywhere: the other order would be a deadlock.
        work.handover.take_turn(known.custody_id)
        facts = work.shares.report(link)
        work.holds.put(facts.custody_id, facts.id)
        return facts

    return unit_of_work.carry_out(actor, step)


def _opened_and_claimed(work: Work, link: OpenLink) -> tuple[bytes, str]:
    facts, secret = work.shares.open_without_code(link)
    return secret, work.shares.claim(facts)


def _known_first(unit_of_work: UnitOfWork, actor: Actor, link: OpenLink) -> ShareFacts:
    """Look the share up without the writer's turn, so that strangers can never hold it."""
    with unit_of_work.read(actor) as work:
        facts = work.shares.find(link)
    if facts.is_overdue:
        _expire(unit_of_work, facts)
    return facts


def _expire(unit_of_work: UnitOfWork, facts: ShareFacts) -> None:
    unit_of_work.carry_out(Actor.system(), lambda work: work.shares.expire(facts.id))


def _unsealed_with_code(unit_of_work: UnitOfWork, actor: Actor, link: OpenLink, typed_code: str) -> bytes:
    code = normalised_code(typed_code)
    if code is None:
        raise InvalidInput({"code": "The code has 8 letters and digits, such as the ones you were told. Check it."})
    attempt = unit_of_work.carry_out(actor, lambda work: work.attempts.begin(link))
    if attempt.refusal is not None or attempt.sealed is None:
        raise attempt.refusal or CodeRefused(0)
    try:
        return attempt.sealed.opened_by_link(link.link_key, code)
    except SealBroken:
        pass
    worse = unit_of_work.carry_out(actor, lambda work: work.attempts.refuse(attempt))
    raise worse or CodeRefused(attempt.tries_left)


def _checked_note(note: str, *, required: bool) -> str:
    note = note.replace("\r\n", "\n").strip()
    if required and not note:
        raise InvalidInput({"note": "Say in a few words why you decline. The sender reads it."})
    if len(note) > NOTE_MAX_CHARACTERS:
        raise InvalidInput({"note": f"Use at most {NOTE_MAX_CHARACTERS} characters."})
    if "\0" in note:
        raise InvalidInput({"note": "The text holds a NUL character. Remove it."})
    return note
