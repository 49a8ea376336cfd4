"""What must be so before a credential is handed back: each item in the customer's hands, our copies destroyed."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.crypto.identifiers import id_text
from sharelink.custody.errors import RecordNotFound
from sharelink.custody.items import items_of
from sharelink.custody.models import CustodyRecord
from sharelink.custody.states import RECORD_TEMPLATES, ItemKind

_SAYINGS = {
    ItemKind.PASSWORD: "the customer confirms to have changed it",
    ItemKind.MFA_DEVICE: "the customer confirms that their own device is registered and ours is not",
    ItemKind.MAILBOX: "the customer confirms that it is theirs, or that another one is set",
    ItemKind.RECOVERY_PHONE: "the customer confirms that the number is theirs",
    ItemKind.ACCESS_KEYS: "there are none",
}


@dataclass(frozen=True, slots=True)
class ReleaseCheck:
    """One line of the checklist. `key` is the field's name in a form."""

    key: str
    label: str


OUR_COPIES = ReleaseCheck("copies", "Our copies: destroyed in the vault and wherever else they were")


def release_checklist(session: Session, custody_id: bytes) -> tuple[ReleaseCheck, ...]:
    """Return what has to be ticked to complete the release of this record: one line per item, and our copies.

    A kind of item that every such record has is on the list even if nobody wrote it down.

    Raises:
        RecordNotFound: there is no such record.
    """
    kind = session.scalar(select(CustodyRecord.kind).where(CustodyRecord.id == custody_id))
    if kind is None:
        raise RecordNotFound("there is no such record")
    template = RECORD_TEMPLATES[kind]
    items = items_of(session, custody_id)
    checks = [ReleaseCheck(f"item-{id_text(item.id)}", f"{item.label}: {_SAYINGS[item.kind]}") for item in items]
    checks += [
        ReleaseCheck(f"kind-{needed.value}", f"{template.item_labels[needed]}: {_SAYINGS[needed]}")
        for needed in template.released_items
        if needed not in {item.kind for item in items}
    ]
    return (*checks, OUR_COPIES)
