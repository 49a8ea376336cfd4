"""The form of a custody record: from what was typed to what the service takes, and back with what is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField, SelectField, StringField

from sharelink.crypto.identifiers import id_from_text, id_text
from sharelink.custody.details import RecordDetails, checked_details
from sharelink.custody.queries import RecordDetail
from sharelink.custody.states import RECORD_TEMPLATES, RecordField, RecordKind
from sharelink.errors import InvalidInput
from sharelink.web.staff.event_words.custody import FIELD_LABELS

_MAX_VERSION = 2**31 - 1


@dataclass(frozen=True, slots=True)
class TypedRecord:
    """What a form asks for: checked details, in the care of a group that may or may not exist."""

    details: RecordDetails
    group_id: bytes


class RecordForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """The details of a record. What they must look like is the service's rule, not the form's."""

    kind = RadioField("What is it?", default=RecordKind.AWS_ROOT.value, validate_choice=False)
    customer = StringField(FIELD_LABELS[RecordField.CUSTOMER])
    subject = StringField(FIELD_LABELS[RecordField.SUBJECT])
    aws_account_id = StringField(FIELD_LABELS[RecordField.AWS_ACCOUNT_ID])
    root_email = StringField(FIELD_LABELS[RecordField.ROOT_EMAIL])
    contract_reference = StringField(FIELD_LABELS[RecordField.CONTRACT_REFERENCE])
    distribution_list = StringField(FIELD_LABELS[RecordField.DISTRIBUTION_LIST])
    group = SelectField("Custodian group", validate_choice=False)

    def offer(self, groups: Sequence[tuple[str, str]]) -> None:
        """Fill in what may be chosen; `groups` are pairs of value and text."""
        self.kind.choices = [(kind.value, template.label) for kind, template in RECORD_TEMPLATES.items()]
        self.group.choices = list(groups)

    def typed(self) -> TypedRecord:
        """Return what was asked for.

        Raises:
            InvalidInput: with a message for every field that cannot be accepted.
        """
        problems: dict[str, str] = {}
        details = None
        try:
            details = checked_details(
                self.kind.data or "", {field: self[field.value].data or "" for field in RecordField}
            )
        except InvalidInput as error:
            problems |= error.fields
        try:
            group_id = id_from_text(self.group.data or "")
        except ValueError:
            group_id = b""
            problems["group"] = "Choose a group from the list."
        if problems or details is None:
            raise InvalidInput(problems)
        return TypedRecord(details, group_id)

    def show(self, problems: Mapping[str, str]) -> None:
        """Put each message beside its field."""
        for name, text in problems.items():
            self[name].errors = [text]


class EditRecordForm(RecordForm):
    """The same for a record that exists; `version` tells which state of it was edited."""

    version = HiddenField()

    @classmethod
    def showing(cls, record: RecordDetail) -> "EditRecordForm":
        """Return a form filled with what is stored now."""
        return cls(formdata=None, data=_stored_values(record) | {"version": str(record.version)})

    def edited_version(self) -> int:
        """Return the version that was edited; 0, which no record has, when the field is damaged."""
        text = self.version.data or ""
        if not text.isascii() or not text.isdigit() or len(text) > len(str(_MAX_VERSION)):
            return 0
        return int(text)

    def show_newer(self, record: RecordDetail) -> None:
        """Keep what was typed, and say beside each differing field what somebody else saved meanwhile.

        The form then carries the newer version: saving once more replaces knowingly what is shown.
        """
        self.version.data = str(record.version)
        self.form_errors = ["Somebody else saved this record meanwhile. Compare, then save again or leave."]
        texts = _stored_values(record) | {"kind": record.kind_label, "group": record.group_name}
        for name, stored in _stored_values(record).items():
            if (self[name].data or "").strip() != stored:
                self[name].errors = [f"Now saved: {texts[name] or 'nothing'}"]


def _stored_values(record: RecordDetail) -> dict[str, str]:
    return {
        "kind": record.kind.value,
        "customer": record.customer,
        "subject": record.subject,
        "aws_account_id": record.aws_account_id,
        "root_email": record.root_email,
        "contract_reference": record.contract_reference,
        "distribution_list": record.distribution_list,
        "group": id_text(record.group_id),
    }
