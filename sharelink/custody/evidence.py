"""The evidence of steps in words: what a step has stored by ids and codes, as people read it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.crypto.identifiers import id_text
from sharelink.custody.models import Contact, CustodyItem, CustodyRecord
from sharelink.custody.release import OUR_COPIES
from sharelink.custody.states import RECORD_TEMPLATES, SCENARIO_LABELS, ItemKind, Scenario, VersionOrigin
from sharelink.custody.transitions import EVIDENCE_LABELS, Evidence
from sharelink.custody.versions import ORIGIN_LABELS

_IDS = frozenset({Evidence.PROPOSAL, Evidence.SHARE})
"""What only the audit needs: the page shows the same by itself."""


@dataclass(frozen=True, slots=True)
class EvidenceWords:
    """Puts the evidence of one record's steps into words."""

    names: Mapping[str, str]
    checks: Mapping[str, str]

    def lines(self, stored: str) -> tuple[tuple[Evidence, str, str], ...]:
        """Return kind, label and text of everything that a step has shown, in the order of the kinds.

        Args:
            stored: the step's `evidence`.
        """
        found = json.loads(stored)
        return tuple(
            (kind, EVIDENCE_LABELS[kind], self._text(kind, str(found[kind.value])))
            for kind in Evidence
            if found.get(kind.value) and kind not in _IDS
        )

    def _text(self, kind: Evidence, value: str) -> str:
        words: Mapping[Evidence, Callable[[str], str]] = {
            Evidence.SCENARIO: lambda scenario: SCENARIO_LABELS[Scenario(scenario)],
            Evidence.ORIGIN: lambda origin: ORIGIN_LABELS[VersionOrigin(origin)],
            Evidence.SIGNED_IN_AT: _moment,
            Evidence.CONTACT: lambda contact: self.names.get(contact, "a contact of the customer"),
            Evidence.CHECKED: lambda keys: ", ".join(self.checks.get(key, key) for key in keys.split(", ")),
            Evidence.HOLD: lambda _hold: "lifted by two people",
        }
        return words[kind](value) if kind in words else value


def evidence_words(session: Session, custody_id: bytes) -> EvidenceWords:
    """Return what puts the evidence of a record's steps into words."""
    kind = session.scalars(select(CustodyRecord.kind).where(CustodyRecord.id == custody_id)).one()
    contacts = session.execute(select(Contact.id, Contact.name).where(Contact.custody_id == custody_id))
    items = session.execute(select(CustodyItem.id, CustodyItem.label).where(CustodyItem.custody_id == custody_id))
    labels: Mapping[ItemKind, str] = RECORD_TEMPLATES[kind].item_labels
    return EvidenceWords(
        names={id_text(contact_id): name for contact_id, name in contacts},
        checks={f"item-{id_text(item_id)}": label for item_id, label in items}
        | {f"kind-{each.value}": label for each, label in labels.items()}
        | {OUR_COPIES.key: "our copies destroyed"},
    )


def _moment(text: str) -> str:
    at = datetime.fromisoformat(text).astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"
