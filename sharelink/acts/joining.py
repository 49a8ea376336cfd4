"""How accounts come to be: by the set-up link, by an invitation, or by an operator at the command line."""

from collections.abc import Collection

from sharelink.accounts.details import normalised_email, normalised_name, person_problems
from sharelink.accounts.errors import SetUpLinkUnavailable
from sharelink.accounts.passwords import PreparedPassword, prepare_password
from sharelink.accounts.queries import set_up_link_is_good
from sharelink.accounts.sessions import NEW_BROWSER, BrowserKeys, StartedSession
from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.crypto.bearer_keys import BearerPurpose, bearer_key_hash
from sharelink.errors import InvalidInput
from sharelink.unit_of_work import UnitOfWork, Work


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
        started = work.accounts.join(presented, name, email, prepared, browser)
        note_new_member(work, started.account_id)
        return started


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
    work.holds.void_words(group_ids)


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
