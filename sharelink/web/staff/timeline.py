"""What people read on a timeline for each kind of audit event."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sharelink.accounts.stages import SignInProof, Stage
from sharelink.accounts.states import CHANGE_LABELS, ChangeKind, Role, role_labels
from sharelink.actors import ActorKind
from sharelink.audit.events import AuditEvent
from sharelink.audit.queries import RecordedEvent
from sharelink.custody.states import PURPOSE_LABELS, RECORD_TEMPLATES, Purpose, RecordField, RecordKind
from sharelink.shares.states import EndReason, ShareKind
from sharelink.web.devices import device_text
from sharelink.web.filters import duration_text

FIELD_LABELS: Mapping[RecordField, str] = {
    RecordField.CUSTOMER: "Customer",
    RecordField.SUBJECT: "Subject",
    RecordField.AWS_ACCOUNT_ID: "AWS account id",
    RecordField.ROOT_EMAIL: "Root e-mail",
    RecordField.CONTRACT_REFERENCE: "Contract reference",
}
PROOF_LABELS: Mapping[str, str] = {
    SignInProof.PASSKEY: "With a passkey",
    SignInProof.PASSWORD_AND_CODE: "With password and code",
    SignInProof.PASSWORD_AND_PASSKEY: "With password and passkey",
    SignInProof.PASSWORD_AND_RECOVERY_CODE: "With password and recovery code",
    SignInProof.SSO: "By the organisation's sign-in",
}
_GROUP_LABEL = "Custodian group"
_SHARE = "share"
_HOLD = "hold"
_LINK_HOLDER = "Whoever held the link"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event as a page shows it. `tone` is done, warn, bad or plain; `icon` is an id of the sprite."""

    at: datetime
    type: str
    title: str
    who: str
    where: str
    detail: str
    tone: str
    icon: str


@dataclass(frozen=True, slots=True)
class EventWords:
    """Title, icon and tone of one kind of event, and how its detail is told."""

    title: str
    icon: str
    tone: str = "plain"
    detail: Callable[[RecordedEvent], str] = lambda _event: ""


def timeline_entry(event: RecordedEvent, share_labels: Mapping[str, str]) -> TimelineEntry:
    """Return what a page shows of `event`.

    Args:
        event: an event of the audit.
        share_labels: the label of each share, by the text of its id, so that later events name it, too.
    """
    if not event.is_readable:
        words, detail = UNREADABLE, "It was changed in the database. Tell whoever runs this service."
    elif event.type in EVENT_WORDS:
        words = _words_of(event)
        detail = words.detail(event)
    else:
        words, detail = EventWords(event.type, "info"), ""
    if event.object_kind == _SHARE and event.type not in {AuditEvent.SHARE_CREATED, AuditEvent.REQUEST_CREATED}:
        detail = _sentences(_quoted(share_labels.get(event.object_ref or "", "")), detail)
    return TimelineEntry(
        at=event.at,
        type=event.type,
        title=words.title,
        who=_who(event),
        where=event.personal_text("ip"),
        detail=detail,
        tone=words.tone,
        icon=words.icon,
    )


def _words_of(event: RecordedEvent) -> EventWords:
    type_ = AuditEvent(event.type)
    if event.facts.get("kind") == ShareKind.REQUEST:
        end = (type_, event.reason, bool(event.facts.get("answered")))
        return REQUEST_ENDS.get(end, EVENT_WORDS[type_])
    if type_ is AuditEvent.SHARE_BURNED:
        return BURNED_WORDS.get(event.reason, EVENT_WORDS[type_])
    return EVENT_WORDS[type_]


def _who(event: RecordedEvent) -> str:
    name = event.personal.get("actor_name")
    if name is not None:
        return name
    if event.actor_kind == ActorKind.PUBLIC:
        return _LINK_HOLDER if event.object_kind in {_SHARE, _HOLD} else "A visitor"
    return event.personal_text("actor_name")


def _quoted(text: str) -> str:
    return f"“{text}”" if text else ""


def _sentences(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _opened(event: RecordedEvent) -> str:
    kind = str(event.facts.get("kind", ""))
    known = {kind.value: template.label for kind, template in RECORD_TEMPLATES.items()}
    group = event.personal_text("group")
    return _sentences(str(event.facts.get("reference", "")), known.get(kind, kind), group)


def _details_changed(event: RecordedEvent) -> str:
    changed = str(event.facts.get("changed", "")).split(",")
    lines = [_field_change(event, field.value, FIELD_LABELS[field]) for field in RecordField if field in changed]
    if "kind" in changed:
        lines.append(f"Kind: {_kind_label(event, 'kind_before')} → {_kind_label(event, 'kind_after')}")
    if "group" in changed:
        lines.append(_field_change(event, "group", _GROUP_LABEL))
    return _sentences(*lines)


def _field_change(event: RecordedEvent, name: str, label: str) -> str:
    before = event.personal_text(f"{name}_before") or "none"
    after = event.personal_text(f"{name}_after") or "none"
    return f"{label}: {before} → {after}"


def _kind_label(event: RecordedEvent, name: str) -> str:
    kind = str(event.facts.get(name, ""))
    return RECORD_TEMPLATES[RecordKind(kind)].label if kind in set(RecordKind) else kind


def _created(event: RecordedEvent) -> str:
    seconds = event.facts.get("lifetime_seconds")
    lifetime = f"can be read for {duration_text(seconds)}" if isinstance(seconds, int) else ""
    if event.facts.get("code_required"):
        code = "access code on"
    else:
        reason = _quoted(event.personal_text("code_waiver_reason"))
        code = f"no access code: {reason}" if reason else "no access code"
    again = "sent again, in place of an earlier link" if event.facts.get("replaces") else ""
    return _sentences(_quoted(event.personal.get("label", "")), again, lifetime, code)


def _attempted(event: RecordedEvent) -> str:
    tries = event.facts.get("tries")
    return f"Try {tries}" if tries is not None else ""


def _code_failed(event: RecordedEvent) -> str:
    left = event.facts.get("tries_left")
    return "" if left is None else "One try left" if left == 1 else f"{left} tries left"


def _paused(event: RecordedEvent) -> str:
    seconds = event.facts.get("pause_seconds")
    return f"This client must wait {duration_text(seconds)}" if isinstance(seconds, int) else ""


def _burned(event: RecordedEvent) -> str:
    return _sentences("Not shown to anybody", _quoted(event.personal.get("note", "")))


def _more_tries(event: RecordedEvent) -> str:
    more = event.facts.get("more_tries")
    return f"{more} more tries" if more is not None else ""


def _reported(event: RecordedEvent) -> str:
    return {
        "revealed": "Somebody else may have read it: change the credential",
        "expired": "It had expired unread",
        "burned": "It had been erased unread",
    }.get(str(event.facts.get("state", "")), "")


def _requested(event: RecordedEvent) -> str:
    seconds = event.facts.get("submit_lifetime_seconds")
    lifetime = f"can be answered for {duration_text(seconds)}" if isinstance(seconds, int) else ""
    again = "asked again, in place of an earlier link" if event.facts.get("replaces") else ""
    return _sentences(_quoted(event.personal.get("label", "")), again, lifetime)


def _retrieved(event: RecordedEvent) -> str:
    purpose = str(event.facts.get("purpose", ""))
    known = PURPOSE_LABELS[Purpose(purpose)] if purpose in set(Purpose) else purpose
    ticket = event.personal.get("ticket", "")
    return _sentences(known, f"Ticket {ticket}" if ticket else "")


def _accepted(event: RecordedEvent) -> str:
    place = event.personal.get("vault_reference", "")
    return f"Kept at: {place}" if place else ""


def _note(event: RecordedEvent) -> str:
    return _quoted(event.personal.get("note", ""))


def _jump(event: RecordedEvent) -> str:
    seconds = event.facts.get("seconds")
    if not isinstance(seconds, int):
        return ""
    return f"{'Forward' if seconds > 0 else 'Back'} by {duration_text(abs(seconds))}; no key is destroyed for a day"


def _named(name: str) -> Callable[[RecordedEvent], str]:
    return lambda event: event.personal_text(name)


def _group_created(event: RecordedEvent) -> str:
    return str(event.facts.get("name", ""))


def _person(event: RecordedEvent) -> str:
    """Return whom it concerns: on a group's chain the person, on the person's own chain the group, if any."""
    name = event.personal_text("member_name") if event.object_ref != event.rec else ""
    return name or event.personal.get("group_name", "")


def _account_created(event: RecordedEvent) -> str:
    return _sentences(event.personal_text("account_name"), _roles(event.facts.get("roles")))


def _invited(event: RecordedEvent) -> str:
    return _sentences(event.personal_text("account_email"), _roles(event.facts.get("roles")))


def _roles_changed(event: RecordedEvent) -> str:
    change = f"{_roles(event.facts.get('before')) or 'none'} → {_roles(event.facts.get('after')) or 'none'}"
    return _sentences(_person(event), change)


def _change(event: RecordedEvent) -> str:
    kind = str(event.facts.get("kind", ""))
    words = CHANGE_LABELS[ChangeKind(kind)] if kind in set(ChangeKind) else kind
    return _sentences(_person(event), words, _roles(event.facts.get("roles")))


def _roles(text: str | int | None) -> str:
    known = {role.value for role in Role}
    return ", ".join(role_labels(Role(part) for part in str(text or "").split(",") if part in known))


def _whose(event: RecordedEvent) -> str:
    return event.personal_text("member_name") if event.object_ref != event.rec else ""


def _next_step(event: RecordedEvent) -> str:
    is_first = event.facts.get("next") == Stage.ENROLMENT.value
    return "A first second factor was asked for" if is_first else "The second step was asked for"


def _proof(event: RecordedEvent) -> str:
    return PROOF_LABELS.get(str(event.facts.get("proof", "")), "")


def _device(event: RecordedEvent) -> str:
    return device_text(event.personal_text("user_agent"))


def _failed(event: RecordedEvent) -> str:
    tries = event.facts.get("tries")
    wrong = {"wrong_code": "Right password, wrong code", "not_proven": "Wrong password"}.get(event.reason or "", "")
    return _sentences(wrong, "1 try" if tries == 1 else f"{tries} tries" if tries else "")


def _sessions_ended(event: RecordedEvent) -> str:
    count = event.facts.get("sessions")
    return f"{count} browsers" if isinstance(count, int) and count > 1 else ""


def _factor(event: RecordedEvent) -> str:
    kind = {"passkey": "Passkey", "authenticator_app": "Authenticator app"}.get(str(event.facts.get("factor", "")), "")
    in_place = "in place of an earlier one" if event.facts.get("replaced") else ""
    return _sentences(_whose(event), kind, _quoted(event.personal.get("factor_name", "")), in_place)


def _codes_left(event: RecordedEvent) -> str:
    return _sentences(_whose(event), f"{event.facts.get('codes_left')} left")


def _reason(event: RecordedEvent) -> str:
    return str(event.reason or event.facts.get("why", "")).replace("_", " ")


UNREADABLE = EventWords("This entry cannot be read", "triangle-alert", "bad")

EVENT_WORDS: Mapping[AuditEvent, EventWords] = {
    AuditEvent.CUSTODY_OPENED: EventWords("Record opened", "folder-plus", "done", _opened),
    AuditEvent.CUSTODY_DETAILS_CHANGED: EventWords("Details changed", "pencil", "plain", _details_changed),
    AuditEvent.CUSTODY_ARCHIVED: EventWords("Record archived", "archive"),
    AuditEvent.CUSTODY_RESTORED: EventWords("Record restored", "archive-restore"),
    AuditEvent.SHARE_CREATED: EventWords("One-time link created", "send", "done", _created),
    AuditEvent.SHARE_OPENED: EventWords("Link opened", "mail-open"),
    AuditEvent.SHARE_REVEAL_ATTEMPTED: EventWords("Access code entered", "key-round", "plain", _attempted),
    AuditEvent.SHARE_CODE_FAILED: EventWords("Wrong access code", "circle-alert", "warn", _code_failed),
    AuditEvent.SHARE_CLIENT_PAUSED: EventWords("Too many wrong codes", "clock", "warn", _paused),
    AuditEvent.SHARE_LOCKED: EventWords("Locked after wrong codes", "lock", "bad"),
    AuditEvent.SHARE_REVEALED: EventWords("Secret revealed", "eye", "done"),
    AuditEvent.SHARE_DISPLAYED: EventWords("Shown on the recipient's page", "check", "done"),
    AuditEvent.SHARE_STORED: EventWords("Recipient stored it", "badge-check", "done"),
    AuditEvent.SHARE_BURNED: EventWords("Erased unread", "trash-2", "warn", _burned),
    AuditEvent.SHARE_EXPIRED: EventWords("Expired unread", "hourglass", "warn"),
    AuditEvent.SHARE_UNLOCKED: EventWords("Unlocked", "key-round", "plain", _more_tries),
    AuditEvent.SHARE_TAMPER_REPORTED: EventWords("Reported: “This was not me”", "triangle-alert", "bad", _reported),
    AuditEvent.REQUEST_CREATED: EventWords("Secret requested", "inbox", "done", _requested),
    AuditEvent.REQUEST_OPENED: EventWords("Submit link opened", "mail-open"),
    AuditEvent.REQUEST_KEY_MISMATCH: EventWords(
        "The key of this request was swapped",
        "triangle-alert",
        "bad",
        lambda _event: "The customer's link names another key than the database holds. Nothing was sealed",
    ),
    AuditEvent.REQUEST_SUBMITTED: EventWords("Customer submitted it", "inbox", "done"),
    AuditEvent.REQUEST_RETRIEVED: EventWords("Answer retrieved", "eye", "done", _retrieved),
    AuditEvent.REQUEST_ACCEPTED: EventWords("Sign-in worked", "badge-check", "done", _accepted),
    AuditEvent.REQUEST_REJECTED: EventWords("Answer was wrong", "circle-alert", "bad", _note),
    AuditEvent.REQUEST_REMINDED: EventWords("Customer reminded", "clock"),
    AuditEvent.CUSTODY_HELD: EventWords(
        "Record put on hold", "hand", "bad", lambda _event: "Nothing is revealed until two people lift it"
    ),
    AuditEvent.CUSTODY_HOLD_RELEASE: EventWords("Said that the hold may go", "check"),
    AuditEvent.CUSTODY_HOLD_LIFTED: EventWords("Hold lifted", "badge-check", "done"),
    AuditEvent.CUSTODY_HOLD_WORDS_VOIDED: EventWords(
        "Words for lifting the hold are void", "hand", "warn", lambda _event: "The custodian group has changed"
    ),
    AuditEvent.AUTH_PASSWORD_ACCEPTED: EventWords("Password accepted", "key-round", "plain", _next_step),
    AuditEvent.AUTH_SUCCEEDED: EventWords("Signed in", "log-in", "done", _proof),
    AuditEvent.AUTH_NEW_DEVICE: EventWords("Signed in on a new device", "triangle-alert", "warn", _device),
    AuditEvent.AUTH_PROVEN_AGAIN: EventWords("Proved once more who it is", "shield-check", "done", _proof),
    AuditEvent.AUTH_FAILED: EventWords("Sign-in failed", "triangle-alert", "warn", _failed),
    AuditEvent.AUTH_PASSWORD_CHANGED: EventWords("Password changed", "key-round"),
    AuditEvent.AUTH_SESSION_ENDED: EventWords("Signed out", "log-out", "plain", _sessions_ended),
    AuditEvent.AUTH_SSO_LINKED: EventWords("First sign-in by the organisation", "log-in", "warn", _whose),
    AuditEvent.AUTH_SSO_REFUSED: EventWords("Sign-in by the organisation refused", "circle-x", "warn", _reason),
    AuditEvent.AUTH_BREAK_GLASS_USED: EventWords("Break-glass account used", "triangle-alert", "bad", _whose),
    AuditEvent.ADMIN_SSO_LINK_ALLOWED: EventWords("Opened to the organisation's sign-in", "log-in", "warn", _whose),
    AuditEvent.FACTOR_ADDED: EventWords("Second factor added", "shield-check", "warn", _factor),
    AuditEvent.FACTOR_REMOVED: EventWords("Second factor removed", "unlink", "warn", _factor),
    AuditEvent.FACTOR_RECOVERY_CODES_MADE: EventWords("Recovery codes made", "key-round", "warn", _whose),
    AuditEvent.FACTOR_RECOVERY_CODE_USED: EventWords("Recovery code used", "triangle-alert", "warn", _codes_left),
    AuditEvent.FACTOR_PASSKEY_COPIED: EventWords("Copied passkey refused", "triangle-alert", "bad", _factor),
    AuditEvent.AUTHZ_REFUSED: EventWords("Not allowed", "circle-x", "warn", _reason),
    AuditEvent.ADMIN_ACCOUNT_CREATED: EventWords("Account created", "plus", "done", _account_created),
    AuditEvent.ADMIN_ACCOUNT_DISABLED: EventWords("Account disabled", "unlink", "warn", _person),
    AuditEvent.ADMIN_ACCOUNT_ENABLED: EventWords("Account enabled again", "log-in", "warn", _person),
    AuditEvent.ADMIN_ROLES_CHANGED: EventWords("Roles changed", "pencil", "warn", _roles_changed),
    AuditEvent.ADMIN_FACTORS_RESET: EventWords("Second factors reset", "shield-check", "warn", _person),
    AuditEvent.ADMIN_SESSIONS_ENDED: EventWords("Signed out everywhere by an administrator", "log-out", "plain"),
    AuditEvent.ADMIN_PASSWORD_SET: EventWords("Password set by an operator", "key-round", "warn", _person),
    AuditEvent.ADMIN_INVITED: EventWords("Invited", "mail", "plain", _invited),
    AuditEvent.ADMIN_INVITATION_USED: EventWords("Invitation followed", "mail-open", "done", _named("account_name")),
    AuditEvent.ADMIN_INVITATION_REVOKED: EventWords("Invitation revoked", "unlink", "plain", _named("account_email")),
    AuditEvent.ADMIN_CHANGE_PROPOSED: EventWords("Proposed, for a second administrator", "clock", "warn", _change),
    AuditEvent.ADMIN_CHANGE_APPROVED: EventWords("Approved by a second administrator", "badge-check", "warn", _change),
    AuditEvent.ADMIN_CHANGE_REFUSED: EventWords("Proposal refused or taken back", "circle-x", "plain", _change),
    AuditEvent.ADMIN_CHANGE_VOIDED: EventWords("Proposal void", "circle-x", "plain", _change),
    AuditEvent.ADMIN_GROUP_CREATED: EventWords("Group created", "plus", "done", _group_created),
    AuditEvent.ADMIN_MEMBER_ADDED: EventWords("Member added to the group", "plus", "warn", _person),
    AuditEvent.ADMIN_MEMBER_REMOVED: EventWords("Member removed from the group", "unlink", "warn", _person),
    AuditEvent.KEY_CREATED: EventWords("Key created", "key-round"),
    AuditEvent.KEY_DESTROYED: EventWords("Key destroyed", "trash-2"),
    AuditEvent.SYSTEM_CLOCK_JUMP: EventWords("The clock jumped", "clock", "warn", _jump),
    AuditEvent.SYSTEM_STARTED: EventWords("Service started", "info"),
}

BURNED_WORDS: Mapping[str | None, EventWords] = {
    EndReason.DECLINED.value: EventWords("Declined by the recipient", "hand", "bad", _burned),
    EndReason.WITHDRAWN.value: EventWords("Withdrawn by staff", "trash-2", "warn", _burned),
    EndReason.REPLACED.value: EventWords("Replaced by a new link", "trash-2", "plain", _burned),
}
"""The words of a send's end unread, by its reason."""

REQUEST_ENDS: Mapping[tuple[AuditEvent, str | None, bool], EventWords] = {
    (AuditEvent.SHARE_EXPIRED, None, False): EventWords("Not answered in time", "hourglass", "warn"),
    (AuditEvent.SHARE_EXPIRED, None, True): EventWords("Answer expired, never retrieved", "hourglass", "bad"),
    (AuditEvent.SHARE_BURNED, EndReason.WITHDRAWN.value, False): EventWords("Request cancelled", "x", "plain", _note),
    (AuditEvent.SHARE_BURNED, EndReason.WITHDRAWN.value, True): EventWords(
        "Request cancelled, answer erased unread", "trash-2", "warn", _note
    ),
    (AuditEvent.SHARE_BURNED, EndReason.REPLACED.value, False): EventWords("Asked again under new links", "send"),
    (AuditEvent.SHARE_BURNED, EndReason.REPLACED.value, True): EventWords(
        "Asked again, waiting answer erased unread", "trash-2", "warn"
    ),
}
"""The words of a request's end before anybody retrieved an answer: event, reason, whether there was one."""
