"""How far a browser has come on its way in, and by what it got there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Stage(StrEnum):
    """How far a session has come. Only a full one is somebody signed in; the others reach their next step alone."""

    SECOND_FACTOR = "second_factor"
    ENROLMENT = "enrolment"
    FULL = "full"


class SignInProof(StrEnum):
    """What somebody proved who they are with."""

    PASSKEY = "passkey"
    PASSWORD_AND_CODE = "password_and_code"  # noqa: S105 - the name of a proof, not a password
    PASSWORD_AND_PASSKEY = "password_and_passkey"  # noqa: S105 - the same
    PASSWORD_AND_RECOVERY_CODE = "password_and_recovery_code"  # noqa: S105 - the same
    SSO = "sso"

    @property
    def methods(self) -> tuple[str, ...]:
        """The names of the methods in RFC 8176, as audit leaves carry them; `recovery` and `sso` are our own."""
        return PROOF_METHODS[self]

    @property
    def is_strong(self) -> bool:
        """Whether it suffices before a sensitive act.

        A recovery code does not: it only opens the door once. A provider's word does only by what it says of itself
        (`ProviderWord.proven_at`).
        """
        return self not in {SignInProof.PASSWORD_AND_RECOVERY_CODE, SignInProof.SSO}


PROOF_METHODS: Mapping[SignInProof, tuple[str, ...]] = {
    SignInProof.PASSKEY: ("pop", "user"),
    SignInProof.PASSWORD_AND_CODE: ("pwd", "otp"),
    SignInProof.PASSWORD_AND_PASSKEY: ("pwd", "pop", "user"),
    SignInProof.PASSWORD_AND_RECOVERY_CODE: ("pwd", "recovery"),
    SignInProof.SSO: ("sso",),
}


@dataclass(frozen=True, slots=True)
class ProviderWord:
    """What a provider says of how somebody signed in there.

    `methods`: the names of RFC 8176. `proven_at`: when they proved strongly who they are, by what the settings require
    of the provider; None if the settings require nothing, or the provider does not say when.
    """

    methods: tuple[str, ...] = ()
    proven_at: datetime | None = None


PASSWORD_METHODS = ("pwd",)
"""What a session that waits for its second step was proven with."""
