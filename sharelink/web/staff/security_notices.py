"""What somebody should know about their own account, and what administrators should know about break-glass ones."""

from datetime import UTC, datetime, timedelta

from sharelink.accounts.queries import break_glass_accounts, notices_seen_at
from sharelink.audit.events import AuditEvent
from sharelink.audit.queries import recent_events
from sharelink.crypto.identifiers import id_text
from sharelink.web.staff.timeline import TimelineEntry, timeline_entry
from sharelink.work import Work

FAILED_STREAK = 5
"""So many failed tries since the last look are worth a notice; fewer are mostly one's own."""

NOTICES_MAX = 10
BREAK_GLASS_LIFETIME = timedelta(days=30)
"""How long administrators read of each use of a break-glass account; nobody can take it off their page."""

_LOOK_BACK = 100

NOTICES = (
    AuditEvent.AUTH_NEW_DEVICE,
    AuditEvent.AUTH_SSO_LINKED,
    AuditEvent.ADMIN_SSO_LINK_ALLOWED,
    AuditEvent.AUTH_PASSWORD_CHANGED,
    AuditEvent.AUTH_PASSWORD_SET,
    AuditEvent.FACTOR_ADDED,
    AuditEvent.FACTOR_REMOVED,
    AuditEvent.FACTOR_RECOVERY_CODES_MADE,
    AuditEvent.FACTOR_RECOVERY_CODE_USED,
    AuditEvent.FACTOR_PASSKEY_COPIED,
    AuditEvent.ADMIN_FACTORS_RESET,
    AuditEvent.ADMIN_PASSWORD_SET,
    AuditEvent.ADMIN_ROLES_CHANGED,
    AuditEvent.ADMIN_MEMBER_ADDED,
    AuditEvent.ADMIN_MEMBER_REMOVED,
)


def security_notices(work: Work, account_id: bytes) -> tuple[TimelineEntry, ...]:
    """Return what happened to the account since its owner last said "I have seen this", newest first."""
    seen_at = notices_seen_at(work.session, account_id)
    since = datetime(1970, 1, 1, tzinfo=UTC) if seen_at is None else seen_at + timedelta(microseconds=1)
    chain = [id_text(account_id)]
    found = list(recent_events(work.session, chain, NOTICES, since, NOTICES_MAX))
    failed = recent_events(work.session, chain, [AuditEvent.AUTH_FAILED], since, _LOOK_BACK)
    tries = sum(count for event in failed if isinstance(count := event.facts.get("tries"), int))
    if tries >= FAILED_STREAK:
        found.append(failed[0])
    found.sort(key=lambda event: event.index, reverse=True)
    return tuple(timeline_entry(event, {}) for event in found[:NOTICES_MAX])


def break_glass_notices(work: Work) -> tuple[TimelineEntry, ...]:
    """Return the uses of break-glass accounts in the last days, newest first."""
    chains = [id_text(account_id) for account_id in break_glass_accounts(work.session)]
    since = work.now - BREAK_GLASS_LIFETIME
    found = recent_events(work.session, chains, [AuditEvent.AUTH_BREAK_GLASS_USED], since, NOTICES_MAX)
    return tuple(timeline_entry(event, {}) for event in found)
