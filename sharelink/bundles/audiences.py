"""Who gets a bundle, and which of the erasable fields of its entries they may read."""

from enum import StrEnum


class Audience(StrEnum):
    """For whom a bundle is made."""

    CUSTOMER = "customer"
    STAFF = "staff"


_SHOWN_TO_CUSTOMERS = frozenset(
    {
        # Who acted, and who speaks for whom.
        *("actor_name", "contact", "contact_name", "name", "email", "role", "group", "group_before", "group_after"),
        # What is looked after, and on what terms.
        *("customer", "subject", "aws_account_id", "root_email", "contract_reference", "distribution_list"),
        *("customer_before", "subject_before", "aws_account_id_before", "root_email_before"),
        *("customer_after", "subject_after", "aws_account_id_after", "root_email_after"),
        *("contract_reference_before", "distribution_list_before"),
        *("contract_reference_after", "distribution_list_after"),
        *("operator_before", "operator_after", "purpose_before", "purpose_after"),
        # Items, shares, uses, steps, reviews.
        *("label", "holder", "place", "serial_tail", "state", "ticket", "reason", "message", "result", "text"),
        *("channel", "mfa_serial_tail", "acknowledged_by", "approved_by", "confirmed_by", "closure_reference"),
    }
)
"""The fields whose values the statement's page shows. Whatever is new stays inside until somebody decides."""

_NOTES_SHOWN_OF = ("access.", "custody.")
"""A note beside a share is between its sender and its recipient; one beside a use or a step is on the statement."""


def may_read(audience: Audience, event_type: str, field: str) -> bool:
    """Tell whether a bundle for `audience` may disclose this personal field of an event of this type.

    Staff who read a record see all of it; which browser a visitor used, no page shows. Where visitors came from is for
    staff alone.
    """
    if audience is Audience.STAFF:
        return field != "user_agent"
    return field in _SHOWN_TO_CUSTOMERS or (field == "note" and event_type.startswith(_NOTES_SHOWN_OF))
