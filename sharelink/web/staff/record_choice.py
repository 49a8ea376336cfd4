"""Choosing a record in a form: a field with at most twenty records, and a search that brings others.

Works without JavaScript, too: the search button posts the whole form, which comes back with what was found.
"""

from dataclasses import dataclass

from flask_wtf import FlaskForm

from sharelink.accounts.permissions import Permission
from sharelink.crypto.identifiers import id_from_text
from sharelink.custody.queries import CHOICE_MAX, RecordLine, record_for_choice, records_for_choice
from sharelink.custody.states import Act
from sharelink.web.authentication import signed_in_viewer
from sharelink.web.wiring import current_unit_of_work

NOT_CHOSEN = "The list shows what was found. Choose the record, then go on."
_SEARCH_MAX = 200


@dataclass(frozen=True, slots=True)
class RecordChoice:
    """The records a form offers. `is_cut`: there are more than are shown."""

    records: tuple[RecordLine, ...]
    search: str
    is_cut: bool

    @property
    def options(self) -> list[tuple[str, str]]:
        """Value and text of each record, and first of all what stands there before anything is chosen."""
        records = [
            (line.id_text, " · ".join(part for part in (line.customer, line.subject, line.reference) if part))
            for line in self.records
        ]
        return records if self.only is not None else [("", self._question), *records]

    @property
    def only(self) -> RecordLine | None:
        """The record, if there is nothing to choose from."""
        return self.records[0] if len(self.records) == 1 else None

    @property
    def has_search(self) -> bool:
        """Whether a search would bring anything that is not shown."""
        return self.is_cut or bool(self.search)

    def line(self, value: str | None) -> RecordLine | None:
        """Return the offered record that a form names, or None."""
        return next((line for line in self.records if line.id_text == value), None)

    @property
    def _question(self) -> str:
        if not self.records:
            return "No record fits"
        return "Choose a record …"


def record_choice(permission: Permission, act: Act, search: str, chosen: str) -> RecordChoice:
    """Return what a form offers to whoever is signed in.

    Args:
        permission: only records that the viewer reaches by it.
        act: only records whose state allows it.
        search: words to search for; without any, the newest records are offered.
        chosen: what the form or the address names already: it is offered too, if it may be.
    """
    reach = signed_in_viewer().reach(permission)
    groups = None if reach.everywhere else reach.group_ids
    search = search.replace("\0", "")[:_SEARCH_MAX].strip()
    with current_unit_of_work().read() as work:
        found = records_for_choice(work.session, act, groups=groups, search=search, limit=CHOICE_MAX + 1)
        named = _named(chosen)
        wanted = None if named is None else record_for_choice(work.session, act, named, groups=groups)
    records = found[:CHOICE_MAX]
    if wanted is not None and wanted not in records:
        records = [wanted, *records[: CHOICE_MAX - 1]]
    return RecordChoice(tuple(records), search, len(found) > CHOICE_MAX)


def has_new_search(form: FlaskForm) -> bool:
    """Tell whether words were typed for which nothing was searched yet: Enter in that field sends the whole form."""
    return (form.record_search.data or "").strip() != (form.record_searched.data or "").strip()


def _named(text: str) -> bytes | None:
    try:
        return id_from_text(text)
    except ValueError:
        return None
