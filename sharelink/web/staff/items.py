"""Items of a record: add, change, check, remove."""

from collections.abc import Mapping
from dataclasses import replace

from flask import Blueprint, Response, request
from wtforms import BooleanField, RadioField, StringField, TextAreaField

from sharelink.accounts.permissions import Permission
from sharelink.custody.errors import ItemNotFound
from sharelink.custody.items import ItemLine, checked_item, items_of
from sharelink.custody.models import SERIAL_TAIL_MAX
from sharelink.custody.queries import RecordDetail
from sharelink.custody.states import RECORD_TEMPLATES, ItemKind
from sharelink.web.authentication import requires, signed_in_actor
from sharelink.web.rate_limits import limited
from sharelink.web.staff.act_forms import (
    ONE_LINE,
    REQUIRED_LINE,
    REQUIRED_NOTE,
    ActForm,
    ActWords,
    act_page,
    carried_out,
)
from sharelink.web.staff.record_access import record_for
from sharelink.web.wiring import current_unit_of_work

blueprint = Blueprint("items", __name__)

_ADD = ActWords(
    "Add an item",
    "Each part of the credential with the person who has it and the place where it is. Never the secret itself.",
    "Add the item",
    "items",
)
_CHANGE = ActWords("Change an item", "What it was before stays on the timeline.", "Save the changes", "items")
_CHECK = ActWords("Check", "Look at it first, then say what you found.", "I have checked it", "items")
_REMOVE = ActWords(
    "Remove", "It leaves the list; everything about it stays on the timeline.", "Remove it", "items", True
)


class ItemForm(ActForm):
    """What is kept of an item. What kind it is may be chosen only at first."""

    kind = RadioField("What is it?", default=ItemKind.PASSWORD.value, validate_choice=False)
    label = StringField("Name", description="Left empty, it is called what it is.", render_kw=ONE_LINE)
    holder = StringField("Who has it", description="A person, a group, or the customer.", render_kw=REQUIRED_LINE)
    place = StringField(
        "Where it is", description="The vault's entry, the safe. Never the secret itself.", render_kw=REQUIRED_LINE
    )
    serial_tail = StringField(
        "End of its serial number",
        description="A few characters that tell two devices apart.",
        render_kw=ONE_LINE | {"maxlength": SERIAL_TAIL_MAX},
    )
    state_text = StringField("State", description="What is to know about it now.", render_kw=ONE_LINE)


class CheckForm(ActForm):
    """What somebody found who looked."""

    state_text = StringField("What you found", render_kw=ONE_LINE)
    none_seen = BooleanField("There are none", description="You looked at the account, and it has no root access keys.")


class RemovalForm(ActForm):
    """Why an item is removed."""

    reason = TextAreaField("Reason", render_kw=REQUIRED_NOTE)


@blueprint.get("/records/<record_text>/items/new")
@requires(Permission.CUSTODY_UPKEEP)
def new_item(record_text: str) -> Response:
    """Show the empty form."""
    detail = record_for(record_text, Permission.CUSTODY_UPKEEP)
    return act_page(detail, _offered(ItemForm(formdata=None), detail), _ADD)


@blueprint.post("/records/<record_text>/items/new")
@requires(Permission.CUSTODY_UPKEEP)
@limited("create")
def add_item(record_text: str) -> Response:
    """Add an item."""
    detail = record_for(record_text, Permission.CUSTODY_UPKEEP)
    form = _offered(ItemForm(), detail)

    def add() -> None:
        item = checked_item(detail.kind, kind=form.text("kind"), **_texts(form))
        with current_unit_of_work().write(signed_in_actor()) as work:
            work.items.add(detail.id, item)

    return carried_out(detail, form, _ADD, add)


@blueprint.get("/records/<record_text>/items/<item_text>")
@requires(Permission.CUSTODY_UPKEEP)
def item_form(record_text: str, item_text: str) -> Response:
    """Show the form with what is stored."""
    detail = record_for(record_text, Permission.CUSTODY_UPKEEP)
    return act_page(detail, _of_known(ItemForm(formdata=None, obj=_item(detail, item_text))), _CHANGE)


@blueprint.post("/records/<record_text>/items/<item_text>")
@requires(Permission.CUSTODY_UPKEEP)
@limited("create")
def change_item(record_text: str, item_text: str) -> Response:
    """Save other texts of an item."""
    detail = record_for(record_text, Permission.CUSTODY_UPKEEP)
    item, form = _item(detail, item_text), _of_known(ItemForm())

    def change() -> None:
        details = checked_item(detail.kind, kind=item.kind.value, **_texts(form))
        with current_unit_of_work().write(signed_in_actor()) as work:
            work.items.change(item.id, details)

    return carried_out(detail, form, _CHANGE, change)


@blueprint.get("/records/<record_text>/items/<item_text>/check")
@requires(Permission.CUSTODY_UPKEEP)
def check_form(record_text: str, item_text: str) -> Response:
    """Ask what somebody found who looked."""
    detail = record_for(record_text, Permission.CUSTODY_UPKEEP)
    item = _item(detail, item_text)
    return act_page(detail, _for_kind(CheckForm(formdata=None), item), _words(_CHECK, item))


@blueprint.post("/records/<record_text>/items/<item_text>/check")
@requires(Permission.CUSTODY_UPKEEP)
@limited("create")
def check_item(record_text: str, item_text: str) -> Response:
    """Record that somebody looked."""
    detail = record_for(record_text, Permission.CUSTODY_UPKEEP)
    item = _item(detail, item_text)
    form = _for_kind(CheckForm(), item)
    none_seen = "none_seen" in form and bool(form.none_seen.data)

    def check() -> None:
        with current_unit_of_work().write(signed_in_actor()) as work:
            work.items.check(item.id, form.text("state_text"), none_seen=none_seen)

    return carried_out(detail, form, _words(_CHECK, item), check)


@blueprint.get("/records/<record_text>/items/<item_text>/remove")
@requires(Permission.CUSTODY_UPKEEP)
def removal_form(record_text: str, item_text: str) -> Response:
    """Ask why."""
    detail = record_for(record_text, Permission.CUSTODY_UPKEEP)
    item = _item(detail, item_text)
    return act_page(detail, RemovalForm(formdata=None), _words(_REMOVE, item))


@blueprint.post("/records/<record_text>/items/<item_text>/remove")
@requires(Permission.CUSTODY_UPKEEP)
@limited("create")
def remove_item(record_text: str, item_text: str) -> Response:
    """Take an item off the record."""
    detail = record_for(record_text, Permission.CUSTODY_UPKEEP)
    item, form = _item(detail, item_text), RemovalForm()

    def remove() -> None:
        with current_unit_of_work().write(signed_in_actor()) as work:
            work.items.remove(item.id, form.text("reason"))

    return carried_out(detail, form, _words(_REMOVE, item), remove)


def _offered(form: ItemForm, detail: RecordDetail) -> ItemForm:
    wanted = request.args.get("kind", "")
    if wanted in set(ItemKind) and request.method == "GET":
        form.kind.data = wanted
    form.kind.choices = [(kind.value, label) for kind, label in RECORD_TEMPLATES[detail.kind].item_labels.items()]
    return form


def _of_known(form: ItemForm) -> ItemForm:
    # An item stays what it is.
    del form.kind
    return form


def _for_kind(form: CheckForm, item: ItemLine) -> CheckForm:
    if item.kind is not ItemKind.ACCESS_KEYS:
        del form.none_seen
    return form


def _words(words: ActWords, item: ItemLine) -> ActWords:
    return replace(words, title=f"{words.title}: {item.label}")


def _texts(form: ItemForm) -> Mapping[str, str]:
    return {name: form.text(name) for name in ("label", "holder", "place", "serial_tail", "state_text")}


def _item(detail: RecordDetail, text: str) -> ItemLine:
    """Return the item if it is one of this record: whoever may change this record may not change another's."""
    with current_unit_of_work().read() as work:
        for item in items_of(work.session, detail.id):
            if item.id_text == text:
                return item
    raise ItemNotFound("there is no such item on this record")
