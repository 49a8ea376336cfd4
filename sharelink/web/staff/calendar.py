"""The calendar of a record: how often a review or a drill is due, and what one found."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from flask import Blueprint, Response, abort
from wtforms import RadioField, StringField, TextAreaField

from sharelink.accounts.permissions import Permission
from sharelink.custody.calendar import CALENDAR_LABELS, EVERY_DAYS_MAX, calendar_of
from sharelink.custody.states import CalendarKind
from sharelink.web.authentication import requires, signed_in_actor
from sharelink.web.rate_limits import limited
from sharelink.web.staff.act_forms import REQUIRED_NOTE, ActForm, ActWords, act_page, carried_out
from sharelink.web.staff.record_access import record_for
from sharelink.web.wiring import current_unit_of_work

blueprint = Blueprint("calendar", __name__)

_DONE_LEDES = {
    CalendarKind.REVIEW: "Look at who could reach the credential, and whether each of them still should.",
    CalendarKind.DRILL: "Sign in as in an emergency, with everything that it takes, and sign out again.",
}
_USUAL_DAYS = 90


class PlanForm(ActForm):
    """How often."""

    every_days = StringField(
        "Every how many days",
        description="Counted from the last time. AWS asks for 90.",
        render_kw={"type": "number", "min": 1, "max": EVERY_DAYS_MAX, "inputmode": "numeric", "required": True},
    )


class DoneForm(ActForm):
    """What it found."""

    choices: ClassVar[Mapping[str, Sequence[tuple[str, str]]]] = {
        "went_well": [("yes", "All is well"), ("no", "Something must change")]
    }
    went_well = RadioField("How did it go?", validate_choice=False)
    result = TextAreaField("What you found", description="It is kept on the record.", render_kw=REQUIRED_NOTE)


@blueprint.get("/records/<record_text>/calendar/<kind>")
@requires(Permission.CUSTODY_UPKEEP)
def plan_form(record_text: str, kind: str) -> Response:
    """Ask how often it is due."""
    detail, what = record_for(record_text, Permission.CUSTODY_UPKEEP), _kind(kind)
    with current_unit_of_work().read() as work:
        known = {line.kind: line.every_days for line in calendar_of(work.session, detail.id, work.now)}
    return act_page(detail, PlanForm(formdata=None, data={"every_days": known.get(what, _USUAL_DAYS)}), _plan(what))


@blueprint.post("/records/<record_text>/calendar/<kind>")
@requires(Permission.CUSTODY_UPKEEP)
@limited("create")
def plan(record_text: str, kind: str) -> Response:
    """Say how often it is due."""
    detail, what, form = record_for(record_text, Permission.CUSTODY_UPKEEP), _kind(kind), PlanForm()
    typed = form.text("every_days").strip()
    days = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 6 else None

    def act() -> None:
        with current_unit_of_work().write(signed_in_actor()) as work:
            work.calendar.plan(detail.id, what, days)

    return carried_out(detail, form, _plan(what), act)


@blueprint.get("/records/<record_text>/calendar/<kind>/done")
@requires(Permission.CUSTODY_UPKEEP)
def done_form(record_text: str, kind: str) -> Response:
    """Ask what it found."""
    detail, what = record_for(record_text, Permission.CUSTODY_UPKEEP), _kind(kind)
    return act_page(detail, DoneForm(formdata=None, data={"went_well": "yes"}), _done(what))


@blueprint.post("/records/<record_text>/calendar/<kind>/done")
@requires(Permission.CUSTODY_UPKEEP)
@limited("create")
def note_done(record_text: str, kind: str) -> Response:
    """Record that it was done."""
    detail, what, form = record_for(record_text, Permission.CUSTODY_UPKEEP), _kind(kind), DoneForm()
    went_well = form.text("went_well") == "yes"

    def act() -> None:
        with current_unit_of_work().write(signed_in_actor()) as work:
            work.calendar.done(detail.id, what, form.text("result"), went_well=went_well)

    return carried_out(detail, form, _done(what), act)


def _kind(text: str) -> CalendarKind:
    return CalendarKind(text) if text in set(CalendarKind) else abort(404)


def _plan(kind: CalendarKind) -> ActWords:
    label = CALENDAR_LABELS[kind]
    return ActWords(f"Plan: {label}", "When it is due, the record and My work say so.", "Save the plan", "calendar")


def _done(kind: CalendarKind) -> ActWords:
    return ActWords(f"{CALENDAR_LABELS[kind]} done", _DONE_LEDES[kind], "It is done", "calendar")
