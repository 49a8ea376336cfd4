"""Facts about single sign-on."""

from enum import StrEnum

from sharelink.errors import SharelinkError


class Refusal(StrEnum):
    """Why somebody whom the provider sent back is not signed in. Events carry it as their reason."""

    DECLINED = "declined_at_provider"
    FLOW = "unknown_or_used_state"
    CODE = "code_refused"
    TOKEN = "token_refused"  # noqa: S105 - a reason, not a token
    METHODS = "methods_missing"
    EMAIL = "email_not_verified"
    PERSON = "no_account"
    OTHER_PERSON = "other_person"
    POLICY = "policy"
    SECOND_ADMINISTRATOR = "second_administrator_needed"
    LAST_ADMINISTRATOR = "last_administrator"
    NO_ROLE = "no_role"


class SingleSignOnOff(SharelinkError):
    """This installation has no provider."""

    code = "single_sign_on_off"


class ProviderUnavailable(SharelinkError):
    """The provider does not answer, or not with what it must answer."""

    code = "provider_unavailable"


class SignOnRefused(SharelinkError):
    """The provider's answer signs nobody in; `refusal` says why."""

    code = "sign_on_refused"

    def __init__(self, refusal: Refusal, detail: str) -> None:
        """Keep why.

        Args:
            refusal: for the person and the event.
            detail: for the log; holds nothing of what the provider sent.
        """
        super().__init__(detail)
        self.refusal = refusal
