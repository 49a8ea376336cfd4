"""The forms by which a use is declared, with the glass or without."""

from datetime import timedelta

from wtforms import SelectField, StringField, TextAreaField

from sharelink.access.declarations import TypedDeclaration, window_choices
from sharelink.access.states import START_AHEAD_MAX
from sharelink.custody.policy import RecordPolicy
from sharelink.custody.states import PURPOSE_LABELS
from sharelink.web.filters import duration_text
from sharelink.web.staff.act_forms import ONE_LINE, REQUIRED_LINE, REQUIRED_NOTE, ActForm

_WINDOWS = tuple(timedelta(minutes=minutes) for minutes in (15, 30, 60, 120, 240, 480, 720, 1440))
_STARTS = tuple(timedelta(hours=hours) for hours in (0, 1, 2, 4, 8, 12))
_USUAL_WINDOW = timedelta(hours=4)
_SHORT_WINDOW = timedelta(hours=1)


class BreakGlassForm(ActForm):
    """What a use without approval must say. It begins at once."""

    purpose = SelectField("What is it needed for?", validate_choice=False)
    ticket = StringField("Ticket", render_kw=dict(ONE_LINE))
    reason = TextAreaField("Why can it not wait?", render_kw=dict(REQUIRED_NOTE))
    lasts = SelectField("How long do you need it?", validate_choice=False)

    usual_window = _SHORT_WINDOW

    def offer(self, policy: RecordPolicy) -> None:
        """Fill in what the policy of the record allows."""
        choices = [(purpose.value, PURPOSE_LABELS[purpose]) for purpose in policy.purposes]
        self.purpose.choices = [("", "Please choose"), *choices]
        self.purpose.render_kw = {"required": True}
        if policy.ticket_required:
            self.ticket.render_kw = dict(REQUIRED_LINE)
        windows = window_choices(policy, _WINDOWS)
        self.lasts.choices = [_choice(window) for window in windows]
        if self.lasts.data is None:
            usual = max((window for window in windows if window <= self.usual_window), default=windows[0])
            self.lasts.data = _choice(usual)[0]

    def typed(self) -> TypedDeclaration:
        """Return what was declared, unchecked."""
        return TypedDeclaration(
            purpose=self.text("purpose"),
            ticket=self.text("ticket"),
            reason=self.text("reason"),
            starts_in_seconds="0",
            lasts_seconds=self.text("lasts"),
        )


class UseForm(BreakGlassForm):
    """The same for a use that is approved first, or needs no approval; it may begin later."""

    purpose = SelectField("What is it needed for?", validate_choice=False)
    ticket = StringField("Ticket", render_kw=dict(ONE_LINE))
    reason = TextAreaField(
        "What are you going to do?",
        description="Whoever approves reads it, and the customer reads the purpose on the statement.",
        render_kw=dict(REQUIRED_NOTE),
    )
    begins = SelectField("When may it begin?", validate_choice=False)
    lasts = SelectField(
        "How long is the window?",
        description="Leave time for the approvals: the use is checked out, and checked in, within the window.",
        validate_choice=False,
    )

    usual_window = _USUAL_WINDOW

    def offer(self, policy: RecordPolicy) -> None:
        """Fill in what the policy of the record allows."""
        super().offer(policy)
        starts = [start for start in _STARTS if start <= START_AHEAD_MAX]
        self.begins.choices = [
            (str(int(start.total_seconds())), f"In {duration_text(start.total_seconds())}" if start else "Now")
            for start in starts
        ]

    def typed(self) -> TypedDeclaration:
        """Return what was declared, unchecked."""
        return TypedDeclaration(
            purpose=self.text("purpose"),
            ticket=self.text("ticket"),
            reason=self.text("reason"),
            starts_in_seconds=self.text("begins"),
            lasts_seconds=self.text("lasts"),
        )


def _choice(window: timedelta) -> tuple[str, str]:
    seconds = int(window.total_seconds())
    return str(seconds), duration_text(seconds)
