"""The fields of a request: what each template asks for, how the list is kept, and checking what was typed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from sharelink.errors import InvalidInput
from sharelink.requests.errors import StraySpace
from sharelink.requests.states import FieldKind, RequestTemplate

OWN_FIELDS_MAX = 6
FIELD_LABEL_MAX_CHARACTERS = 80
FIELD_MAX_BYTES: Mapping[FieldKind, int] = {
    FieldKind.PASSWORD: 1_000,
    FieldKind.LINE: 1_000,
    FieldKind.TEXT: 20_000,
    FieldKind.CHOICE: 200,
}
_ANSWER_VERSION = 1
_MFA_CHOICES = (
    "A device or app is registered, and it stays with me",
    "A device or app is registered, and I will hand it over",
    "None is registered",
    "I do not know",
)


@dataclass(frozen=True, slots=True)
class RequestField:
    """One thing that is asked for. `is_exact` means that white space counts, as in a password; `name` is for forms."""

    label: str
    kind: FieldKind
    is_required: bool
    is_exact: bool = True
    preset: str = ""
    choices: tuple[str, ...] = ()
    hint: str = ""
    name: str = ""

    @property
    def max_bytes(self) -> int:
        """The longest answer in bytes of UTF-8."""
        return FIELD_MAX_BYTES[self.kind]


@dataclass(frozen=True, slots=True, repr=False)
class AnsweredField:
    """One thing that was submitted. Has no repr: it may be a password."""

    label: str
    kind: FieldKind
    value: str
    differs_from_record: bool

    @property
    def is_secret(self) -> bool:
        """Whether it is to be covered until somebody wants to see it."""
        return self.kind in {FieldKind.PASSWORD, FieldKind.TEXT}

    @property
    def has_edge_space(self) -> bool:
        """Whether it begins or ends with white space, which nobody sees."""
        return self.value != self.value.strip()

    @property
    def line_count(self) -> int:
        """How many lines it has."""
        return self.value.count("\n") + 1


def aws_root_fields(account_id: str, root_email: str) -> tuple[RequestField, ...]:
    """Return what is asked about the root user of an AWS account; what the record knows is filled in to be checked."""
    return (
        RequestField(
            "AWS account id", FieldKind.LINE, is_required=True, is_exact=False, preset=account_id, hint="12 digits"
        ),
        RequestField("Root e-mail address", FieldKind.LINE, is_required=True, is_exact=False, preset=root_email),
        RequestField("Root password", FieldKind.PASSWORD, is_required=True),
        RequestField(
            "Second factor (MFA) today", FieldKind.CHOICE, is_required=False, is_exact=False, choices=_MFA_CHOICES
        ),
        RequestField("Note", FieldKind.TEXT, is_required=False, is_exact=False),
    )


def text_fields() -> tuple[RequestField, ...]:
    """Return the one field of a plain request."""
    return (RequestField("Confidential text", FieldKind.TEXT, is_required=True),)


def checked_own_fields(asked: Sequence[tuple[str, str, bool]]) -> tuple[RequestField, ...]:
    """Return the fields that staff made up themselves; rows without a label are left out.

    Args:
        asked: label, kind and whether an answer is required, row by row.

    Raises:
        InvalidInput: in fields "own_label_0" and so on.
    """
    problems: dict[str, str] = {}
    fields: list[RequestField] = []
    for number, (typed_label, kind, is_required) in enumerate(asked[:OWN_FIELDS_MAX]):
        label = " ".join(typed_label.split())
        if not label:
            continue
        if len(label) > FIELD_LABEL_MAX_CHARACTERS or "\0" in label:
            problems[f"own_label_{number}"] = f"Use at most {FIELD_LABEL_MAX_CHARACTERS} ordinary characters."
        elif kind not in {FieldKind.PASSWORD, FieldKind.LINE, FieldKind.TEXT}:
            problems[f"own_kind_{number}"] = "Choose one from the list."
        elif label in {field.label for field in fields}:
            problems[f"own_label_{number}"] = "There is a field of this name already."
        else:
            fields.append(RequestField(label, FieldKind(kind), is_required))
    if not problems and not any(field.is_required for field in fields):
        problems["own_label_0"] = "Ask for at least one thing that must be answered."
    if problems:
        raise InvalidInput(problems)
    return tuple(fields)


def fields_text(fields: Sequence[RequestField]) -> str:
    """Return the list of fields as the database keeps it."""
    return json.dumps([asdict(field) for field in fields], ensure_ascii=False)


def fields_from_text(text: str) -> tuple[RequestField, ...]:
    """Return the fields that `fields_text` wrote."""
    return tuple(
        RequestField(**{**kept, "kind": FieldKind(kept["kind"]), "choices": tuple(kept["choices"])})
        for kept in json.loads(text)
    )


def checked_answer(
    fields: Sequence[RequestField], typed: Mapping[str, str], *, total_max_bytes: int, space_is_meant: bool
) -> bytes:
    """Return the answer as the bytes that are sealed: every field with its label, exactly as typed; line ends are LF.

    Raises:
        InvalidInput: with a message per field ("form" for all of them together); nothing was changed or kept.
        StraySpace: fields begin or end with white space and `space_is_meant` was not said.
    """
    problems: dict[str, str] = {}
    stray: list[str] = []
    values: list[str] = []
    for field in fields:
        value = typed.get(field.name, "").replace("\r\n", "\n").replace("\r", "\n")
        if not field.is_exact:
            value = value.strip()
        problem = _problem(field, value)
        if problem:
            problems[field.name] = problem
        elif field.is_exact and value != value.strip():
            stray.append(field.name)
        values.append(value)
    if sum(len(value.encode("utf-8", "replace")) for value in values) > total_max_bytes:
        problems["form"] = f"All together this is too long: {total_max_bytes:,} bytes are the most. Shorten it."
    if problems:
        raise InvalidInput(problems)
    if stray and not space_is_meant:
        raise StraySpace(stray)
    answered = [
        {
            "label": field.label,
            "kind": field.kind.value,
            "value": value,
            "differs": bool(field.preset) and value != field.preset,
        }
        for field, value in zip(fields, values, strict=True)
    ]
    return json.dumps({"v": _ANSWER_VERSION, "fields": answered}, ensure_ascii=False).encode("utf-8")


def answer_from_bytes(answer: bytes) -> tuple[AnsweredField, ...]:
    """Return what was submitted, in the order it was asked for; what was left empty is left out."""
    return tuple(
        AnsweredField(kept["label"], FieldKind(kept["kind"]), kept["value"], kept["differs"])
        for kept in json.loads(answer)["fields"]
        if kept["value"]
    )


def template_fields(
    template: RequestTemplate,
    *,
    account_id: str,
    root_email: str,
    own: Sequence[tuple[str, str, bool]],
) -> tuple[RequestField, ...]:
    """Return what a request of `template` asks for.

    Raises:
        InvalidInput: staff's own fields cannot be used.
    """
    if template is RequestTemplate.AWS_ROOT:
        fields = aws_root_fields(account_id, root_email)
    elif template is RequestTemplate.TEXT:
        fields = text_fields()
    else:
        fields = checked_own_fields(own)
    return tuple(replace(field, name=f"field-{number}") for number, field in enumerate(fields))


def _problem(field: RequestField, value: str) -> str:
    if field.is_required and not value.strip():
        return "Fill this in."
    if field.kind is FieldKind.CHOICE and value and value not in field.choices:
        return "Choose one from the list."
    if field.kind in {FieldKind.LINE, FieldKind.PASSWORD} and "\n" in value:
        return "This takes one line only."
    return _text_problem(value, field.max_bytes)


def _text_problem(value: str, max_bytes: int) -> str:
    if "\0" in value:
        return "The text holds a NUL character, which cannot be sent. Remove it."
    try:
        size = len(value.encode("utf-8"))
    except UnicodeEncodeError:
        return "The text holds half of a character. Copy it again."
    return f"This is too long: {size:,} bytes, and {max_bytes:,} are the most." if size > max_bytes else ""
