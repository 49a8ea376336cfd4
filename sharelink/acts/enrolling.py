"""Adding and removing second factors: the first one right after the password, further ones from the account's page."""

from dataclasses import dataclass, field
from typing import Any

from sharelink.accounts.models import Account
from sharelink.accounts.queries import HalfSignedIn, Viewer
from sharelink.accounts.sessions import NEW_BROWSER, BrowserKeys, StartedSession
from sharelink.accounts.stages import SignInProof, Stage
from sharelink.actors import Actor
from sharelink.errors import InvalidInput, PermissionDenied
from sharelink.factors.errors import EnrolmentOver, PasskeyRefused, PasswordFirst
from sharelink.factors.models import ChallengePurpose
from sharelink.factors.passkeys import RelyingParty, challenge_of_new, registration_options, verify_new
from sharelink.factors.service import PendingApp
from sharelink.unit_of_work import UnitOfWork
from sharelink.work import Work

Holder = Viewer | HalfSignedIn
"""Whose factors are changed: somebody signed in, or somebody who has no second factor yet."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A factor was added. For the first one of an account there are recovery codes to show once, and a full session."""

    recovery_codes: tuple[str, ...] = field(default=(), repr=False)
    started: StartedSession | None = None


def begin_app(unit_of_work: UnitOfWork, actor: Actor, holder: Holder) -> None:
    """Make a secret for an authenticator app, to be shown by `pending_app` and confirmed by a code.

    Raises:
        EnrolmentOver: the account has a factor by now, and the holder has proven only a password.
        PasswordFirst: the account has no password.
        StorageUnavailable: nothing was made.
    """
    with unit_of_work.write(actor) as work:
        account = _account(work, holder)
        if not account.password_hash:
            raise PasswordFirst("the account has no password")
        work.factors.begin_app(account.id)


def pending_app(unit_of_work: UnitOfWork, holder: Holder) -> PendingApp | None:
    """Return the secret that waits for its first code; None if there is none or it is too old.

    Raises:
        EnrolmentOver: the account has a factor by now, and the holder has proven only a password.
    """
    with unit_of_work.read() as work:
        if isinstance(holder, HalfSignedIn) and work.factors.has_any(holder.account_id):
            raise EnrolmentOver("the account has a second factor already")
        return work.factors.pending_app(holder.account_id)


def confirm_app(
    unit_of_work: UnitOfWork, actor: Actor, holder: Holder, typed_code: str, browser: BrowserKeys = NEW_BROWSER
) -> Enrolled:
    """Let the app count whose first code this is; an earlier app of the account counts no more.

    Raises:
        InvalidInput: in the field "code"; the app still waits.
        FactorNotFound: no app waits (any more).
        EnrolmentOver: the account has a factor by now, and the holder has proven only a password.
        StorageUnavailable: nothing was changed.
    """
    with unit_of_work.write(actor) as work:
        account = _account(work, holder)
        if not work.factors.confirm_app(account, typed_code):
            raise InvalidInput(
                {"code": "This is not the code that the app shows now. Check the phone's clock and type the next one."}
            )
        return _enrolled(work, account, holder, SignInProof.PASSWORD_AND_CODE, browser)


def ask_for_passkey(unit_of_work: UnitOfWork, actor: Actor, party: RelyingParty, holder: Holder) -> dict[str, Any]:
    """Return what a browser needs to make a passkey for the holder.

    Raises:
        EnrolmentOver: the account has a factor by now, and the holder has proven only a password.
        StorageUnavailable: nothing was made.
    """
    with unit_of_work.write(actor) as work:
        account = _account(work, holder)
        return registration_options(
            party,
            challenge=work.factors.challenges.make(ChallengePurpose.ENROL, account.id),
            account_id=account.id,
            email=account.email,
            name=account.name,
            known=work.factors.credentials_of(account.id),
        )


def add_passkey(
    unit_of_work: UnitOfWork,
    actor: Actor,
    party: RelyingParty,
    holder: Holder,
    *,
    answer: str,
    name: str,
    browser: BrowserKeys = NEW_BROWSER,
) -> Enrolled:
    """Add the passkey that a browser has just made.

    Raises:
        PasskeyRefused: it does not verify, came too late, or is known already; its challenge is used up.
        InvalidInput: in the field "name".
        EnrolmentOver: the account has a factor by now, and the holder has proven only a password.
        StorageUnavailable: nothing was added.
    """
    challenge = challenge_of_new(answer)
    with unit_of_work.write(actor) as work:
        taken = work.factors.challenges.take(challenge, ChallengePurpose.ENROL, holder.account_id)
    if not taken:
        raise PasskeyRefused("the challenge is not ours, or over")
    made = verify_new(party, answer, challenge)
    with unit_of_work.write(actor) as work:
        account = _account(work, holder)
        work.factors.add_passkey(account, made, name)
        return _enrolled(work, account, holder, SignInProof.PASSWORD_AND_PASSKEY, browser)


def remove_passkey(unit_of_work: UnitOfWork, actor: Actor, viewer: Viewer, passkey_id: bytes) -> None:
    """Take a passkey away.

    Raises:
        FactorNotFound, LastFactor, StorageUnavailable: nothing was changed.
    """
    with unit_of_work.write(actor) as work:
        work.factors.remove_passkey(_account(work, viewer), passkey_id)


def remove_app(unit_of_work: UnitOfWork, actor: Actor, viewer: Viewer) -> None:
    """Take the authenticator app away.

    Raises:
        FactorNotFound, LastFactor, StorageUnavailable: nothing was changed.
    """
    with unit_of_work.write(actor) as work:
        work.factors.remove_app(_account(work, viewer))


def new_recovery_codes(unit_of_work: UnitOfWork, actor: Actor, viewer: Viewer) -> tuple[str, ...]:
    """Return ten new recovery codes, for their one showing; all older ones are worth nothing.

    Raises:
        StorageUnavailable: nothing was changed.
    """
    with unit_of_work.write(actor) as work:
        return work.factors.make_recovery_codes(_account(work, viewer))


def _account(work: Work, holder: Holder) -> Account:
    """Return the holder's account, locked until the commit, if they may change its factors."""
    account = work.accounts.sign_ins.active_account(holder.account_id)
    if account is None:
        raise PermissionDenied("the account is disabled")
    if isinstance(holder, HalfSignedIn) and (
        holder.stage is not Stage.ENROLMENT or work.factors.has_any(holder.account_id)
    ):
        raise EnrolmentOver("the account has a second factor already")
    return account


def _enrolled(work: Work, account: Account, holder: Holder, proof: SignInProof, browser: BrowserKeys) -> Enrolled:
    if isinstance(holder, Viewer):
        return Enrolled()
    if not work.accounts.sessions.use_up_half(holder.session_hash, account.id, Stage.ENROLMENT):
        raise EnrolmentOver("the session is over")
    codes = work.factors.make_recovery_codes(account)
    work.accounts.sign_ins.forgive(account.id)
    # Everything so far was this person's own doing and is on the page before them.
    account.notices_seen_at = work.now
    return Enrolled(codes, work.accounts.sessions.start_full(account, proof, browser))
