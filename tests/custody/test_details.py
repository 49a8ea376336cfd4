"""What may be typed into a record, and what becomes of it."""

import pytest

from sharelink.custody.details import checked_details, one_line, search_form
from sharelink.custody.states import RECORD_TEMPLATES, RecordField, RecordKind
from sharelink.errors import InvalidInput

ZERO_WIDTH_JOINER = "\u200d"


def typed(**texts: str) -> dict[RecordField, str]:
    return {RecordField(name): text for name, text in texts.items()}


def problems(kind: str, **texts: str) -> dict[str, str]:
    with pytest.raises(InvalidInput) as refused:
        checked_details(kind, typed(**texts))
    return refused.value.fields


def test_a_draft_needs_no_more_than_kind_and_customer():
    details = checked_details("aws_root", typed(customer="Acme"))
    assert details.kind is RecordKind.AWS_ROOT
    assert details.values() == {RecordField.CUSTOMER: "Acme"}


def test_every_kind_requires_a_customer():
    for kind in RecordKind:
        assert RecordField.CUSTOMER in RECORD_TEMPLATES[kind].required
        assert problems(kind.value, customer="  ") == {"customer": "Enter the customer's name."}


def test_an_unknown_kind_is_refused_beside_its_field():
    assert set(problems("gold_bar", customer="Acme")) == {"kind"}


def test_all_problems_are_told_at_once():
    found = problems("aws_root", customer="", aws_account_id="123", root_email="nobody", contract_reference="x" * 101)
    assert set(found) == {"customer", "aws_account_id", "root_email", "contract_reference"}


@pytest.mark.parametrize("text", ["123456789012", "1234 5678 9012", "1234-5678-9012", " 1234\u20135678\u00a09012 "])
def test_an_account_id_is_kept_as_twelve_digits_however_it_was_written(text: str):
    assert checked_details("aws_root", typed(customer="Acme", aws_account_id=text)).aws_account_id == "123456789012"


@pytest.mark.parametrize("text", ["12345678901", "1234567890123", "12345678901a", "١٢٣٤٥٦٧٨٩٠١٢", "1234.5678.9012"])
def test_anything_else_is_no_account_id(text: str):
    assert set(problems("aws_root", customer="Acme", aws_account_id=text)) == {"aws_account_id"}


@pytest.mark.parametrize("text", ["root", "a@b@example.com", "two words@example.com", "@example.com", "a@", "a" * 255])
def test_half_an_address_is_no_root_email(text: str):
    assert set(problems("aws_root", customer="Acme", root_email=text)) == {"root_email"}


def test_details_that_the_kind_does_not_have_are_left_out_even_if_they_are_wrong():
    details = checked_details("credential", typed(customer="Acme", aws_account_id="nonsense", root_email="nonsense"))
    assert details.aws_account_id is None
    assert details.root_email is None


@pytest.mark.parametrize("text", ["A\0B", "A\x07B", "A\x1bB", "A\ud800B"])
def test_control_characters_are_refused(text: str):
    assert set(problems("credential", customer=text)) == {"customer"}


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "شركة المثال", "🦊 Füchse & Söhne", f"👩{ZERO_WIDTH_JOINER}💻", "'; DROP TABLE"],
)
def test_every_other_text_is_kept_as_it_is(text: str):
    assert checked_details("credential", typed(customer=text)).customer == text


def test_text_becomes_one_line_without_characters_that_turn_its_direction():
    assert one_line("  Acme\r\n\tLtd \u202egnp.exe\u202c ") == "Acme Ltd gnp.exe"


def test_a_text_may_be_as_long_as_its_column_and_no_longer():
    assert len(checked_details("credential", typed(customer="x" * 200)).customer) == 200
    assert set(problems("credential", customer="x" * 201)) == {"customer"}


def test_search_text_holds_what_people_look_for_in_one_case():
    details = checked_details(
        "aws_root",
        typed(customer="STRASSE Ärzte", subject="Payer", aws_account_id="123456789012", contract_reference="C-7"),
    )
    found = details.search_text("CR-7K3M2Q")
    for text in ("straße ärzte", "PAYER", "123456789012", "1234-5678-9012", "c-7", "cr-7k3m2q"):
        assert search_form(text) in found


def test_the_root_email_cannot_be_searched_for():
    details = checked_details("aws_root", typed(customer="Acme", root_email="root@example.com"))
    assert "root@example.com" not in details.search_text("CR-7K3M2Q")
