"""What a person typed about a record, checked and brought into one form. Knows no database."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sharelink.accounts.details import email_problem
from sharelink.custody.models import (
    CONTRACT_REFERENCE_MAX,
    CUSTOMER_MAX,
    SUBJECT_MAX,
)
from sharelink.custody.states import RECORD_TEMPLATES, RecordField, RecordKind
from sharelink.errors import InvalidInput

_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015]")
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
# Embeddings, overrides and isolates: invisible, and able to make one name look like another.
_DIRECTION_CONTROLS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])

REQUIRED_MESSAGES: Mapping[RecordField, str] = {
    RecordField.CUSTOMER: "Enter the customer's name.",
}


@dataclass(frozen=True, slots=True)
class RecordDetails:
    """The checked details of a record. What its kind does not have is None."""

    kind: RecordKind
    customer: str
    subject: str
    aws_account_id: str | None
    root_email: str | None
    contract_reference: str | None
    distribution_list: str | None

    def values(self) -> dict[RecordField, str]:
        """Return the details that are not empty."""
        texts = {field: getattr(self, field.value) for field in RecordField}
        return {field: text for field, text in texts.items() if text}

    def search_text(self, reference: str) -> str:
        """Return all that a search may find, folded to one case; the account id in both usual spellings."""
        account = self.aws_account_id or ""
        grouped = "-".join(account[start : start + 4] for start in range(0, len(account), 4))
        parts = [reference, self.customer, self.subject, account, grouped, self.contract_reference]
        return search_form("\n".join(part for part in parts if part))


def search_form(text: str) -> str:
    """Return `text` as search compares it: compatible spellings and letter case do not matter."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def checked_details(kind: str, typed: Mapping[RecordField, str]) -> RecordDetails:
    """Return the details that `typed` means for a record of `kind`.

    Fields that the kind does not have are left out: a form may still carry them after the kind was changed.

    Raises:
        InvalidInput: with a message for every field that is missing or malformed.
    """
    try:
        record_kind = RecordKind(kind)
    except ValueError:
        raise InvalidInput({"kind": "Choose what kind of credential this is."}) from None
    template = RECORD_TEMPLATES[record_kind]
    problems: dict[str, str] = {}
    found: dict[RecordField, str] = {}
    for field in template.fields:
        text = one_line(typed.get(field, ""))
        try:
            found[field] = _CHECKS[field](text) if text else ""
        except ValueError as error:
            problems[field.value] = str(error)
            continue
        if not found[field] and field in template.required:
            problems[field.value] = REQUIRED_MESSAGES[field]
    if problems:
        raise InvalidInput(problems)
    return RecordDetails(
        kind=record_kind,
        customer=found[RecordField.CUSTOMER],
        subject=found[RecordField.SUBJECT],
        aws_account_id=found.get(RecordField.AWS_ACCOUNT_ID) or None,
        root_email=found.get(RecordField.ROOT_EMAIL) or None,
        contract_reference=found.get(RecordField.CONTRACT_REFERENCE) or None,
        distribution_list=found.get(RecordField.DISTRIBUTION_LIST) or None,
    )


def one_line(text: str) -> str:
    """Return `text` in NFC on one line, without outer white space and without direction controls."""
    visible = unicodedata.normalize("NFC", text).translate(_DIRECTION_CONTROLS)
    return " ".join(visible.split())


def _plain_text(maximum: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        if len(text) > maximum:
            raise ValueError(f"Use at most {maximum} characters; this is {len(text)}.")
        if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
            raise ValueError("This holds a control character. Type it again by hand.")
        return text

    return check


def _account_id(text: str) -> str:
    digits = _SEPARATORS.sub("", text)
    if not _ACCOUNT_ID.fullmatch(digits):
        raise ValueError("An AWS account id has 12 digits, such as 1234 5678 9012.")
    return digits


def _mail_address(text: str) -> str:
    problem = email_problem(text)
    if problem is not None:
        raise ValueError(problem)
    return text


_CHECKS: Mapping[RecordField, Callable[[str], str]] = {
    RecordField.CUSTOMER: _plain_text(CUSTOMER_MAX),
    RecordField.SUBJECT: _plain_text(SUBJECT_MAX),
    RecordField.AWS_ACCOUNT_ID: _account_id,
    RecordField.ROOT_EMAIL: _mail_address,
    RecordField.CONTRACT_REFERENCE: _plain_text(CONTRACT_REFERENCE_MAX),
    RecordField.DISTRIBUTION_LIST: _mail_address,
}
