"""Items of a record: what belongs to the credential, who holds each, where, and when somebody last looked."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.accounts.models import Account
from sharelink.audit.events import AuditEvent
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.custody.errors import ItemNotFound
from sharelink.custody.models import SERIAL_TAIL_MAX, CustodyItem, CustodyRecord
from sharelink.custody.service import CustodyRecords
from sharelink.custody.states import RECORD_TEMPLATES, Act, ItemKind, RecordKind
from sharelink.custody.texts import TextCheck

_APART = (
    (ItemKind.PASSWORD, ItemKind.MFA_DEVICE, "The password is there as well. Keep the two apart."),
    (ItemKind.MAILBOX, ItemKind.RECOVERY_PHONE, "The mailbox is there as well. Keep the two apart."),
)
"""What no one person and no one place should have together: either pair takes over the account."""


@dataclass(frozen=True, slots=True)
class ItemDetails:
    """A checked item."""

    kind: ItemKind
    label: str
    holder: str
    place: str
    serial_tail: str
    state_text: str

    def texts(self) -> dict[str, str]:
        """Return the texts by their names."""
        return {
            "label": self.label,
            "holder": self.holder,
            "place": self.place,
            "serial_tail": self.serial_tail,
            "state_text": self.state_text,
        }


@dataclass(frozen=True, slots=True)
class ItemLine:
    """An item as pages show it. `warning` says what it should be kept apart from, or is empty."""

    id: bytes
    kind: ItemKind
    kind_label: str
    label: str
    holder: str
    place: str
    serial_tail: str
    state_text: str
    added_at: datetime
    last_checked_at: datetime | None
    last_checked_by: str | None
    seen_none_at: datetime | None
    warning: str

    @property
    def id_text(self) -> str:
        """The item's id as URLs and forms name it."""
        return id_text(self.id)


def checked_item(
    record_kind: RecordKind, *, kind: str, label: str, holder: str, place: str, serial_tail: str, state_text: str
) -> ItemDetails:
    """Return what was typed about an item of a record of `record_kind`. An empty label becomes the kind's own.

    Raises:
        InvalidInput: in "kind", "label", "holder", "place", "serial_tail" or "state_text".
    """
    check = TextCheck()
    known = RECORD_TEMPLATES[record_kind].item_labels
    if kind not in known:
        check.problems["kind"] = "Choose what it is."
    details = (
        check.line("label", label),
        check.line("holder", holder, "Say who has it: a person, a group, or the customer."),
        check.line("place", place, "Say where it is, such as the vault's entry or the safe. Never the secret itself."),
        check.line("serial_tail", serial_tail, maximum=SERIAL_TAIL_MAX),
        check.line("state_text", state_text),
    )
    check.done()
    label, *others = details
    return ItemDetails(ItemKind(kind), label or known[ItemKind(kind)], *others)


@dataclass(frozen=True, slots=True)
class Items:
    """The acts on items, in one unit of work."""

    records: CustodyRecords

    def add(self, custody_id: bytes, details: ItemDetails) -> bytes:
        """Add an item and return its id.

        Raises:
            RecordNotFound, RecordArchived, ActNotAllowed: the record takes no item.
        """
        self.records.require(custody_id, Act.ITEMS, alone=True)
        item = CustodyItem(
            id=new_id(),
            custody_id=custody_id,
            kind=details.kind,
            added_at=self.records.now,
            last_checked_at=None,
            last_checked_by=None,
            seen_none_at=None,
            removed_at=None,
        )
        _set_texts(item, details)
        self.records.session.add(item)
        self._tell(AuditEvent.CUSTODY_ITEM_ADDED, item, {}, _filled(details.texts()))
        return item.id

    def change(self, item_id: bytes, details: ItemDetails) -> None:
        """Save other texts of an item; its kind stays. Saving the same ones changes nothing.

        Raises:
            ItemNotFound: there is none (any more).
            RecordArchived, ActNotAllowed: the record's items stay as they are.
        """
        item = self._locked(item_id)
        before, after = _texts(item), details.texts()
        changed = [name for name in after if before[name] != after[name]]
        if not changed:
            return
        _set_texts(item, details)
        personal = {f"{name}_before": before[name] for name in changed}
        personal |= {f"{name}_after": after[name] for name in changed}
        self._tell(
            AuditEvent.CUSTODY_ITEM_CHANGED,
            item,
            {"changed": ",".join(changed)},
            _filled(personal | {"label": after["label"]}),
        )

    def check(self, item_id: bytes, state_text: str, *, none_seen: bool) -> None:
        """Record that somebody looked, and what they found; `none_seen`: there are no access keys.

        Raises:
            InvalidInput: in "state_text": nothing was said, or "none" of something that is not access keys.
            ItemNotFound, RecordArchived, ActNotAllowed: there is nothing to check.
        """
        item = self._locked(item_id)
        check = TextCheck()
        if none_seen and item.kind is not ItemKind.ACCESS_KEYS:
            check.problems["state_text"] = "Only access keys can be none."
        state_text = check.line("state_text", state_text, None if none_seen else "Say what you found.")
        check.done()
        item.state_text = state_text or "None"
        item.last_checked_at = self.records.now
        item.last_checked_by = self.records.actor.account_id
        if item.kind is ItemKind.ACCESS_KEYS:
            item.seen_none_at = self.records.now if none_seen else None
        self._tell(
            AuditEvent.CUSTODY_ITEM_CHECKED,
            item,
            {"none_seen": none_seen},
            {"state_text": item.state_text, "label": item.label},
        )

    def remove(self, item_id: bytes, reason: str) -> None:
        """Take an item off the record.

        Raises:
            InvalidInput: in "reason": nothing was said.
            ItemNotFound, RecordArchived, ActNotAllowed: there is nothing to remove.
        """
        item = self._locked(item_id)
        check = TextCheck()
        reason = check.note("reason", reason, "Say why; the reason is kept on the record.")
        check.done()
        item.removed_at = self.records.now
        self._tell(AuditEvent.CUSTODY_ITEM_REMOVED, item, {}, {"label": item.label, "reason": reason})

    def _locked(self, item_id: bytes) -> CustodyItem:
        custody_id = self.records.session.scalar(select(CustodyItem.custody_id).where(CustodyItem.id == item_id))
        if custody_id is None:
            raise ItemNotFound("there is no such item")
        self.records.require(custody_id, Act.ITEMS, alone=True)
        item = self.records.session.get_one(CustodyItem, item_id, populate_existing=True)
        if item.removed_at is not None:
            raise ItemNotFound("this item was removed")
        return item

    def _tell(
        self,
        event: AuditEvent,
        item: CustodyItem,
        facts: dict[str, str | int | bool | None],
        personal: dict[str, str],
    ) -> None:
        self.records.append(
            event, item.custody_id, obj=("item", item.id), facts=facts | {"kind": item.kind.value}, personal=personal
        )


def items_of(session: Session, custody_id: bytes) -> tuple[ItemLine, ...]:
    """Return the items of a record that were not removed, by kind and age."""
    rows = session.execute(
        select(CustodyItem, Account.name, CustodyRecord.kind)
        .join(CustodyRecord, CustodyRecord.id == CustodyItem.custody_id)
        .outerjoin(Account, Account.id == CustodyItem.last_checked_by)
        .where(CustodyItem.custody_id == custody_id, CustodyItem.removed_at.is_(None))
        .execution_options(populate_existing=True)
    ).all()
    items = [item for item, _name, _kind in rows]
    order = list(ItemKind)
    lines = [
        ItemLine(
            id=item.id,
            kind=item.kind,
            # The record's kind may have been changed since; the item is still what it is.
            kind_label=RECORD_TEMPLATES[kind].item_labels.get(item.kind, item.label),
            label=item.label,
            holder=item.holder,
            place=item.place,
            serial_tail=item.serial_tail,
            state_text=item.state_text,
            added_at=item.added_at,
            last_checked_at=item.last_checked_at,
            last_checked_by=checked_by,
            seen_none_at=item.seen_none_at,
            warning=_warning(item, items),
        )
        for item, checked_by, kind in rows
    ]
    return tuple(sorted(lines, key=lambda line: (order.index(line.kind), line.added_at, line.id)))


def _warning(item: CustodyItem, items: list[CustodyItem]) -> str:
    for first, second, told in _APART:
        if item.kind is second:
            for other in items:
                same_holder = other.holder.casefold() == item.holder.casefold()
                if other.kind is first and (same_holder or other.place.casefold() == item.place.casefold()):
                    return told
    return ""


def _texts(item: CustodyItem) -> dict[str, str]:
    return {
        "label": item.label,
        "holder": item.holder,
        "place": item.place,
        "serial_tail": item.serial_tail,
        "state_text": item.state_text,
    }


def _set_texts(item: CustodyItem, details: ItemDetails) -> None:
    for name, text in details.texts().items():
        setattr(item, name, text)


def _filled(texts: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in texts.items() if text}
