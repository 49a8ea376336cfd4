"""From an entry of the outbox to a letter: who gets it and what it says is looked up now, not when it was queued.

A letter never holds a share's link, key, code or text. A key that a letter does carry, of an approval, is made here,
and its hash is committed before the letter leaves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sharelink.access.models import RootUse
from sharelink.access.rows import USE_KIND
from sharelink.access.states import UseState
from sharelink.accounts.models import Account
from sharelink.audit.events import AuditEvent
from sharelink.crypto.identifiers import id_from_text, id_text
from sharelink.custody.models import Contact, CustodyRecord
from sharelink.mail.letters import Letter, one_line
from sharelink.mail.rendering import rendered
from sharelink.outbox.claims import Claimed
from sharelink.outbox.rules import APPROVER_TITLES, LOG_RULES, REQUEST_TITLES, RULES
from sharelink.outbox.states import LetterKind
from sharelink.shares.models import Share
from sharelink.shares.states import LIVE_STATES, ShareKind
from sharelink.work import Work

_FOOTER = "Sent by a machine, for your information. It holds no secret, and no link that shows one."


@dataclass(frozen=True, slots=True)
class Site:
    """What letters say of the service itself. `log_head` is the signed checkpoint of this moment; empty for none."""

    base_url: str
    organisation: str
    support_contact: str
    log_head: str = ""


@dataclass(frozen=True, slots=True)
class Maker:
    """How one kind of letter is made, None if there is nothing to tell any more; `writes` if that changes rows."""

    make: Callable[[Work, Claimed, Site], Letter | None]
    writes: bool = False


@dataclass(frozen=True, slots=True)
class _Words:
    title: str
    text: str = ""
    what: str = ""
    path: str = ""
    path_text: str = ""
    code: str = ""
    footer: str = _FOOTER


def letter_of(work: Work, entry: Claimed, site: Site) -> Letter | None:
    """Return the letter of an entry, or None if nobody or nothing is left to tell."""
    return MAKERS[entry.letter].make(work, entry, site)


def _record_event(work: Work, entry: Claimed, site: Site) -> Letter | None:
    record = _record(work, entry)
    if record is None or not record.distribution_list:
        return None
    return _letter(site, record.distribution_list, record, entry, _event_words(work, entry))


def _personal(work: Work, entry: Claimed, site: Site) -> Letter | None:
    account, record = _account(work, entry), _record(work, entry)
    if account is None or record is None:
        return None
    return _letter(site, account.email, record, entry, _event_words(work, entry))


def _account_notice(work: Work, entry: Claimed, site: Site) -> Letter | None:
    account = _account(work, entry)
    if account is None:
        return None
    event = AuditEvent(entry.event_type)
    rule = RULES[event]
    words = _Words(rule.title, rule.text, path="/account/security", path_text="Look at the security of your account:")
    if event in LOG_RULES:
        words = _Words(rule.title, rule.text, path="/audit/log", path_text="Look at the log, signed in:")
    return _letter(site, account.email, None, entry, words)


def _owner_notice(work: Work, entry: Claimed, site: Site) -> Letter | None:
    contact, record = work.session.get(Contact, entry.audience_ref, populate_existing=True), _record(work, entry)
    if contact is None or record is None or contact.removed_at is not None or contact.confirmed_at is None:
        return None
    rule = RULES[AuditEvent(entry.event_type)]
    text = f"{rule.text} You can read every use on your custody statement.".strip()
    return _letter(site, contact.email, record, entry, _Words(rule.title, text))


def _approver_notice(work: Work, entry: Claimed, site: Site) -> Letter | None:
    account, record = _account(work, entry), _record(work, entry)
    use = None if entry.obj_ref is None else work.session.get(RootUse, entry.obj_ref, populate_existing=True)
    if account is None or record is None or use is None:
        return None
    event = AuditEvent(entry.event_type)
    if event is AuditEvent.ACCESS_REQUESTED and use.state is not UseState.REQUESTED:
        # Decided, taken back or expired meanwhile.
        return None
    title, text = APPROVER_TITLES[event]
    words = _Words(title, text, path=_path(entry, None), path_text="Look at it, signed in:")
    return _letter(site, account.email, record, entry, words)


def _reminder(work: Work, entry: Claimed, site: Site) -> Letter | None:
    account, record, share = _account(work, entry), _record(work, entry), _share(work, entry)
    if account is None or record is None or share is None:
        return None
    if share.state not in LIVE_STATES or share.expires_at <= work.now:
        return None
    words = _Words(
        "Nobody has opened your link yet",
        f"It was made {_time(share.created_at)} and ends {_time(share.expires_at)}. Ask whether it arrived.",
        what=share.label,
        path=_share_path(share),
        path_text="Look at it:",
    )
    return _letter(site, account.email, record, entry, words)


def _approval_link(work: Work, entry: Claimed, site: Site) -> Letter | None:
    made = None if entry.obj_ref is None else work.approver_links.make_link(entry.obj_ref)
    record = _record(work, entry)
    if made is None or record is None:
        return None
    contact, link = made
    words = _Words(
        "Your approval is asked for",
        "We ask to use the credential that we keep with you. Read what for, then approve or deny. The link is for you "
        "alone and works for a day at most; the page sends you a code to confirm with. If you do not expect this, "
        "deny it, and call us by a number that you know.",
        path=link.url(""),
        path_text="Read and decide:",
        footer="Sent by a machine. It holds no secret; the link above only asks for your decision.",
    )
    return _letter(site, contact.email, record, entry, words)


def _approval_code(work: Work, entry: Claimed, site: Site) -> Letter | None:
    made = None if entry.obj_ref is None else work.approver_links.make_code(entry.obj_ref)
    record = _record(work, entry)
    if made is None or record is None:
        return None
    contact, _use, code = made
    words = _Words(
        "Your code to confirm",
        "Type it on the page where you decide, within ten minutes. Tell it to nobody: we never ask for it.",
        code=code,
        footer="Sent by a machine. The code opens no secret; it only confirms your decision.",
    )
    return _letter(site, contact.email, record, entry, words)


MAKERS: Mapping[LetterKind, Maker] = {
    LetterKind.RECORD_EVENT: Maker(_record_event),
    LetterKind.PERSONAL: Maker(_personal),
    LetterKind.ACCOUNT_NOTICE: Maker(_account_notice),
    LetterKind.OWNER_NOTICE: Maker(_owner_notice),
    LetterKind.APPROVER_NOTICE: Maker(_approver_notice),
    LetterKind.REMINDER: Maker(_reminder),
    LetterKind.APPROVAL_LINK: Maker(_approval_link, writes=True),
    LetterKind.APPROVAL_CODE: Maker(_approval_code, writes=True),
}


def _event_words(work: Work, entry: Claimed) -> _Words:
    event = AuditEvent(entry.event_type)
    rule, share = RULES[event], _share(work, entry)
    title, text = rule.title, rule.text
    if share is not None and share.kind is ShareKind.REQUEST:
        title, text = REQUEST_TITLES.get(event, (title, text))
    what = "" if share is None else share.label
    return _Words(title, text, what, _path(entry, share), "Look at it, signed in:")


def _letter(site: Site, to: str, record: CustodyRecord | None, entry: Claimed, words: _Words) -> Letter:
    facts = [("When", _time(entry.created_at))]
    if words.what:
        facts.insert(0, ("What", one_line(words.what)))
    if record is not None:
        facts.insert(0, ("Record", f"{record.reference} · {one_line(record.customer)}"))
    text, html = rendered(
        "notice",
        {
            "title": words.title,
            "text": words.text,
            "facts": facts,
            "address": f"{site.base_url}{words.path}" if words.path else "",
            "address_text": words.path_text,
            "code": words.code,
            "organisation": one_line(site.organisation),
            "support_contact": one_line(site.support_contact),
            "footer": words.footer,
            "log_head": site.log_head.removesuffix("\n"),
        },
    )
    about = one_line(words.what, 80) or (one_line(record.customer, 80) if record is not None else "")
    subject = f"{words.title}: {about}" if about else f"{words.title} ({one_line(site.organisation, 60)})"
    if record is None:
        return Letter(to, subject, text, html)
    return Letter(to, subject, text, html, reference=record.reference, thread=f"record.{entry.rec}")


def _record(work: Work, entry: Claimed) -> CustodyRecord | None:
    return work.session.get(CustodyRecord, id_from_text(entry.rec), populate_existing=True)


def _account(work: Work, entry: Claimed) -> Account | None:
    account = work.session.get(Account, entry.audience_ref, populate_existing=True)
    return None if account is None or account.disabled_at is not None else account


def _share(work: Work, entry: Claimed) -> Share | None:
    if entry.obj_kind != "share" or entry.obj_ref is None:
        return None
    return work.session.get(Share, entry.obj_ref, populate_existing=True)


def _path(entry: Claimed, share: Share | None) -> str:
    if share is not None:
        return _share_path(share)
    if entry.obj_kind == USE_KIND and entry.obj_ref is not None:
        return f"/uses/{id_text(entry.obj_ref)}"
    return f"/records/{entry.rec}"


def _share_path(share: Share) -> str:
    return f"/{'requests' if share.kind is ShareKind.REQUEST else 'shares'}/{id_text(share.id)}"


def _time(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"
