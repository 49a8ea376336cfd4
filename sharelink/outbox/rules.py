"""Who is told of what: one table from events to audiences, and the words in which they are told.

An event that has no rule is told to nobody; `UNTOLD` names those on purpose, and a test compares both with all events.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sharelink.audit.events import AuditEvent
from sharelink.audit.log import PendingEvent

FAILED_STREAK = 5
"""So many failed tries at once are worth a letter; fewer are mostly one's own."""


class Told(StrEnum):
    """Whom a rule names; `recipients` finds the ids."""

    LIST = "list"
    CREATOR = "creator"
    WEBHOOKS = "webhooks"
    ACCOUNT = "account"
    APPROVERS = "approvers"
    REQUESTER = "requester"
    OWNERS = "owners"
    APPROVING_CONTACT = "approving_contact"
    AUDITORS = "auditors"


def _always(_event: PendingEvent) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Rule:
    """Whom to tell of an event, and in which words.

    `quiet`: the same audience hears of the same kind of event about the same thing once in so long.
    """

    title: str
    told: frozenset[Told]
    text: str = ""
    quiet: timedelta | None = None
    applies: Callable[[PendingEvent], bool] = _always


_RECORD = frozenset({Told.LIST, Told.WEBHOOKS})
_BOTH = _RECORD | {Told.CREATOR}
_USE = _RECORD | {Told.REQUESTER}
_OWN = frozenset({Told.ACCOUNT})
_LOG = frozenset({Told.AUDITORS, Told.WEBHOOKS})
_NOT_YOU = "If this was not you, tell an administrator at once and end your other sessions."
_HOUR = timedelta(hours=1)


def _many_tries(event: PendingEvent) -> bool:
    tries = event.facts.get("tries")
    return isinstance(tries, int) and tries >= FAILED_STREAK


SHARE_RULES: Mapping[AuditEvent, Rule] = {
    AuditEvent.SHARE_CREATED: Rule("One-time link created", _RECORD),
    AuditEvent.SHARE_OPENED: Rule(
        "Link opened", _BOTH, "The page was opened; the text has not been shown to anybody.", quiet=_HOUR
    ),
    AuditEvent.SHARE_CLIENT_PAUSED: Rule(
        "Too many wrong codes", _RECORD, "Somebody typed wrong codes and must wait. Nothing was shown.", quiet=_HOUR
    ),
    AuditEvent.SHARE_LOCKED: Rule(
        "Locked after wrong codes",
        _BOTH,
        "Nobody has seen the text. Ask the recipient: if they did not try, somebody else has the link.",
    ),
    AuditEvent.SHARE_REVEALED: Rule(
        "Secret revealed", _BOTH, "If the recipient says that it was not them, report it and change what it opens."
    ),
    AuditEvent.SHARE_STORED: Rule("Recipient stored it", _RECORD),
    AuditEvent.SHARE_BURNED: Rule("Erased unread", _BOTH, "Nobody has seen the text."),
    AuditEvent.SHARE_EXPIRED: Rule("Expired unread", _BOTH, "Nobody has seen the text, and it is erased."),
    AuditEvent.SHARE_UNLOCKED: Rule("Unlocked", _RECORD),
    AuditEvent.SHARE_TAMPER_REPORTED: Rule(
        "Reported: “This was not me”",
        _BOTH,
        "Somebody with the link says that they did not use it. The record is on hold. Find out who opened it.",
    ),
    AuditEvent.REQUEST_CREATED: Rule("Secret requested", _RECORD),
    AuditEvent.REQUEST_OPENED: Rule("Request opened by the customer", _BOTH, "Nothing was sent yet.", quiet=_HOUR),
    AuditEvent.REQUEST_KEY_MISMATCH: Rule(
        "A request's key was swapped",
        _BOTH,
        "The customer's link names another key than the database holds. Nothing was stored. Treat it as an attack.",
    ),
    AuditEvent.REQUEST_SUBMITTED: Rule(
        "Customer submitted it", _BOTH, "It is sealed. A custodian opens it with the retrieval link in the ticket."
    ),
    AuditEvent.REQUEST_RETRIEVED: Rule("Answer retrieved", _BOTH, "Our copy is erased."),
    AuditEvent.REQUEST_ACCEPTED: Rule("Sign-in worked", _RECORD),
    AuditEvent.REQUEST_REJECTED: Rule("Answer was wrong", _RECORD),
    AuditEvent.REQUEST_REMINDED: Rule("Customer reminded", _RECORD),
}

CUSTODY_RULES: Mapping[AuditEvent, Rule] = {
    AuditEvent.CUSTODY_OPENED: Rule("Custody record opened", _RECORD),
    AuditEvent.CUSTODY_DETAILS_CHANGED: Rule("Details changed", _RECORD),
    AuditEvent.CUSTODY_ARCHIVED: Rule("Custody record archived", _RECORD),
    AuditEvent.CUSTODY_RESTORED: Rule("Custody record restored", _RECORD),
    AuditEvent.CUSTODY_HELD: Rule(
        "On hold", _RECORD, "Nothing of this record is revealed until two people lift the hold.", quiet=_HOUR
    ),
    AuditEvent.CUSTODY_HOLD_RELEASE: Rule("One of two wants to lift the hold", _RECORD),
    AuditEvent.CUSTODY_HOLD_LIFTED: Rule("Hold lifted", _RECORD),
    AuditEvent.CUSTODY_STATE_CHANGED: Rule("Custody moved on", _RECORD, "The record's page says where it stands now."),
    AuditEvent.CUSTODY_SUSPENDED: Rule("Custody suspended", _RECORD, "Nothing of this record is revealed meanwhile."),
    AuditEvent.CUSTODY_COMPROMISED: Rule(
        "Credential compromised",
        _RECORD | {Told.OWNERS},
        "It counts as known to others: change it. Links that could still be opened were erased.",
    ),
    AuditEvent.CUSTODY_RELEASED: Rule("Custody released", _RECORD | {Told.OWNERS}, "Ownership is back in one hand."),
    AuditEvent.CUSTODY_CLOSED: Rule("Custody closed", _RECORD | {Told.OWNERS}, "The account is closed."),
    AuditEvent.CUSTODY_PROPOSED: Rule("Waits for a second person", _RECORD, "Somebody else must confirm or refuse it."),
    AuditEvent.CUSTODY_PROPOSAL_REFUSED: Rule("Proposal refused or taken back", _RECORD),
    AuditEvent.CUSTODY_CONTACT_ADDED: Rule("Contact added", _RECORD),
    AuditEvent.CUSTODY_CONTACT_CONFIRMED: Rule("Contact confirmed", _RECORD),
    AuditEvent.CUSTODY_CONTACT_REMOVED: Rule("Contact removed", _RECORD),
    AuditEvent.CUSTODY_TERMS_CHANGED: Rule("Terms changed", _RECORD),
    AuditEvent.CUSTODY_ITEM_ADDED: Rule("Item added", _RECORD),
    AuditEvent.CUSTODY_ITEM_CHANGED: Rule("Item changed", _RECORD),
    AuditEvent.CUSTODY_ITEM_CHECKED: Rule("Item checked", _RECORD),
    AuditEvent.CUSTODY_ITEM_REMOVED: Rule("Item removed", _RECORD),
    AuditEvent.CUSTODY_POLICY_CHANGED: Rule("Policy changed", _RECORD),
    AuditEvent.CUSTODY_CALENDAR_CHANGED: Rule("Calendar changed", _RECORD),
    AuditEvent.CUSTODY_REVIEWED: Rule("Access reviewed", _RECORD),
    AuditEvent.CUSTODY_DRILL_DONE: Rule("Access drill done", _RECORD),
    AuditEvent.CREDENTIAL_VERSION_ADDED: Rule("New version of the credential", _RECORD),
    AuditEvent.STATEMENT_LINK_CREATED: Rule("Link to the custody statement made", _RECORD),
    AuditEvent.STATEMENT_LINK_REVOKED: Rule("Link to the custody statement withdrawn", _RECORD),
    AuditEvent.STATEMENT_READ: Rule("Custody statement read", _RECORD, quiet=_HOUR),
    AuditEvent.STATEMENT_ACKNOWLEDGED: Rule("Customer confirmed the statement", _RECORD, quiet=_HOUR),
    AuditEvent.STATEMENT_REPORTED: Rule(
        "Customer reported something",
        _RECORD,
        "The record is on hold. Call the customer, by a number you know.",
        quiet=_HOUR,
    ),
}

ACCESS_RULES: Mapping[AuditEvent, Rule] = {
    AuditEvent.ACCESS_REQUESTED: Rule("Access declared", _RECORD | {Told.APPROVERS}),
    AuditEvent.ACCESS_CUSTOMER_ASKED: Rule("Customer asked to approve access", _RECORD | {Told.APPROVING_CONTACT}),
    AuditEvent.ACCESS_CODE_ASKED: Rule("Approver asked for a code", frozenset({Told.APPROVING_CONTACT})),
    AuditEvent.ACCESS_APPROVED: Rule("Access approved", _USE),
    AuditEvent.ACCESS_DENIED: Rule("Access denied", _USE, "A denial is final; another use must be declared anew."),
    AuditEvent.ACCESS_WITHDRAWN: Rule("Access request withdrawn", _RECORD),
    AuditEvent.ACCESS_EXPIRED: Rule("Access never begun", _USE),
    AuditEvent.ACCESS_CHECKED_OUT: Rule("Access begun", _RECORD),
    AuditEvent.ACCESS_CHECKED_IN: Rule("Access ended", _RECORD),
    AuditEvent.ACCESS_OVERDUE: Rule("Access overdue", _USE, "It should have been checked in by now."),
    AuditEvent.ACCESS_REVIEWED: Rule("Access reviewed", _USE),
    AuditEvent.ACCESS_BREAK_GLASS: Rule(
        "Break-glass access",
        _RECORD | {Told.APPROVERS, Told.OWNERS},
        "One person alone has begun to use the credential, without approval. It must be reviewed within 24 hours.",
    ),
    AuditEvent.ACCESS_REFUSED: Rule("Access refused", _RECORD),
    AuditEvent.CLOUDTRAIL_IMPORTED: Rule("Root sign-ins brought in from CloudTrail", _RECORD),
    AuditEvent.CLOUDTRAIL_UNMATCHED: Rule(
        "CloudTrail and declared uses do not agree",
        _RECORD | {Told.OWNERS},
        "AWS recorded a root sign-in outside of every declared use, or a use has none. The record's page lists them.",
    ),
    AuditEvent.CLOUDTRAIL_EXPLAINED: Rule("A CloudTrail mismatch was explained", _RECORD),
}

APPROVER_TITLES: Mapping[AuditEvent, tuple[str, str]] = {
    AuditEvent.ACCESS_REQUESTED: (
        "Access waits for your decision",
        "Read what it is for, then approve or deny. One denial is final.",
    ),
    AuditEvent.ACCESS_BREAK_GLASS: (
        "Break-glass access to be reviewed",
        "One person alone has begun to use the credential, without approval. Review it within 24 hours.",
    ),
}
"""What approvers read, where it is not what everybody reads."""

ACCOUNT_RULES: Mapping[AuditEvent, Rule] = {
    AuditEvent.AUTH_NEW_DEVICE: Rule("You signed in on a new device", _OWN, _NOT_YOU),
    AuditEvent.AUTH_FAILED: Rule(
        "Somebody tried to sign in as you",
        _OWN,
        "Several tries failed. If it was not you, there is nothing to do as long as your second factor is yours.",
        quiet=_HOUR,
        applies=_many_tries,
    ),
    AuditEvent.AUTH_PASSWORD_CHANGED: Rule("Your password was changed", _OWN, _NOT_YOU),
    AuditEvent.AUTH_PASSWORD_SET: Rule("A password was set for your account", _OWN, _NOT_YOU),
    AuditEvent.AUTH_SSO_LINKED: Rule("You signed in by your organisation for the first time", _OWN, _NOT_YOU),
    AuditEvent.ADMIN_SSO_LINK_ALLOWED: Rule("Your account was opened to your organisation's sign-in", _OWN, _NOT_YOU),
    AuditEvent.FACTOR_ADDED: Rule("A second factor was added to your account", _OWN, _NOT_YOU),
    AuditEvent.FACTOR_REMOVED: Rule("A second factor was removed from your account", _OWN, _NOT_YOU),
    AuditEvent.FACTOR_RECOVERY_CODES_MADE: Rule("New recovery codes were made for your account", _OWN, _NOT_YOU),
    AuditEvent.FACTOR_RECOVERY_CODE_USED: Rule("A recovery code of your account was used", _OWN, _NOT_YOU),
    AuditEvent.FACTOR_PASSKEY_COPIED: Rule("A copied passkey of yours was refused", _OWN, _NOT_YOU),
    AuditEvent.ADMIN_FACTORS_RESET: Rule("An administrator reset your second factors", _OWN, _NOT_YOU),
    AuditEvent.ADMIN_PASSWORD_SET: Rule("An operator set your password", _OWN, _NOT_YOU),
    AuditEvent.ADMIN_ROLES_CHANGED: Rule("Your roles were changed", _OWN),
    AuditEvent.ADMIN_MEMBER_ADDED: Rule("You were added to a custodian group", _OWN),
    AuditEvent.ADMIN_MEMBER_REMOVED: Rule("You were removed from a custodian group", _OWN),
    AuditEvent.ADMIN_SESSIONS_ENDED: Rule("An administrator signed you out everywhere", _OWN),
    AuditEvent.AUTH_BREAK_GLASS_USED: Rule("Your break-glass account was used", _OWN, _NOT_YOU),
}

LOG_RULES: Mapping[AuditEvent, Rule] = {
    AuditEvent.AUDIT_VERIFICATION_FAILED: Rule(
        "The audit log does not fit together",
        _LOG,
        "A verification found what should not be. Treat it as an attack until you know better: keep the database and "
        "its backups as they are, and read the findings.",
    ),
    AuditEvent.WITNESS_REFUSED: Rule(
        "A witness does not recognise the audit log",
        _LOG,
        "It has seen another history than the one that we have now. That happens after a restored backup, or when "
        "somebody has changed the log.",
    ),
    AuditEvent.LOG_SINK_FAILED: Rule(
        "The audit log's second sink fails", _LOG, "Events are kept and sent later. Until then, only we hold them."
    ),
    AuditEvent.LOG_RESTORED: Rule(
        "The audit log goes on from a restored backup", _LOG, "An operator accepted that newer events are lost."
    ),
}
"""What threatens the log itself; `letters` names the page of the log for these."""

RULES: Mapping[AuditEvent, Rule] = {**SHARE_RULES, **CUSTODY_RULES, **ACCESS_RULES, **ACCOUNT_RULES, **LOG_RULES}

REQUEST_TITLES: Mapping[AuditEvent, tuple[str, str]] = {
    AuditEvent.SHARE_EXPIRED: ("Request ended without use", "Nobody has read anything."),
    AuditEvent.SHARE_BURNED: ("Request cancelled or replaced", "Nobody has read anything."),
    AuditEvent.SHARE_TAMPER_REPORTED: (
        "Reported: “This was not me”",
        "Somebody with the customer's link says that they did not use it. The record is on hold. Call the customer.",
    ),
}
"""Title and text where an event of shares means something else for a request."""

UNTOLD = frozenset(
    {
        # Steps on the way to something that is told, or what its recipient's page says by itself.
        AuditEvent.SHARE_REVEAL_ATTEMPTED,
        AuditEvent.SHARE_CODE_FAILED,
        AuditEvent.SHARE_DISPLAYED,
        AuditEvent.CUSTODY_HOLD_WORDS_VOIDED,
        AuditEvent.CUSTODY_STATEMENT_ISSUED,
        AuditEvent.CUSTODY_PROPOSAL_VOIDED,
        AuditEvent.ACCESS_LINK_OPENED,
        AuditEvent.ACCESS_CODE_FAILED,
        # Everyday sign-ins, and what the person does themselves.
        AuditEvent.AUTH_PASSWORD_ACCEPTED,
        AuditEvent.AUTH_SUCCEEDED,
        AuditEvent.AUTH_PROVEN_AGAIN,
        AuditEvent.AUTH_SESSION_ENDED,
        AuditEvent.AUTH_SSO_REFUSED,
        AuditEvent.AUTHZ_REFUSED,
        # What stands on administrators' pages, where proposals wait anyway.
        AuditEvent.ADMIN_ACCOUNT_CREATED,
        AuditEvent.ADMIN_ACCOUNT_DISABLED,
        AuditEvent.ADMIN_ACCOUNT_ENABLED,
        AuditEvent.ADMIN_GROUP_CREATED,
        AuditEvent.ADMIN_INVITED,
        AuditEvent.ADMIN_INVITATION_USED,
        AuditEvent.ADMIN_INVITATION_REVOKED,
        AuditEvent.ADMIN_CHANGE_PROPOSED,
        AuditEvent.ADMIN_CHANGE_APPROVED,
        AuditEvent.ADMIN_CHANGE_REFUSED,
        AuditEvent.ADMIN_CHANGE_VOIDED,
        AuditEvent.OUTBOX_TRIED_AGAIN,
        AuditEvent.WEBHOOK_ADDED,
        AuditEvent.WEBHOOK_REMOVED,
        AuditEvent.KEY_CREATED,
        AuditEvent.KEY_ROTATED,
        AuditEvent.KEY_REWRAPPED,
        AuditEvent.KEY_RETIRED,
        AuditEvent.KEY_DESTROYED,
        AuditEvent.AUDIT_MONITORED,
        AuditEvent.AUDIT_TOKEN_CREATED,
        AuditEvent.AUDIT_TOKEN_REVOKED,
        AuditEvent.LOG_SINK_RECOVERED,
        AuditEvent.RATELIMIT_TRIPPED,
        AuditEvent.STRANGERS_REFUSED,
        AuditEvent.SYSTEM_CLOCK_JUMP,
        AuditEvent.SYSTEM_STARTED,
        # What stands on the auditors' page, or was done by whoever operates the service.
        AuditEvent.LOG_HEARTBEAT,
        AuditEvent.LOG_KEY_ROTATED,
        AuditEvent.LOG_KEY_RETIRED,
        AuditEvent.LOG_DISCLOSURES_ERASED,
        AuditEvent.AUDIT_VIEWED,
        AuditEvent.AUDIT_EXPORTED,
        AuditEvent.AUDIT_PROVEN,
        AuditEvent.AUDIT_VERIFIED,
    }
)
"""Events of which nobody is told, on purpose. A test holds every event to be here or in the rules."""
