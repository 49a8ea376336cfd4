"""The form of *Request a secret*: from what was posted to what the service takes."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, RadioField, SelectField, StringField, TextAreaField

from sharelink.acts.requesting import Question
from sharelink.crypto.identifiers import id_from_text, id_text, new_id
from sharelink.custody.states import RecordKind
from sharelink.errors import InvalidInput
from sharelink.requests.fields import OWN_FIELDS_MAX
from sharelink.requests.states import FieldKind, RequestTemplate
from sharelink.web.filters import duration_text
from sharelink.web.staff.record_choice import NOT_CHOSEN, RecordChoice, has_new_search

_DAY_SECONDS = 86_400
_OFFERED_SECONDS = tuple(days * _DAY_SECONDS for days in (1, 2, 3, 7, 14, 30))
_REMINDER_SECONDS = tuple(days * _DAY_SECONDS for days in (1, 2, 3, 5, 10))
_USUAL_REMINDER_SECONDS = 3 * _DAY_SECONDS
_TEMPLATE_LABELS: Mapping[RequestTemplate, str] = {
    RequestTemplate.AWS_ROOT: "Root user of an AWS account",
    RequestTemplate.TEXT: "One confidential text",
    RequestTemplate.OWN: "Fields of my own",
}
_OWN_KIND_LABELS: Mapping[FieldKind, str] = {
    FieldKind.PASSWORD: "Password or key, covered",
    FieldKind.LINE: "One line",
    FieldKind.TEXT: "Longer text",
}


class RequestForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Everything that a request needs. Rows of staff's own fields are `own_label_0`, `own_kind_0` and so on."""

    form_id = HiddenField()
    record_search = StringField("Find a record")
    record_searched = HiddenField()
    record = SelectField("Record", validate_choice=False)
    template = RadioField("What do you ask for?", validate_choice=False)
    purpose = TextAreaField("What you need it for")
    label = StringField("Label")
    submit_lifetime = SelectField("Can be answered for", validate_choice=False)
    retrieve_lifetime = SelectField("The answer is kept for", validate_choice=False)
    remind_after = SelectField("Remind me if there is no answer", validate_choice=False)

    def offer(self, records: RecordChoice, limits: tuple[int, int]) -> None:
        """Fill in what may be chosen; `limits` are the shortest and the longest lifetime in seconds."""
        least, most = limits
        seconds = [offered for offered in _OFFERED_SECONDS if least <= offered <= most] or [most]
        lifetimes = [(str(offered), duration_text(offered)) for offered in seconds]
        self.is_searching = has_new_search(self)
        self.records = records
        self.record_searched.data = records.search
        self.record.choices = records.options
        self.template.choices = [(template.value, label) for template, label in _TEMPLATE_LABELS.items()]
        self._lifetimes = [value for value, _text in lifetimes]
        self.submit_lifetime.choices = self.retrieve_lifetime.choices = lifetimes
        reminders = [(str(offered), f"after {duration_text(offered)}") for offered in _REMINDER_SECONDS]
        self._reminders = [value for value, _text in reminders]
        self.remind_after.choices = [("", "No reminder"), *reminders]
        for number in range(OWN_FIELDS_MAX):
            self[f"own_kind_{number}"].choices = [(kind.value, label) for kind, label in _OWN_KIND_LABELS.items()]

    def preset(self, record: str, lifetime_seconds: int) -> None:
        """Fill a fresh form with what is usual for the record asked for."""
        self.form_id.data = id_text(new_id())
        chosen = self.records.line(record) or self.records.only
        self.record.data = "" if chosen is None else chosen.id_text
        is_aws = chosen is None or chosen.kind is RecordKind.AWS_ROOT
        self.template.data = (RequestTemplate.AWS_ROOT if is_aws else RequestTemplate.TEXT).value
        usual = str(lifetime_seconds) if str(lifetime_seconds) in self._lifetimes else self._lifetimes[-1]
        self.submit_lifetime.data = self.retrieve_lifetime.data = usual
        has_time_to_remind = int(usual) > _USUAL_REMINDER_SECONDS
        self.remind_after.data = str(_USUAL_REMINDER_SECONDS) if has_time_to_remind else ""
        self.own_required_0.data = True

    def question(self) -> Question:
        """Return what is to be asked.

        Raises:
            InvalidInput: with a message per field; fields that only the service can judge are not among them.
        """
        problems: dict[str, str] = {}
        form_id = _id_or(self.form_id.data, problems, "form_id", "Load the form again.")
        custody_id = _id_or(self.record.data, problems, "record", "Choose a record from the list.")
        if self.is_searching:
            problems["record"] = NOT_CHOSEN
        if self.template.data not in _TEMPLATE_LABELS:
            problems["template"] = "Choose one of them."
        submit_lifetime = self._seconds("submit_lifetime", self._lifetimes, problems)
        retrieve_lifetime = self._seconds("retrieve_lifetime", self._lifetimes, problems)
        remind_after = None
        if self.remind_after.data:
            remind_after = self._seconds("remind_after", self._reminders, problems)
        if problems:
            raise InvalidInput(problems)
        return Question(
            custody_id=custody_id,
            form_id=form_id,
            template=RequestTemplate(self.template.data),
            own_fields=tuple(
                (
                    self[f"own_label_{number}"].data or "",
                    self[f"own_kind_{number}"].data or "",
                    bool(self[f"own_required_{number}"].data),
                )
                for number in range(OWN_FIELDS_MAX)
            ),
            label=(self.label.data or "").strip(),
            purpose=(self.purpose.data or "").replace("\r\n", "\n").strip(),
            submit_lifetime=submit_lifetime,
            retrieve_lifetime=retrieve_lifetime,
            remind_after=remind_after,
        )

    def show(self, problems: Mapping[str, str]) -> None:
        """Put each message beside its field; one without a field of its own stands beside the record."""
        for name, text in problems.items():
            target = self[name] if name in self and name != "form_id" else self.record
            target.errors = [text]

    def _seconds(self, name: str, offered: Sequence[str], problems: dict[str, str]) -> timedelta:
        if self[name].data not in offered:
            problems[name] = "Choose one from the list."
            return timedelta()
        return timedelta(seconds=int(self[name].data))


for _number in range(OWN_FIELDS_MAX):
    setattr(RequestForm, f"own_label_{_number}", StringField(f"Name of field {_number + 1}"))
    setattr(RequestForm, f"own_kind_{_number}", SelectField(f"Kind of field {_number + 1}", validate_choice=False))
    setattr(RequestForm, f"own_required_{_number}", BooleanField("Must be answered"))


def _id_or(text: str | None, problems: dict[str, str], name: str, message: str) -> bytes:
    try:
        return id_from_text(text or "")
    except ValueError:
        problems[name] = message
        return b""
