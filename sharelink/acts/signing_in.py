"""Proving who one is: the password, the second step, a passkey instead of both, and the same again later.

Whatever can be guessed takes two transactions with the comparison after the first, so that the try is counted before
anybody knows how it ends; `sharelink.accounts.sign_in` says why. None is the one answer to every reason for a refusal.
"""

from contextlib import suppress

from sharelink.accounts.errors import AlreadySo, LocalSignInOff
from sharelink.accounts.models import Account
from sharelink.accounts.passwords import PasswordProof, compare_password, prepare_password
from sharelink.accounts.queries import HalfSignedIn, Viewer, person
from sharelink.accounts.sessions import NEW_BROWSER, BrowserKeys, StartedSession
from sharelink.accounts.sign_in import SignInChallenge
from sharelink.accounts.stages import SignInProof, Stage
from sharelink.actors import Actor
from sharelink.acts.passkey_answers import CheckedAnswer, checked_answer
from sharelink.audit.events import AuditEvent
from sharelink.crypto.factor_secrets import normalised_recovery_code
from sharelink.errors import InvalidInput
from sharelink.factors.models import ChallengePurpose
from sharelink.factors.one_time_codes import normalised_one_time_code
from sharelink.factors.passkeys import RelyingParty
from sharelink.unit_of_work import UnitOfWork
from sharelink.work import Work


def sign_in(
    unit_of_work: UnitOfWork, actor: Actor, email: str, password: str, browser: BrowserKeys = NEW_BROWSER
) -> StartedSession | None:
    """Return a session that waits for its second step, or None.

    None: nobody has this address, the password is wrong, the account is disabled, or there were too many wrong tries
    from this client. The caller says the same to all of them.

    Raises:
        PasswordHashingBusy, StorageUnavailable: nothing was decided.
    """
    challenge, proof = _compared(unit_of_work, actor, email, password, browser)
    if not _may_succeed(challenge, proof):
        return None
    # Whom only the provider signs in is told what a wrong password is told, and counted like it.
    with suppress(LocalSignInOff), unit_of_work.write(actor) as work:
        account = work.accounts.sign_ins.confirm(challenge, proof)
        if account is None:
            return None
        stage = Stage.SECOND_FACTOR if work.factors.has_any(account.id) else Stage.ENROLMENT
        return work.accounts.sessions.start_half(account, stage, browser)
    return None


def take_second_step(
    unit_of_work: UnitOfWork, actor: Actor, half: HalfSignedIn, typed: str, browser: BrowserKeys = NEW_BROWSER
) -> StartedSession | None:
    """Return a full session for a code of the authenticator app, or for a recovery code; None if it is neither.

    Tries are counted like passwords, in a counter of their own. What cannot be a code is not counted.

    Raises:
        StorageUnavailable: nothing was decided.
    """
    is_recovery = normalised_recovery_code(typed) is not None
    if half.stage is not Stage.SECOND_FACTOR or not (is_recovery or normalised_one_time_code(typed)):
        return None
    with unit_of_work.write(actor) as work:
        counted = work.accounts.sign_ins.begin_code(half.account_id, browser.device_hash)
    if counted.is_paused:
        return None
    with unit_of_work.write(actor) as work:
        account = work.accounts.sign_ins.active_account(half.account_id)
        if account is None:
            return None
        use = work.factors.use_recovery_code if is_recovery else work.factors.use_code
        if not use(account, typed):
            return None
        work.accounts.sign_ins.take_back(counted)
        proof = SignInProof.PASSWORD_AND_RECOVERY_CODE if is_recovery else SignInProof.PASSWORD_AND_CODE
        return _finished(work, account, proof, browser, half)


def sign_in_with_passkey(
    unit_of_work: UnitOfWork,
    actor: Actor,
    party: RelyingParty,
    answer: str,
    *,
    browser: BrowserKeys = NEW_BROWSER,
    half: HalfSignedIn | None = None,
) -> StartedSession | None:
    """Return a full session for a passkey's answer, or None.

    Args:
        unit_of_work: what makes transactions.
        actor: the visitor.
        party: what passkeys know this service by.
        answer: what the browser sent.
        browser: what the browser brought along.
        half: for the second step after a password; the passkey must be of that account.

    Raises:
        StorageUnavailable: nothing was decided.
    """
    if half is None:
        checked = checked_answer(unit_of_work, actor, party, answer, purpose=ChallengePurpose.SIGN_IN)
    elif half.stage is Stage.SECOND_FACTOR:
        checked = checked_answer(
            unit_of_work,
            actor,
            party,
            answer,
            purpose=ChallengePurpose.SECOND_STEP,
            account_id=half.account_id,
            session_hash=half.session_hash,
        )
    else:
        return None
    if checked is None:
        return None
    with suppress(LocalSignInOff), unit_of_work.write(actor) as work:
        account = _passkey_account(work, checked)
        if account is None:
            return None
        proof = SignInProof.PASSKEY if half is None else SignInProof.PASSWORD_AND_PASSKEY
        return _finished(work, account, proof, browser, half)
    return None


def prove_again_with_passkey(
    unit_of_work: UnitOfWork, actor: Actor, party: RelyingParty, viewer: Viewer, answer: str
) -> StartedSession | None:
    """Return the viewer's session under a new id, freshly proven by a passkey; None if it was not.

    Raises:
        StorageUnavailable: nothing was decided.
    """
    checked = checked_answer(
        unit_of_work,
        actor,
        party,
        answer,
        purpose=ChallengePurpose.PROVE,
        account_id=viewer.account_id,
        session_hash=viewer.session_hash,
    )
    if checked is None:
        return None
    with unit_of_work.write(actor) as work:
        account = _passkey_account(work, checked)
        return None if account is None else _proven(work, account, viewer, SignInProof.PASSKEY)


def prove_again_with_code(
    unit_of_work: UnitOfWork,
    actor: Actor,
    viewer: Viewer,
    *,
    password: str,
    code: str,
    browser: BrowserKeys = NEW_BROWSER,
) -> StartedSession | None:
    """Return the viewer's session under a new id, freshly proven by password and app code; None if it was not.

    A recovery code does not do: it replaces a lost factor at the door, not before what the door protects.

    Raises:
        PasswordHashingBusy, StorageUnavailable: nothing was decided.
    """
    if normalised_one_time_code(code) is None:
        return None
    challenge, proof = _compared(unit_of_work, actor, viewer.email, password, browser)
    if not _may_succeed(challenge, proof):
        return None
    with unit_of_work.write(actor) as work:
        if work.accounts.sign_ins.confirm(challenge, proof) is None:
            return None
        counted = work.accounts.sign_ins.begin_code(viewer.account_id, browser.device_hash)
    if counted.is_paused:
        return None
    with unit_of_work.write(actor) as work:
        account = work.accounts.sign_ins.active_account(viewer.account_id)
        if account is None or not work.factors.use_code(account, code):
            return None
        work.accounts.sign_ins.take_back(counted)
        return _proven(work, account, viewer, SignInProof.PASSWORD_AND_CODE)


def change_password(
    unit_of_work: UnitOfWork,
    actor: Actor,
    viewer: Viewer,
    *,
    current: str,
    new: str,
    browser: BrowserKeys = NEW_BROWSER,
) -> StartedSession:
    """Set another password and return the session under a new id; every other one of the account is over at once.

    Wrong tries are counted like those at the sign-in page: a browser left open is no place to guess.

    Raises:
        InvalidInput: in the field "new" or "current"; nothing was changed.
        PasswordHashingBusy, StorageUnavailable: nothing was changed.
    """
    prepared = prepare_password(new, name=viewer.name, email=viewer.email, form_field="new")
    challenge, proof = _compared(unit_of_work, actor, viewer.email, current, browser)
    started = None
    if _may_succeed(challenge, proof):
        with unit_of_work.write(actor) as work:
            started = work.accounts.change_password(challenge, proof, prepared, viewer.session_hash)
    if started is None:
        raise InvalidInput(
            {"current": "This is not your present password. After ten wrong tries, wait for 15 minutes."}
        )
    return started


def set_first_password(unit_of_work: UnitOfWork, actor: Actor, viewer: Viewer, new: str) -> None:
    """Set the password of an account that has none; every session of it but the viewer's is over at once.

    The caller makes sure of a fresh proof: there is no earlier password to ask for.

    Raises:
        InvalidInput: in the field "new"; nothing was changed.
        AlreadySo: there is a password by now; that one is changed, not set.
        LocalSignInOff: the account comes in by the provider only.
        PasswordHashingBusy, StorageUnavailable: nothing was changed.
    """
    with unit_of_work.read(actor) as work:
        if person(work.session, viewer.account_id).has_password:
            raise AlreadySo("the account has a password")
    prepared = prepare_password(new, name=viewer.name, email=viewer.email, form_field="new")
    with unit_of_work.write(actor) as work:
        work.accounts.set_first_password(viewer.account_id, prepared, viewer.session_hash)


def _finished(
    work: Work, account: Account, proof: SignInProof, browser: BrowserKeys, half: HalfSignedIn | None
) -> StartedSession | None:
    """Start the full session; None if the half one was over, so that one password opens at most one session."""
    if half is not None and not work.accounts.sessions.use_up_half(half.session_hash, account.id, half.stage):
        return None
    work.accounts.sign_ins.forgive(account.id)
    return work.accounts.sessions.start_full(account, proof, browser)


def _proven(work: Work, account: Account, viewer: Viewer, proof: SignInProof) -> StartedSession | None:
    started = work.accounts.sessions.go_on(viewer.session_hash, proof)
    if started is not None:
        work.accounts.chains.append(AuditEvent.AUTH_PROVEN_AGAIN, account, facts={"proof": proof.value})
    return started


def _passkey_account(work: Work, checked: CheckedAnswer) -> Account | None:
    account = work.accounts.sign_ins.active_account(checked.passkey.account_id)
    if account is None or not work.factors.claim_use(account, checked.passkey, checked.sign_count):
        return None
    return account


def _compared(
    unit_of_work: UnitOfWork, actor: Actor, email: str, password: str, browser: BrowserKeys
) -> tuple[SignInChallenge, PasswordProof]:
    with unit_of_work.write(actor) as work:
        challenge = work.accounts.sign_ins.begin(email, browser.device_hash)
    return challenge, compare_password(challenge.password_hash, password)


def _may_succeed(challenge: SignInChallenge, proof: PasswordProof) -> bool:
    return proof.matches and not challenge.is_paused
