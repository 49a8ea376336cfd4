"""Every event name, in one place, in the form subject.act."""

from enum import StrEnum


class AuditEvent(StrEnum):
    """The names that an audit leaf's `type` may have. Retired names stay listed."""

    CUSTODY_OPENED = "custody.opened"
    CUSTODY_DETAILS_CHANGED = "custody.details_changed"
    CUSTODY_ARCHIVED = "custody.archived"
    CUSTODY_RESTORED = "custody.restored"

    SHARE_CREATED = "share.created"
    SHARE_OPENED = "share.opened"
    SHARE_REVEAL_ATTEMPTED = "share.reveal_attempted"
    SHARE_CODE_FAILED = "share.code_failed"
    SHARE_CLIENT_PAUSED = "share.client_paused"
    SHARE_LOCKED = "share.locked"
    SHARE_REVEALED = "share.revealed"
    SHARE_DISPLAYED = "share.displayed"
    SHARE_STORED = "share.stored"
    SHARE_BURNED = "share.burned"
    SHARE_EXPIRED = "share.expired"
    SHARE_UNLOCKED = "share.unlocked"
    SHARE_TAMPER_REPORTED = "share.tamper_reported"
    REQUEST_CREATED = "request.created"
    REQUEST_OPENED = "request.opened"
    REQUEST_KEY_MISMATCH = "request.key_mismatch"
    REQUEST_SUBMITTED = "request.submitted"
    REQUEST_RETRIEVED = "request.retrieved"
    REQUEST_ACCEPTED = "request.accepted"
    REQUEST_REJECTED = "request.rejected"
    REQUEST_REMINDED = "request.reminded"
    CUSTODY_HELD = "custody.held"
    CUSTODY_HOLD_RELEASE = "custody.hold_release"
    CUSTODY_HOLD_LIFTED = "custody.hold_lifted"
    CUSTODY_HOLD_WORDS_VOIDED = "custody.hold_words_voided"

    AUTH_PASSWORD_ACCEPTED = "auth.password_accepted"  # noqa: S105 - an event's name, not a password
    AUTH_SUCCEEDED = "auth.succeeded"
    AUTH_NEW_DEVICE = "auth.new_device"
    AUTH_PROVEN_AGAIN = "auth.proven_again"
    AUTH_FAILED = "auth.failed"
    AUTH_PASSWORD_CHANGED = "auth.password_changed"  # noqa: S105 - an event's name, not a password
    AUTH_PASSWORD_SET = "auth.password_set"  # noqa: S105 - the same
    AUTH_SESSION_ENDED = "auth.session_ended"
    AUTH_SSO_LINKED = "auth.sso_linked"
    AUTH_SSO_REFUSED = "auth.sso_refused"
    AUTH_BREAK_GLASS_USED = "auth.break_glass_used"
    FACTOR_ADDED = "factor.added"
    FACTOR_REMOVED = "factor.removed"
    FACTOR_RECOVERY_CODES_MADE = "factor.recovery_codes_made"
    FACTOR_RECOVERY_CODE_USED = "factor.recovery_code_used"
    FACTOR_PASSKEY_COPIED = "factor.passkey_copied"
    AUTHZ_REFUSED = "authz.refused"

    ADMIN_ACCOUNT_CREATED = "admin.account_created"
    ADMIN_ACCOUNT_DISABLED = "admin.account_disabled"
    ADMIN_GROUP_CREATED = "admin.group_created"
    ADMIN_MEMBER_ADDED = "admin.member_added"
    ADMIN_MEMBER_REMOVED = "admin.member_removed"
    ADMIN_SSO_LINK_ALLOWED = "admin.sso_link_allowed"
    ADMIN_ACCOUNT_ENABLED = "admin.account_enabled"
    ADMIN_ROLES_CHANGED = "admin.roles_changed"
    ADMIN_FACTORS_RESET = "admin.factors_reset"
    ADMIN_SESSIONS_ENDED = "admin.sessions_ended"
    ADMIN_PASSWORD_SET = "admin.password_set"  # noqa: S105 - an event's name, not a password
    ADMIN_INVITED = "admin.invited"
    ADMIN_INVITATION_USED = "admin.invitation_used"
    ADMIN_INVITATION_REVOKED = "admin.invitation_revoked"
    ADMIN_CHANGE_PROPOSED = "admin.change_proposed"
    ADMIN_CHANGE_APPROVED = "admin.change_approved"
    ADMIN_CHANGE_REFUSED = "admin.change_refused"
    ADMIN_CHANGE_VOIDED = "admin.change_voided"

    KEY_CREATED = "key.created"
    KEY_DESTROYED = "key.destroyed"
    SYSTEM_CLOCK_JUMP = "system.clock_jump"
    SYSTEM_STARTED = "system.started"


class Outcome(StrEnum):
    """How the act ended."""

    SUCCESS = "success"
    REFUSED = "refused"
    FAILURE = "failure"
    PENDING = "pending"


SYSTEM_CHAIN = "system"
"""The chain of what concerns no record and no group: keys, sign-ins, accounts, starts."""
