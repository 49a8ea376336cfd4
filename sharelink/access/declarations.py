"""What a custodian declares before a use: purpose, ticket, reason, window; checked against the record's policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sharelink.access.models import TICKET_MAX
from sharelink.access.states import START_AHEAD_MAX, WINDOW_MIN
from sharelink.custody.policy import RecordPolicy
from sharelink.custody.states import Purpose
from sharelink.errors import InvalidInput

REASON_MAX = 500


@dataclass(frozen=True, slots=True)
class Declaration:
    """A use as it was asked for. The window begins `starts_in` after the request."""

    purpose: Purpose
    ticket: str
    reason: str
    starts_in: timedelta
    lasts: timedelta


@dataclass(frozen=True, slots=True)
class TypedDeclaration:
    """The same as a form carries it; lengths of time are whole seconds."""

    purpose: str
    ticket: str
    reason: str
    starts_in_seconds: str
    lasts_seconds: str


def checked_declaration(typed: TypedDeclaration, policy: RecordPolicy) -> Declaration:
    """Return what was declared.

    Raises:
        InvalidInput: in "purpose", "ticket", "reason", "begins" or "lasts".
    """
    problems: dict[str, str] = {}
    purpose, ticket = typed.purpose, " ".join(typed.ticket.split())
    problems |= purpose_problems(policy, purpose, ticket)
    reason, problem = checked_text(typed.reason, "Say what you are going to do; whoever approves reads it.")
    if problem:
        problems["reason"] = problem
    starts_in = _seconds(typed.starts_in_seconds)
    if starts_in is None or starts_in > START_AHEAD_MAX:
        problems["begins"] = "Choose one from the list."
    lasts = _seconds(typed.lasts_seconds)
    if lasts is None or not WINDOW_MIN <= lasts <= longest_window(policy):
        problems["lasts"] = "Choose one from the list: the policy of this record allows no longer window."
    if problems or starts_in is None or lasts is None:
        raise InvalidInput(problems)
    return Declaration(Purpose(purpose), ticket, reason, starts_in, lasts)


def purpose_problems(policy: RecordPolicy, purpose: str, ticket: str) -> dict[str, str]:
    """Return what is wrong with a purpose and a ticket (white space already normalised), by field."""
    problems: dict[str, str] = {}
    if purpose not in {allowed.value for allowed in policy.purposes}:
        problems["purpose"] = "Choose what you need it for."
    if len(ticket) > TICKET_MAX or "\0" in ticket:
        problems["ticket"] = f"Use at most {TICKET_MAX} ordinary characters."
    elif problem := policy.ticket_problem(ticket):
        problems["ticket"] = problem
    return problems


def checked_text(typed: str, missing: str = "") -> tuple[str, str]:
    """Return a short text for people and what is wrong with it, if anything; `missing` says that it must be there."""
    text = typed.replace("\r\n", "\n").strip()
    if not text:
        return "", missing
    if len(text) > REASON_MAX or "\0" in text:
        return text, f"Use at most {REASON_MAX} ordinary characters."
    return text, ""


def longest_window(policy: RecordPolicy) -> timedelta:
    """Return how long a window may be."""
    return timedelta(seconds=policy.longest_window_seconds)


def window_choices(policy: RecordPolicy, choices: Sequence[timedelta]) -> tuple[timedelta, ...]:
    """Return those of `choices` that the policy allows, or its longest window if that is shorter than all."""
    longest = longest_window(policy)
    return tuple(length for length in choices if length <= longest) or (longest,)


def _seconds(text: str) -> timedelta | None:
    if not text.isascii() or not text.isdigit() or len(text) > 7:
        return None
    return timedelta(seconds=int(text))
