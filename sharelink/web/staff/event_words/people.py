"""What people read about sign-ins, second factors, accounts and groups."""

from collections.abc import Mapping

from sharelink.accounts.stages import SignInProof, Stage
from sharelink.accounts.states import CHANGE_LABELS, ChangeKind, Role, role_labels
from sharelink.audit.events import AuditEvent
from sharelink.audit.queries import RecordedEvent
from sharelink.web.devices import device_text
from sharelink.web.staff.event_words.words import EventWords, named, quoted, sentences

PROOF_LABELS: Mapping[str, str] = {
    SignInProof.PASSKEY: "With a passkey",
    SignInProof.PASSWORD_AND_CODE: "With password and code",
    SignInProof.PASSWORD_AND_PASSKEY: "With password and passkey",
    SignInProof.PASSWORD_AND_RECOVERY_CODE: "With password and recovery code",
    SignInProof.SSO: "By the organisation's sign-in",
}


def _group_created(event: RecordedEvent) -> str:
    return str(event.facts.get("name", ""))


def _person(event: RecordedEvent) -> str:
    """Return whom it concerns: on a group's chain the person, on the person's own chain the group, if any."""
    name = event.personal_text("member_name") if event.object_ref != event.rec else ""
    return name or event.personal.get("group_name", "")


def _account_created(event: RecordedEvent) -> str:
    return sentences(event.personal_text("account_name"), _roles(event.facts.get("roles")))


def _invited(event: RecordedEvent) -> str:
    return sentences(event.personal_text("account_email"), _roles(event.facts.get("roles")))


def _roles_changed(event: RecordedEvent) -> str:
    change = f"{_roles(event.facts.get('before')) or 'none'} → {_roles(event.facts.get('after')) or 'none'}"
    return sentences(_person(event), change)


def _change(event: RecordedEvent) -> str:
    kind = str(event.facts.get("kind", ""))
    words = CHANGE_LABELS[ChangeKind(kind)] if kind in set(ChangeKind) else kind
    lapsed = "Nobody decided within a week" if event.facts.get("why") == "lapsed" else ""
    return sentences(_person(event), words, _roles(event.facts.get("roles")), lapsed)


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
    networks = event.facts.get("networks")
    return sentences(
        wrong,
        "1 try" if tries == 1 else f"{tries} tries" if tries else "",
        f"from {networks} networks" if isinstance(networks, int) and networks > 1 else "",
    )


def _sessions_ended(event: RecordedEvent) -> str:
    count = event.facts.get("sessions")
    return f"{count} browsers" if isinstance(count, int) and count > 1 else ""


def _factor(event: RecordedEvent) -> str:
    kind = {"passkey": "Passkey", "authenticator_app": "Authenticator app"}.get(str(event.facts.get("factor", "")), "")
    in_place = "in place of an earlier one" if event.facts.get("replaced") else ""
    return sentences(_whose(event), kind, quoted(event.personal.get("factor_name", "")), in_place)


def _codes_left(event: RecordedEvent) -> str:
    return sentences(_whose(event), f"{event.facts.get('codes_left')} left")


def _reason(event: RecordedEvent) -> str:
    return str(event.reason or event.facts.get("why", "")).replace("_", " ")


PEOPLE_WORDS: Mapping[AuditEvent, EventWords] = {
    AuditEvent.AUTH_PASSWORD_ACCEPTED: EventWords("Password accepted", "key-round", "plain", _next_step),
    AuditEvent.AUTH_SUCCEEDED: EventWords("Signed in", "log-in", "done", _proof),
    AuditEvent.AUTH_NEW_DEVICE: EventWords("Signed in on a new device", "triangle-alert", "warn", _device),
    AuditEvent.AUTH_PROVEN_AGAIN: EventWords("Proved once more who it is", "shield-check", "done", _proof),
    AuditEvent.AUTH_FAILED: EventWords("Sign-in failed", "triangle-alert", "warn", _failed),
    AuditEvent.AUTH_PASSWORD_CHANGED: EventWords("Password changed", "key-round"),
    AuditEvent.AUTH_PASSWORD_SET: EventWords("First password set", "key-round", "warn"),
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
    AuditEvent.ADMIN_INVITATION_USED: EventWords("Invitation followed", "mail-open", "done", named("account_name")),
    AuditEvent.ADMIN_INVITATION_REVOKED: EventWords("Invitation revoked", "unlink", "plain", named("account_email")),
    AuditEvent.ADMIN_CHANGE_PROPOSED: EventWords("Proposed, for a second administrator", "clock", "warn", _change),
    AuditEvent.ADMIN_CHANGE_APPROVED: EventWords("Approved by a second administrator", "badge-check", "warn", _change),
    AuditEvent.ADMIN_CHANGE_REFUSED: EventWords("Proposal refused or taken back", "circle-x", "plain", _change),
    AuditEvent.ADMIN_CHANGE_VOIDED: EventWords("Proposal void", "circle-x", "plain", _change),
    AuditEvent.ADMIN_GROUP_CREATED: EventWords("Group created", "plus", "done", _group_created),
    AuditEvent.ADMIN_MEMBER_ADDED: EventWords("Member added to the group", "plus", "warn", _person),
    AuditEvent.ADMIN_MEMBER_REMOVED: EventWords("Member removed from the group", "unlink", "warn", _person),
}
