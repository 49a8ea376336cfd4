"""What is asked for, and what counts as an answer: exact bytes, stray white space, limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharelink.errors import InvalidInput
from sharelink.requests.errors import StraySpace
from sharelink.requests.fields import (
    RequestField,
    answer_from_bytes,
    checked_answer,
    fields_from_text,
    fields_text,
    template_fields,
)
from sharelink.requests.states import FieldKind, RequestTemplate

AWS = template_fields(RequestTemplate.AWS_ROOT, account_id="123456789012", root_email="root@example.com", own=())
ALL_IN_ALL = 65_536


def own(*rows: tuple[str, str, bool]) -> tuple[RequestField, ...]:
    return template_fields(RequestTemplate.OWN, account_id="", root_email="", own=rows)


def answered(fields: tuple[RequestField, ...], *texts: str, space_is_meant: bool = False) -> list[tuple[str, str]]:
    typed = {field.name: text for field, text in zip(fields, texts, strict=False)}
    sealed = checked_answer(fields, typed, total_max_bytes=ALL_IN_ALL, space_is_meant=space_is_meant)
    return [(field.label, field.value) for field in answer_from_bytes(sealed)]


def problems(fields: tuple[RequestField, ...], *texts: str) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        answered(fields, *texts)
    return caught.value.fields


def test_an_aws_root_is_asked_for_its_password_and_shown_what_the_record_knows() -> None:
    assert [(field.label, field.preset, field.is_required) for field in AWS] == [
        ("AWS account id", "123456789012", True),
        ("Root e-mail address", "root@example.com", True),
        ("Root password", "", True),
        ("Second factor (MFA) today", "", False),
        ("Note", "", False),
    ]


def test_what_is_optional_may_stay_empty_and_is_left_out() -> None:
    assert answered(AWS, "123456789012", "root@example.com", "pass word") == [
        ("AWS account id", "123456789012"),
        ("Root e-mail address", "root@example.com"),
        ("Root password", "pass word"),
    ]


def test_what_differs_from_the_record_is_marked() -> None:
    typed = {"field-0": "210987654321", "field-1": "root@example.com", "field-2": "x"}
    sealed = checked_answer(AWS, typed, total_max_bytes=ALL_IN_ALL, space_is_meant=False)
    assert [field.differs_from_record for field in answer_from_bytes(sealed)] == [True, False, False]


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1))
def test_a_text_arrives_exactly_as_it_was_typed(text: str) -> None:
    field = own(("Text", "text", True))
    if text.strip():
        assert answered(field, text, space_is_meant=True) == [("Text", text)]
    else:
        assert problems(field, text) == {"field-0": "Fill this in."}


def test_line_ends_of_a_browser_become_one_character() -> None:
    assert answered(own(("Key", "text", True)), "one\r\ntwo\rthree") == [("Key", "one\ntwo\nthree")]


@pytest.mark.parametrize("text", [" secret", "secret\t", "secret\u00a0", "\u2003secret"])
def test_stray_white_space_is_asked_about_before_anything_is_sealed(text: str) -> None:
    fields = own(("Password", "password", True))
    with pytest.raises(StraySpace) as caught:
        answered(fields, text)
    assert caught.value.names == ["field-0"]
    assert answered(fields, text, space_is_meant=True) == [("Password", text)]


def test_white_space_around_what_is_no_secret_is_dropped_silently() -> None:
    assert answered(AWS, " 123456789012 ", "root@example.com\t", "x")[:2] == [
        ("AWS account id", "123456789012"),
        ("Root e-mail address", "root@example.com"),
    ]


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("password", "", "Fill this in."),
        ("password", "a\0b", "NUL"),
        ("password", "\ud800", "half of a character"),
        ("password", "x" * 1_001, "1,001 bytes"),
        ("password", "é" * 501, "1,002 bytes"),
        ("line", "one\ntwo", "one line"),
        ("text", "x" * 20_001, "20,001 bytes"),
    ],
)
def test_what_cannot_be_kept_exactly_is_refused_beside_its_field(kind: str, text: str, message: str) -> None:
    assert message in problems(own(("Field", kind, True)), text)["field-0"]


def test_the_longest_answers_fit_and_all_together_have_a_limit() -> None:
    fields = own(*((f"Field {number}", "text", True) for number in range(4)))
    assert len(answered(fields[:3], *["x" * 20_000] * 3)) == 3
    assert set(problems(fields, *["x" * 20_000] * 4)) == {"form"}


def test_a_choice_outside_the_list_is_refused() -> None:
    assert "list" in problems(AWS, "123456789012", "root@example.com", "x", "Something else")["field-3"]


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        ((), "own_label_0"),
        ((("", "line", True),), "own_label_0"),
        ((("Name", "line", False),), "own_label_0"),
        ((("Name", "file", True),), "own_kind_0"),
        ((("x" * 81, "line", True),), "own_label_0"),
        ((("Name", "line", True), ("Name", "line", True)), "own_label_1"),
        ((("a\0b", "line", True),), "own_label_0"),
    ],
)
def test_own_fields_that_make_no_sense_are_refused(rows: tuple[tuple[str, str, bool], ...], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        own(*rows)
    assert set(caught.value.fields) == {field}


def test_the_list_of_fields_is_kept_and_read_back_whole() -> None:
    for fields in (AWS, own(("Größe 漢字", "line", True), ("B", "password", False))):
        assert fields_from_text(fields_text(fields)) == fields
    assert {field.kind for field in AWS} == {FieldKind.LINE, FieldKind.PASSWORD, FieldKind.CHOICE, FieldKind.TEXT}
