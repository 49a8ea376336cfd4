"""What has happened lately with the groups of the viewer, for the start page: nobody joins a group unseen."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sharelink.accounts.queries import GroupChoice
from sharelink.audit.events import AuditEvent
from sharelink.audit.queries import recent_events
from sharelink.web.staff.timeline import TimelineEntry, timeline_entry
from sharelink.work import Work

NEWS_LIFETIME = timedelta(days=7)
NEWS_MAX = 10

NEWS = (
    AuditEvent.ADMIN_MEMBER_ADDED,
    AuditEvent.ADMIN_MEMBER_REMOVED,
    AuditEvent.ADMIN_CHANGE_PROPOSED,
    AuditEvent.ADMIN_FACTORS_RESET,
    AuditEvent.ADMIN_ROLES_CHANGED,
    AuditEvent.ADMIN_ACCOUNT_DISABLED,
    AuditEvent.ADMIN_ACCOUNT_ENABLED,
    AuditEvent.ADMIN_PASSWORD_SET,
    AuditEvent.AUTH_SSO_LINKED,
    AuditEvent.AUTH_BREAK_GLASS_USED,
    AuditEvent.ADMIN_SSO_LINK_ALLOWED,
)


@dataclass(frozen=True, slots=True)
class GroupNews:
    """One event of one of the viewer's groups."""

    group_text: str
    group_name: str
    entry: TimelineEntry


def group_news(work: Work, groups: Iterable[GroupChoice]) -> tuple[GroupNews, ...]:
    """Return what happened with these groups in the last days, newest first, at most `NEWS_MAX`."""
    names = {group.id_text: group.name for group in groups}
    found = recent_events(work.session, names.keys(), NEWS, work.now - NEWS_LIFETIME, NEWS_MAX)
    return tuple(GroupNews(event.rec, names[event.rec], timeline_entry(event, {})) for event in found)
