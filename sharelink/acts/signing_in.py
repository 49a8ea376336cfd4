"""Proving who one is: sign in, and change a password.

Each is two transactions with the slow comparison between them, outside of any; `sharelink.accounts.sign_in` says why.
"""

from sharelink.accounts.passwords import PasswordProof, compare_password, prepare_password
from sharelink.accounts.queries import Viewer
from sharelink.accounts.sessions import StartedSession
from sharelink.accounts.sign_in import SignInChallenge
from sharelink.actors import Actor
from sharelink.errors import InvalidInput
from sharelink.unit_of_work import UnitOfWork


def sign_in(unit_of_work: UnitOfWork, actor: Actor, email: str, password: str) -> StartedSession | None:
    """Return a new session, or None: nobody has this address, the password is wrong, the account is disabled, or there
    were too many wrong tries from this network. The caller says the same to all of them.

    Raises:
        PasswordHashingBusy, StorageUnavailable: nothing was decided.
    """
    challenge, proof = _prove(unit_of_work, actor, email, password)
    if not _may_succeed(challenge, proof):
        return None
    with unit_of_work.write(actor) as work:
        return work.accounts.sign_ins.finish(challenge, proof)


def change_password(unit_of_work: UnitOfWork, actor: Actor, viewer: Viewer, current: str, new: str) -> StartedSession:
    """Set another password and return a new session; every other one of the account is over with its next request.

    Wrong tries are counted like those at the sign-in page: a browser left open is no place to guess.

    Raises:
        InvalidInput: in the field "new" or "current"; nothing was changed.
        PasswordHashingBusy, StorageUnavailable: nothing was changed.
    """
    prepared = prepare_password(new, name=viewer.name, email=viewer.email, form_field="new")
    challenge, proof = _prove(unit_of_work, actor, viewer.email, current)
    started = None
    if _may_succeed(challenge, proof):
        with unit_of_work.write(actor) as work:
            started = work.accounts.change_password(challenge, proof, prepared)
    if started is None:
        raise InvalidInput(
            {"current": "This is not your present password. After ten wrong tries, wait for 15 minutes."}
        )
    return started


def prove_again(unit_of_work: UnitOfWork, actor: Actor, viewer: Viewer, password: str) -> None:
    """Make sure that whoever is signed in knows the account's password now; tries are counted like sign-ins.

    Raises:
        InvalidInput: in the field "password".
        PasswordHashingBusy, StorageUnavailable: nothing was decided.
    """
    challenge, proof = _prove(unit_of_work, actor, viewer.email, password)
    confirmed = False
    if _may_succeed(challenge, proof):
        with unit_of_work.write(actor) as work:
            confirmed = work.accounts.sign_ins.confirm(challenge, proof) is not None
    if not confirmed:
        raise InvalidInput({"password": "This is not your password. After ten wrong tries, wait for 15 minutes."})


def _prove(unit_of_work: UnitOfWork, actor: Actor, email: str, password: str) -> tuple[SignInChallenge, PasswordProof]:
    with unit_of_work.write(actor) as work:
        challenge = work.accounts.sign_ins.begin(email)
    return challenge, compare_password(challenge.password_hash, password)


def _may_succeed(challenge: SignInChallenge, proof: PasswordProof) -> bool:
    return proof.matches and not challenge.is_paused
