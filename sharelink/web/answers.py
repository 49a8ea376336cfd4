"""What a person is told about a fact, and the answers that several facts share."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person is told, and with which status."""

    status: int
    title: str
    text: str
    next_step: str = ""


LINK_UNAVAILABLE = Answer(
    404,
    "This link is not available",
    "It may be incomplete, used, expired or withdrawn, or it never existed. For your safety we tell no more than that.",
    "Copy the whole link once more. If that does not help, ask the sender for a new one.",
)
NOT_FOUND = Answer(404, "This page does not exist", "The address may be mistyped.", "Go back, or start over.")
UNAVAILABLE = Answer(
    503,
    "We cannot do this right now",
    "Something that must be written cannot be written. Nothing was changed and nothing is lost.",
    "Try again in half a minute. If it goes on, tell the support.",
)
OUTCOME_UNKNOWN = Answer(
    503,
    "We cannot tell whether that was done",
    "The database broke off at the last moment. It was done as a whole or not at all, and nothing secret was shown.",
    "Look before you try again: open the link or the page once more. If a link has ended, ask for a new one.",
)
BROKEN_BODY = Answer(
    400,
    "That did not arrive whole",
    "The connection may have been cut. Nothing was changed.",
    "Go back and try again.",
)
FORBIDDEN = Answer(
    403, "You may not do this", "Your account does not have the role or group for it.", "Ask an administrator."
)
INVALID = Answer(422, "Something is missing", "One or more fields cannot be accepted.", "Go back and check them.")
ENDED = Answer(410, "This has ended", "The secret cannot be shown any more.", "Ask the sender for a new link.")
SIGNED_OUT = Answer(
    404, "This set-up link does not work", "It was used, is too old, or was replaced.", "Start the service again."
)
PROOF_REJECTED = Answer(
    422,
    "This does not belong to our log",
    "What you gave is no checkpoint or proof of this log, or it does not fit what we hold. Nothing was changed.",
    "Take the file as you once received it. If it is, keep it, and tell your auditor.",
)
