"""The form of *Send a secret*, and the generator beside it: from what was posted to what the services take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, RadioField, SelectField, StringField, TextAreaField

from sharelink.acts.sending import SendRequest
from sharelink.crypto.identifiers import id_from_text, id_text, new_id
from sharelink.crypto.passwords import (
    CHARACTER_CLASSES,
    MAX_PASSWORD_CHARACTERS,
    MAX_PHRASE_WORDS,
    MIN_PASSWORD_CHARACTERS,
    MIN_PHRASE_WORDS,
    PHRASE_SEPARATORS,
    Generated,
    generate_password,
    generate_phrase,
)
from sharelink.custody.details import checked_details
from sharelink.custody.share_detail import ShareDetail
from sharelink.custody.states import RECORD_TEMPLATES, RecordField, RecordKind
from sharelink.errors import InvalidInput
from sharelink.web.filters import duration_text
from sharelink.web.staff.record_choice import NOT_CHOSEN, RecordChoice, has_new_search

NEW_RECORD = "new"
OTHER_LIFETIME = "other"
_OFFERED_SECONDS = (3_600, 4 * 3_600, 86_400, 3 * 86_400, 7 * 86_400, 14 * 86_400, 30 * 86_400)
_NEW_FIELDS = {
    RecordField.CUSTOMER: "new_customer",
    RecordField.SUBJECT: "new_subject",
    RecordField.AWS_ACCOUNT_ID: "new_aws_account_id",
    RecordField.ROOT_EMAIL: "new_root_email",
}


class SendForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Everything that a send needs. What belongs together is checked in `request_of`, beside what it is for."""

    form_id = HiddenField()
    replaces = HiddenField()
    record_search = StringField("Find a record")
    record_searched = HiddenField()
    record = SelectField("Record", validate_choice=False)
    new_customer = StringField("Customer")
    new_kind = RadioField("What is it?", default=RecordKind.CREDENTIAL.value, validate_choice=False)
    new_subject = StringField("What it opens")
    new_aws_account_id = StringField("AWS account id")
    new_root_email = StringField("Root e-mail")
    new_group = SelectField("Custodian group", validate_choice=False)
    secret = TextAreaField("Secret")
    lifetime = SelectField("Can be read for", validate_choice=False)
    lifetime_seconds = StringField("Seconds")
    code_on = BooleanField("Ask for an access code")
    code_waiver_reason = StringField("Reason")
    label = StringField("Label")
    instruction = TextAreaField("Note for the recipient")

    def offer(
        self,
        records: RecordChoice,
        groups: Sequence[tuple[str, str]],
        limits: tuple[int, int, int],
    ) -> None:
        """Fill in what may be chosen.

        Args:
            records: the records to choose from.
            groups: value and text of each group that may look after a new record.
            limits: shortest, longest and preset lifetime in seconds.
        """
        least, most, preset = limits
        seconds = sorted({offered for offered in _OFFERED_SECONDS if least <= offered <= most} | {preset})
        self.records = records
        self.record_searched.data = records.search
        self.record.choices = [*records.options, (NEW_RECORD, "A new record …")]
        self.new_kind.choices = [(kind.value, template.label) for kind, template in RECORD_TEMPLATES.items()]
        self.new_group.choices = list(groups)
        self._lifetimes = {str(offered) for offered in seconds}
        self.lifetime.choices = [
            *((str(offered), duration_text(offered)) for offered in seconds),
            (OTHER_LIFETIME, "Another time …"),
        ]

    @property
    def is_searching(self) -> bool:
        """Whether words were typed for which nothing was searched yet."""
        return has_new_search(self)

    def preset(self, record: str, lifetime_seconds: int) -> None:
        """Fill a fresh form with what is usual: the record asked for, code on, a new form id."""
        self.form_id.data = id_text(new_id())
        chosen = self.records.line(record) or self.records.only
        self.record.data = chosen.id_text if chosen is not None else "" if self.records.records else NEW_RECORD
        self.lifetime.data = str(lifetime_seconds)
        self.code_on.data = True

    def preset_from(self, share: ShareDetail) -> None:
        """Fill a fresh form with the settings of a share that is sent anew; only the secret is asked for again."""
        self.preset(share.line.record_id_text, share.lifetime_seconds)
        self.replaces.data = share.line.id_text
        self.label.data = share.line.label
        self.instruction.data = share.instruction
        self.code_on.data = share.code_required
        self.code_waiver_reason.data = share.code_waiver_reason
        if str(share.lifetime_seconds) not in self._lifetimes:
            self.lifetime.data = OTHER_LIFETIME
            self.lifetime_seconds.data = str(share.lifetime_seconds)

    def request_of(self) -> SendRequest:
        """Return what was asked for.

        Raises:
            InvalidInput: with a message per field; fields that only the service can judge are not among them.
        """
        problems: dict[str, str] = {}
        form_id = _id_or(self.form_id.data, problems, "form_id", "Load the form again.")
        lifetime = self._lifetime(problems)
        if self.is_searching:
            problems["record"] = NOT_CHOSEN
        custody_id = new_record = group_id = None
        if self.record.data == NEW_RECORD:
            try:
                new_record = checked_details(
                    self.new_kind.data or "",
                    {field: self[name].data or "" for field, name in _NEW_FIELDS.items()},
                )
            except InvalidInput as error:
                names = {field.value: name for field, name in _NEW_FIELDS.items()}
                problems |= {names.get(name, f"new_{name}"): text for name, text in error.fields.items()}
            group_id = _id_or(self.new_group.data, problems, "new_group", "Choose a group from the list.")
        elif not self.is_searching:
            custody_id = _id_or(self.record.data, problems, "record", "Choose a record from the list.")
        replaces_id = None
        if self.replaces.data:
            replaces_id = _id_or(self.replaces.data, problems, "replaces", "Start again from the share's page.")
        if problems:
            raise InvalidInput(problems)
        return SendRequest(
            secret=self.secret.data or "",
            form_id=form_id,
            lifetime=lifetime,
            label=(self.label.data or "").strip(),
            instruction=(self.instruction.data or "").replace("\r\n", "\n").strip(),
            code_waiver_reason=None if self.code_on.data else (self.code_waiver_reason.data or "").strip(),
            custody_id=custody_id,
            new_record=new_record,
            group_id=group_id,
            replaces_id=replaces_id,
        )

    def show(self, problems: Mapping[str, str]) -> None:
        """Put each message beside its field; one without a field of its own stands beside the secret."""
        for name, text in problems.items():
            target = self[name] if name in self and name not in {"form_id", "replaces"} else self.secret
            target.errors = [text]

    def _lifetime(self, problems: dict[str, str]) -> timedelta:
        is_other = self.lifetime.data == OTHER_LIFETIME
        text = ((self.lifetime_seconds.data if is_other else self.lifetime.data) or "").strip()
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            problems["lifetime_seconds" if is_other else "lifetime"] = "Enter a whole number of seconds."
            return timedelta()
        return timedelta(seconds=int(text))


@dataclass(slots=True)
class Generator:
    """What the generator beside the form was asked for, and what it made."""

    kind: str = "password"
    length: str = "24"
    lower: bool = True
    upper: bool = True
    digits: bool = True
    symbols: bool = True
    avoid_look_alikes: bool = True
    words: str = "6"
    separator: str = "hyphen"
    text: str = ""
    entropy_bits: float = 0.0
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def posted(cls, form: Mapping[str, str]) -> "Generator":
        """Return the generator with the choices of a posted form; `text` is made if they can be met."""
        generator = cls(
            kind=form.get("generator_kind", ""),
            length=form.get("generator_length", "").strip(),
            lower="generator_lower" in form,
            upper="generator_upper" in form,
            digits="generator_digits" in form,
            symbols="generator_symbols" in form,
            avoid_look_alikes="generator_avoid_look_alikes" in form,
            words=form.get("generator_words", "").strip(),
            separator=form.get("generator_separator", "hyphen"),
        )
        made = generator._made()
        if made is not None:
            generator.text, generator.entropy_bits = made.text, made.entropy_bits
        return generator

    def _made(self) -> Generated | None:
        if self.kind == "passphrase":
            words = self._number("generator_words", self.words, MIN_PHRASE_WORDS, MAX_PHRASE_WORDS)
            if self.separator not in PHRASE_SEPARATORS:
                self.errors["generator_separator"] = "Choose one from the list."
            return None if self.errors else generate_phrase(words, PHRASE_SEPARATORS[self.separator])
        if self.kind != "password":
            self.errors["generator_kind"] = "Choose one of them."
            return None
        length = self._number("generator_length", self.length, MIN_PASSWORD_CHARACTERS, MAX_PASSWORD_CHARACTERS)
        classes = frozenset(name for name in CHARACTER_CLASSES if getattr(self, name))
        if not classes:
            self.errors["generator_classes"] = "Choose at least one kind of character."
        return None if self.errors else generate_password(length, classes, self.avoid_look_alikes)

    def _number(self, name: str, text: str, least: int, most: int) -> int:
        if text.isascii() and text.isdigit() and len(text) < 5 and least <= int(text) <= most:
            return int(text)
        self.errors[name] = f"Choose from {least} to {most}."
        return least


def _id_or(text: str | None, problems: dict[str, str], name: str, message: str) -> bytes:
    try:
        return id_from_text(text or "")
    except ValueError:
        problems[name] = message
        return b""
