"""Which passwords are taken: long ones that nobody would try first, without rules about kinds of characters."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharelink.accounts.password_rules import MAX_BYTES, check_new_password
from sharelink.accounts.passwords import compare_password, prepare_password
from sharelink.errors import InvalidInput


def accepted(password: str) -> str:
    return check_new_password(password, name="Anna Muster", email="anna.muster@example.com")


@pytest.mark.parametrize(
    "password",
    [
        "tapioca-violin-marsh-eleven",
        "tapioca violin marsh eleven",
        "tapiocaviolinmarsheleven",
        "kX9#mvT2$wQ8zL5",
        "8471059263748a0",
        "!!!#$%&/()=?++a!b",
        "тапиока скрипка болото",
        "タピオカとバイオリンと沼の十一番目",
        "x9" + "tapioca violin marsh eleven " * 30,
    ],
)
def test_a_long_password_that_nobody_would_guess_is_taken(password: str) -> None:
    assert accepted(password) == password


@pytest.mark.parametrize("password", ["", "violin tapioca", "kX9#mvT2$wQ8zL", "ü" * 14])
def test_fewer_than_15_characters_are_refused(password: str) -> None:
    with pytest.raises(InvalidInput, match="password") as refused:
        accepted(password)
    assert "at least 15 characters" in refused.value.fields["password"]


@pytest.mark.parametrize(
    "password",
    [
        # common, alone, doubled or decorated
        "passwordpassword",
        "Password12345678!",
        "P@ssw0rdP@ssw0rd1",
        "administrator123",
        "letmeinletmein1",
        "iloveyouforever!!",
        "Welcome2Sharelink!",
        "Summer2026Summer2026",
        "butterfly diamond 99",
        "correcthorsebatterystaple",
        # rows and repetitions
        "123456789012345",
        "abcdefghijklmnop",
        "qwertyuiopasdfghjkl",
        "1qaz2wsx3edc4rfv",
        "aaaaaaaaaaaaaaaaa",
        "abcabcabcabcabcabc",
        "111222333444555",
        "😀" * 20,
        # the person and the service
        "AnnaMuster2026!!",
        "Anna Muster password",
        "anna.muster@example.com",
        "sharelinksharelink",
        "Sharelink-2026!!",
    ],
)
def test_what_everybody_would_try_first_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        accepted(password)
    assert "easy to guess" in refused.value.fields["password"]


@pytest.mark.parametrize("password", ["x" * (MAX_BYTES + 1), "half a character \ud800", "a NUL \0 in a password"])
def test_what_cannot_be_kept_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput):
        accepted(password)


@given(st.text(max_size=200))
def test_any_text_is_taken_in_nfc_or_refused_with_a_message(password: str) -> None:
    try:
        taken = accepted(password)
    except InvalidInput:
        return
    assert taken == unicodedata.normalize("NFC", password)


def test_composed_and_decomposed_letters_are_the_same_password() -> None:
    chosen = prepare_password("zwölf Boxkämpfer jagen", name="", email="")
    assert compare_password(chosen.hashed, unicodedata.normalize("NFD", "zwölf Boxkämpfer jagen")).matches


@pytest.mark.parametrize("typed", ["", "x" * 5000, "\ud800", "\0"])
def test_a_text_that_is_no_password_matches_nothing(typed: str) -> None:
    chosen = prepare_password("tapioca violin marsh eleven", name="", email="")
    assert not compare_password(chosen.hashed, typed).matches


def test_no_part_of_a_password_shows_when_its_preparation_is_printed() -> None:
    prepared = prepare_password("tapioca violin marsh eleven", name="", email="")
    assert "argon2" not in repr(prepared)
    assert "tapioca" not in repr(prepared)
