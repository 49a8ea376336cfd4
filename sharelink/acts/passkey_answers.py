"""Passkeys ask and answer: a challenge goes out, is used up by whatever answers it, and the answer is checked."""

from dataclasses import dataclass
from typing import Any

from sharelink.accounts.queries import HalfSignedIn, Viewer
from sharelink.accounts.stages import Stage
from sharelink.actors import Actor
from sharelink.factors.errors import PasskeyRefused
from sharelink.factors.models import ChallengePurpose
from sharelink.factors.passkeys import RelyingParty, read_answer, request_options, verify_answer
from sharelink.factors.service import KnownPasskey
from sharelink.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """An answer that verified: by which passkey, and the count that it told."""

    passkey: KnownPasskey
    sign_count: int


def ask_passkey(
    unit_of_work: UnitOfWork, actor: Actor, party: RelyingParty, visitor: Viewer | HalfSignedIn | None
) -> dict[str, Any]:
    """Return what a browser needs to ask a passkey: to sign in, for the second step, or to prove it once more.

    Args:
        unit_of_work: what makes transactions.
        actor: the visitor.
        party: what passkeys know this service by.
        visitor: how far the browser has come; it decides what the answer will be good for.
    """
    with unit_of_work.write(actor) as work:
        if visitor is None or (isinstance(visitor, HalfSignedIn) and visitor.stage is not Stage.SECOND_FACTOR):
            challenge = work.factors.challenges.make(ChallengePurpose.SIGN_IN)
            return request_options(party, challenge=challenge, known=())
        purpose = ChallengePurpose.PROVE if isinstance(visitor, Viewer) else ChallengePurpose.SECOND_STEP
        challenge = work.factors.challenges.make(purpose, visitor.account_id, visitor.session_hash)
        known = work.factors.credentials_of(visitor.account_id)
        return request_options(party, challenge=challenge, known=known)


def checked_answer(
    unit_of_work: UnitOfWork,
    actor: Actor,
    party: RelyingParty,
    text: str,
    *,
    purpose: ChallengePurpose,
    account_id: bytes | None = None,
    session_hash: bytes | None = None,
) -> CheckedAnswer | None:
    """Return a passkey's answer if it verifies, else None; its challenge is used up whatever comes of it.

    Raises:
        StorageUnavailable: nothing was decided.
    """
    try:
        answer = read_answer(text)
    except PasskeyRefused:
        return None
    with unit_of_work.write(actor) as work:
        if not work.factors.challenges.take(answer.challenge, purpose, account_id, session_hash):
            return None
        passkey = work.factors.known_passkey(answer.credential_id, account_id)
    if passkey is None:
        return None
    # Whoever signs in without an address is told by the passkey; after a password it need not say it again.
    if answer.user_handle != passkey.account_id and (account_id is None or answer.user_handle):
        return None
    try:
        return CheckedAnswer(passkey, verify_answer(party, answer, passkey.public_key))
    except PasskeyRefused:
        return None
