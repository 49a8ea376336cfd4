"""How accounts come to be: by the set-up link, by an invitation, or by an operator at the command line."""

from collections.abc import Collection
from typing import Any

from sharelink.accounts.details import normalised_email, normalised_name, person_problems
from sharelink.accounts.errors import LocalSignInOff, SetUpLinkUnavailable
from sharelink.accounts.invitations import PresentedInvitation
from sharelink.accounts.passwords import NO_PASSWORD, PreparedPassword, prepare_password
from sharelink.accounts.queries import set_up_link_is_good
from sharelink.accounts.sessions import NEW_BROWSER, BrowserKeys, StartedSession
from sharelink.accounts.stages import SignInProof, Stage
from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.acts.administering import void_words_of
from sharelink.acts.enrolling import Enrolled
from sharelink.crypto.bearer_keys import BearerPurpose, bearer_key_hash
from sharelink.errors import InvalidInput
from sharelink.factors.errors import PasskeyRefused
from sharelink.factors.passkeys import RelyingParty, challenge_of_new, registration_options, verify_new
from sharelink.unit_of_work import UnitOfWork
from sharelink.work import Work

FIRST_PASSKEY = "First passkey"


def set_up(
    unit_of_work: UnitOfWork, actor: Actor, *, link: str, name: str, email: str, password: str
) -> StartedSession:
    """Make the first account and sign it in.

    Args:
        unit_of_work: what makes transactions.
        actor: the visitor who follows the link.
        link: the whole set-up link, or only its key.
        name: the person's name.
        email: the person's address.
        password: what the person chose.

    Raises:
        InvalidInput: a field cannot be accepted; the link still works.
        SetUpLinkUnavailable: the link does not work, or works no more.
        PasswordHashingBusy, StorageUnavailable: nothing was made.
    """
    key_hash = bearer_key_hash(BearerPurpose.SET_UP, link.strip().rpartition("#")[2])
    if key_hash is None:
        raise InvalidInput({"key": "A part of the set-up link is missing. Copy the whole link from the terminal."})
    # Asked first, because hashing is work that only the holder of a good link may cause.
    with unit_of_work.read(actor) as work:
        if not set_up_link_is_good(work.session, key_hash, work.now):
            raise SetUpLinkUnavailable("the set-up link is unknown, used or too old")
    prepared = _prepared(name, email, password)
    with unit_of_work.write(actor) as work:
        return work.accounts.set_up(key_hash, name, email, prepared)


def join(
    unit_of_work: UnitOfWork,
    actor: Actor,
    *,
    link: str,
    name: str,
    email: str,
    password: str,
    browser: BrowserKeys = NEW_BROWSER,
) -> StartedSession:
    """Follow an invitation: make the account it is for, and start a session that comes to the second factor first.

    Args:
        unit_of_work: what makes transactions.
        actor: the visitor who follows the link.
        link: the whole invitation link, or what stands after its #.
        name: the person's name, as others will see it.
        email: the address the invitation was sent to.
        password: what the person chose.
        browser: what the browser brought; the session it had before is over.

    Raises:
        InvalidInput: a field cannot be accepted; the link still works.
        InvitationUnavailable: the link does not work, or works no more.
        LocalSignInOff: whoever is invited comes in by the provider; the invitation waits for that.
        PasswordHashingBusy, StorageUnavailable: nothing was made.
    """
    # Asked first, because hashing is work that only the holder of a good link may cause.
    with unit_of_work.read(actor) as work:
        presented = work.accounts.invitations.present(link)
        work.accounts.invitations.open_one(presented)
    prepared = _prepared(name, email, password)
    with unit_of_work.write(actor) as work:
        account = work.accounts.join(presented, name, email, prepared)
        note_new_member(work, account.id)
        return work.accounts.sessions.start_half(account, Stage.ENROLMENT, browser)


def ask_for_first_passkey(
    unit_of_work: UnitOfWork, actor: Actor, party: RelyingParty, *, link: str, name: str, email: str
) -> dict[str, Any]:
    """Return what a browser needs to make the passkey with which somebody follows an invitation.

    Everything that can be wrong is told now: a passkey that is made in vain stays on the person's device.

    Raises:
        InvalidInput: a field cannot be accepted.
        InvitationUnavailable: the link does not work.
        LocalSignInOff: whoever is invited comes in by the provider; the invitation waits for that.
        StorageUnavailable: nothing was made.
    """
    name, email = normalised_name(name), normalised_email(email)
    with unit_of_work.write(actor) as work:
        presented = _checked_invitation(work, link, name, email)
        made = work.factors.challenges.make_to_join(presented.id)
    return registration_options(
        party, challenge=made.challenge, account_id=made.new_account_id, email=email, name=name, known=()
    )


def check_invited(unit_of_work: UnitOfWork, actor: Actor, *, link: str, name: str, email: str) -> None:
    """Make sure that somebody with this name and address could join by the link now.

    Raises:
        InvalidInput, InvitationUnavailable, LocalSignInOff: see `ask_for_first_passkey`.
    """
    with unit_of_work.read(actor) as work:
        _checked_invitation(work, link, normalised_name(name), normalised_email(email))


def join_with_passkey(
    unit_of_work: UnitOfWork,
    actor: Actor,
    party: RelyingParty,
    *,
    link: str,
    name: str,
    email: str,
    answer: str,
    browser: BrowserKeys = NEW_BROWSER,
) -> Enrolled:
    """Follow an invitation with a passkey in place of a password: make account and passkey, and sign in.

    A passkey that verifies the person is two factors, so the session is full; there are recovery codes to show once.

    Args:
        unit_of_work: what makes transactions.
        actor: the visitor who follows the link.
        party: what passkeys know this service by.
        link: the whole invitation link, or what stands after its #.
        name: the person's name, as others will see it.
        email: the address the invitation was sent to.
        answer: what the browser sent; it must answer a challenge that was made for this invitation.
        browser: what the browser brought; the session it had before is over.

    Raises:
        PasskeyRefused: it does not verify, came too late, or is for another invitation; its challenge is used up.
        InvalidInput, InvitationUnavailable, LocalSignInOff: see `ask_for_first_passkey`.
        StorageUnavailable: nothing was made.
    """
    challenge = challenge_of_new(answer)
    with unit_of_work.write(actor) as work:
        presented = _checked_invitation(work, link, normalised_name(name), normalised_email(email))
        new_account_id = work.factors.challenges.take_to_join(challenge, presented.id)
    if new_account_id is None:
        raise PasskeyRefused("the challenge is not ours, for another invitation, or over")
    made = verify_new(party, answer, challenge)
    with unit_of_work.write(actor) as work:
        account = work.accounts.join(presented, name, email, NO_PASSWORD, account_id=new_account_id)
        work.factors.add_passkey(account, made, FIRST_PASSKEY)
        codes = work.factors.make_recovery_codes(account)
        note_new_member(work, account.id)
        # Everything so far was this person's own doing and is on the page before them.
        account.notices_seen_at = work.now
        return Enrolled(codes, work.accounts.sessions.start_full(account, SignInProof.PASSKEY, browser))


def create_account(
    unit_of_work: UnitOfWork,
    actor: Actor,
    *,
    name: str,
    email: str,
    roles: Collection[Role],
    groups: Collection[str],
    password: str,
    is_break_glass: bool = False,
) -> bytes:
    """Make an account and return its id; a group that does not exist yet is made.

    With `is_break_glass` it signs in here by itself even where only the provider signs people in.

    Raises:
        InvalidInput: a field cannot be accepted, or the address has an account already.
        PasswordHashingBusy, StorageUnavailable: nothing was made.
    """
    prepared = _prepared(name, email, password)
    with unit_of_work.write(actor) as work:
        account_id = work.accounts.create_account(name, email, roles, groups, prepared, is_break_glass=is_break_glass)
        note_new_member(work, account_id)
        return account_id


def note_new_member(work: Work, account_id: bytes) -> None:
    """Void what waited for, or was said by, the groups that the new account is in: they are other groups now."""
    group_ids = work.accounts.chains.groups_of(account_id)
    work.accounts.changes.void_about(group_ids)
    void_words_of(work, group_ids)


def _checked_invitation(work: Work, link: str, name: str, email: str) -> PresentedInvitation:
    presented = work.accounts.invitations.present(link)
    invitation = work.accounts.invitations.open_one(presented)
    if not work.account_policy.local_sign_in:
        raise LocalSignInOff("whoever is invited comes in by the provider")
    problems = person_problems(name, email)
    if "email" not in problems:
        try:
            invitation.check_address(email)
        except InvalidInput as error:
            problems |= error.fields
    if problems:
        raise InvalidInput(problems)
    return presented


def _prepared(name: str, email: str, password: str) -> PreparedPassword:
    name, email = normalised_name(name), normalised_email(email)
    problems = person_problems(name, email)
    try:
        prepared = prepare_password(password, name=name, email=email)
    except InvalidInput as error:
        raise InvalidInput(problems | error.fields) from None
    if problems:
        raise InvalidInput(problems)
    return prepared
