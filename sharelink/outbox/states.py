"""Ways, audiences and states of what is told, and the kinds of letters."""

from enum import StrEnum


class Channel(StrEnum):
    """By which way something is told."""

    MAIL = "mail"
    WEBHOOK = "webhook"


class Audience(StrEnum):
    """Whom an entry is for; its reference is an id of that kind. Addresses are looked up when it is sent."""

    RECORD = "record"
    ACCOUNT = "account"
    CONTACT = "contact"
    ENDPOINT = "endpoint"


class LetterKind(StrEnum):
    """What is written when it is sent."""

    RECORD_EVENT = "record_event"
    PERSONAL = "personal"
    ACCOUNT_NOTICE = "account_notice"
    OWNER_NOTICE = "owner_notice"
    APPROVER_NOTICE = "approver_notice"
    REMINDER = "reminder"
    APPROVAL_LINK = "approval_link"
    APPROVAL_CODE = "approval_code"
    WEBHOOK_EVENT = "webhook_event"
    WEBHOOK_TEST = "webhook_test"


class DeliveryState(StrEnum):
    """How far an entry has come.

    `accepted`: the other side took it; whether anybody reads it, nobody knows. `refused`: the other side said no for
    good. `dead`: given up after many tries. `void`: when its turn came, there was nobody or nothing left to tell.
    """

    QUEUED = "queued"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    DEAD = "dead"
    VOID = "void"


FAILED_STATES = frozenset({DeliveryState.REFUSED, DeliveryState.DEAD})
"""What an administrator should look at, and may try again."""

DELIVERY_LABELS: dict[DeliveryState, tuple[str, str]] = {
    # State: words for people, tone.
    DeliveryState.QUEUED: ("Queued", "plain"),
    DeliveryState.ACCEPTED: ("Accepted", "done"),
    DeliveryState.REFUSED: ("Refused", "bad"),
    DeliveryState.DEAD: ("Given up", "bad"),
    DeliveryState.VOID: ("Not needed any more", "plain"),
}

REMINDER_TYPE = "reminder.unopened"
"""Stands for an event's name in entries that no event has caused."""

TEST_TYPE = "webhook.test"
