"""One page for one act on a record: its words, a short form, and what is wrong beside each field.

A form tells everything that its page needs: a field's `description` is its hint, `render_kw` its attributes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from flask import Response
from flask_wtf import FlaskForm

from sharelink.custody.errors import ContactNotConfirmed, GroupsNotApart, NothingToVerify, ProposalWaits
from sharelink.custody.queries import RecordDetail
from sharelink.errors import InvalidInput, SharelinkError
from sharelink.web.responses import page_or_fragment, redirect_after_post

ONE_LINE: dict[str, Any] = {"autocomplete": "off"}
REQUIRED_LINE: dict[str, Any] = {"autocomplete": "off", "required": True}
NOTE: dict[str, Any] = {"rows": 3, "dir": "auto"}
REQUIRED_NOTE: dict[str, Any] = {"rows": 3, "dir": "auto", "required": True}
MOMENT: dict[str, Any] = {"type": "datetime-local", "required": True}

_BESIDE_THE_FIELD: Mapping[type[SharelinkError], Mapping[str, str]] = {
    ContactNotConfirmed: {"contact": "Choose a contact of the customer whom a second person has confirmed."},
    GroupsNotApart: {"separate_mfa_group": "Somebody is in both groups, so they are not apart. Choose another one."},
    NothingToVerify: {"share": "There is no secret behind this. Choose another one."},
    ProposalWaits: {"": "The same was proposed before, and still waits for a second person."},
}


class ActForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """A form of an act. What its fields must hold is the service's rule."""

    form_errors: list[str]
    choices: ClassVar[Mapping[str, Sequence[tuple[str, str]]]] = {}
    """What may be chosen in every form of a kind, by the name of the field."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, offered in self.choices.items():
            self[name].choices = list(offered)

    def text(self, name: str) -> str:
        """Return what was typed into a field, "" for nothing."""
        return str(self[name].data or "")

    def show(self, problems: Mapping[str, str]) -> None:
        """Put each message beside its field; one without a field stands at the top."""
        for name, message in problems.items():
            if name in self:
                self[name].errors = [message]
            else:
                self.form_errors = [*self.form_errors, message]


@dataclass(frozen=True, slots=True)
class ActWords:
    """What the page of an act says. `anchor` is the part of the record's page to go back to."""

    title: str
    lede: str
    button: str
    anchor: str
    is_grave: bool = False


def act_page(detail: RecordDetail, form: ActForm, words: ActWords, status: int = 200) -> Response:
    """Show the form; it posts to the address it came from."""
    return page_or_fragment(
        "staff/record_act.html", "staff/_act_form.html", status, record=detail, form=form, words=words
    )


def done(detail: RecordDetail, anchor: str) -> Response:
    """Go back to the part of the record's page that shows what was done."""
    return redirect_after_post(f"/records/{detail.id_text}#{anchor}")


def carried_out(
    detail: RecordDetail, form: ActForm, words: ActWords, act: Callable[[], object], anchor: str = ""
) -> Response:
    """Do what a form asks for and go back to the record, or show what to mend."""
    try:
        act()
    except InvalidInput as error:
        form.show(error.fields)
        return act_page(detail, form, words, 422)
    except (ContactNotConfirmed, GroupsNotApart, NothingToVerify, ProposalWaits) as error:
        form.show(_BESIDE_THE_FIELD[type(error)])
        return act_page(detail, form, words, 409)
    return done(detail, anchor or words.anchor)


def typed_moment(text: str) -> datetime | None:
    """Return the moment in UTC that a field of type `datetime-local` holds; None for none."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None
