"""What passkeys are asked, and how their answers are checked (WebAuthn level 3, by the library `webauthn`).

Knows no database. User verification is always required, so a passkey alone is two factors: the device, and whatever
unlocks it. Attestation is not asked for: which make of authenticator people use is theirs to choose.
"""

import ipaddress
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sharelink.factors.errors import PasskeyRefused
from sharelink.factors.models import CREDENTIAL_ID_MAX

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

ANSWER_MAX_CHARACTERS = 16_384
"""Far more than any passkey answers without attestation."""

TIMEOUT_MILLISECONDS = 120_000


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """This service as passkeys know it: they answer to no other name, which is why they cannot be phished."""

    id: str
    origin: str
    name: str


@dataclass(frozen=True, slots=True)
class KnownCredential:
    """A credential that a browser may offer for an account."""

    credential_id: bytes
    transports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PasskeyAnswer:
    """The readable parts of an answer. Nothing of it is proven yet."""

    text: str
    challenge: bytes
    credential_id: bytes
    user_handle: bytes | None


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A passkey that has just been made, verified."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]


def relying_party_of(base_url: str, name: str) -> RelyingParty | None:
    """Return what passkeys know the service by; None if its address is a number: browsers make no passkeys for those.

    Args:
        base_url: where people reach the service.
        name: what it is called in the browser's dialog.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return RelyingParty(host, f"{parts.scheme}://{parts.netloc}", name) if host else None
    return None


def registration_options(
    party: RelyingParty,
    *,
    challenge: bytes,
    account_id: bytes,
    email: str,
    name: str,
    known: Collection[KnownCredential],
) -> dict[str, Any]:
    """Return what a browser needs to make a passkey for an account; devices that hold a `known` one decline."""
    from webauthn import generate_registration_options
    from webauthn.helpers import options_to_json_dict
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=account_id,
        user_name=email,
        user_display_name=name,
        challenge=challenge,
        timeout=TIMEOUT_MILLISECONDS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            # Kept on the device, so that signing in can begin without an address.
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(known),
    )
    return options_to_json_dict(options)


def request_options(party: RelyingParty, *, challenge: bytes, known: Collection[KnownCredential]) -> dict[str, Any]:
    """Return what a browser needs to ask a passkey; without `known` ones the person chooses among their own."""
    from webauthn import generate_authentication_options
    from webauthn.helpers import options_to_json_dict
    from webauthn.helpers.structs import UserVerificationRequirement

    options = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=TIMEOUT_MILLISECONDS,
        allow_credentials=_descriptors(known),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


def read_answer(text: str) -> PasskeyAnswer:
    """Return the readable parts of a passkey's answer to a sign-in or proof.

    Raises:
        PasskeyRefused: it is no such answer.
    """
    from webauthn.helpers import parse_authentication_credential_json, parse_client_data_json

    _check_size(text)
    try:
        credential = parse_authentication_credential_json(text)
        client = parse_client_data_json(credential.response.client_data_json)
    except Exception as error:
        raise PasskeyRefused("the answer is malformed") from error
    if not 0 < len(credential.raw_id) <= CREDENTIAL_ID_MAX:
        raise PasskeyRefused("the answer is malformed")
    return PasskeyAnswer(text, client.challenge, credential.raw_id, credential.response.user_handle)


def challenge_of_new(text: str) -> bytes:
    """Return the challenge that a new passkey's answer names.

    Raises:
        PasskeyRefused: it is no such answer.
    """
    from webauthn.helpers import parse_client_data_json, parse_registration_credential_json

    _check_size(text)
    try:
        credential = parse_registration_credential_json(text)
        return parse_client_data_json(credential.response.client_data_json).challenge
    except Exception as error:
        raise PasskeyRefused("the answer is malformed") from error


def verify_new(party: RelyingParty, text: str, challenge: bytes) -> NewPasskey:
    """Return the passkey that answered `challenge`.

    Raises:
        PasskeyRefused: made for another site or challenge, without verifying the person, or malformed.
    """
    from webauthn import verify_registration_response
    from webauthn.helpers.structs import AuthenticatorTransport

    try:
        made = verify_registration_response(
            credential=text,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
        answered: Mapping[str, Any] = json.loads(text)["response"]
    except Exception as error:
        raise PasskeyRefused("the new passkey does not verify") from error
    if not 0 < len(made.credential_id) <= CREDENTIAL_ID_MAX:
        raise PasskeyRefused("the new passkey does not verify")
    told = answered.get("transports")
    known = {transport.value for transport in AuthenticatorTransport}
    transports = tuple(sorted(known & {one for one in told if isinstance(one, str)})) if told else ()
    return NewPasskey(made.credential_id, made.credential_public_key, made.sign_count, transports)


def verify_answer(party: RelyingParty, answer: PasskeyAnswer, public_key: bytes) -> int:
    """Return the sign count that a known passkey's answer carries.

    The count is not compared here: a passkey that counts backwards is a fact of its own, worth an event, and only
    after its signature was found good.

    Raises:
        PasskeyRefused: signed for another site or challenge, by another key, or without verifying the person.
    """
    from webauthn import verify_authentication_response

    try:
        verified = verify_authentication_response(
            credential=answer.text,
            expected_challenge=answer.challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception as error:
        raise PasskeyRefused("the answer does not verify") from error
    return verified.new_sign_count


def _descriptors(known: Collection[KnownCredential]) -> "list[PublicKeyCredentialDescriptor]":
    from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor

    return [
        PublicKeyCredentialDescriptor(
            id=one.credential_id,
            transports=[AuthenticatorTransport(transport) for transport in one.transports],
        )
        for one in known
    ]


def _check_size(text: str) -> None:
    if len(text) > ANSWER_MAX_CHARACTERS:
        raise PasskeyRefused("the answer is too long")
