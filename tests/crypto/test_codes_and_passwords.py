"""What the service makes up: access codes, passwords, pass phrases; and padding, which hides their length."""

import math
from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharelink.crypto.access_codes import ALPHABET, new_access_code, normalised_code, spoken_code
from sharelink.crypto.padding import PaddingBroken, pad, padded_size, unpad
from sharelink.crypto.passwords import (
    CHARACTER_CLASSES,
    LOOK_ALIKES,
    _count_with_every_class,
    generate_password,
    generate_phrase,
)

ALL = frozenset(CHARACTER_CLASSES)


def test_access_codes_are_eight_of_31_unmistakable_symbols() -> None:
    assert len(set(ALPHABET)) == 31
    assert not set(ALPHABET) & set("01ILO")
    seen = Counter("".join(new_access_code() for _ in range(2_000)))
    assert set(seen) == set(ALPHABET)


@pytest.mark.parametrize("typed", ["ABCD-EFGH", "abcd efgh", " a b c d e f g h ", "abcd\u2013efgh", "ABCD.EFGH\n"])
def test_case_and_separators_of_a_typed_code_do_not_matter(typed: str) -> None:
    assert normalised_code(typed) == "ABCDEFGH"


@pytest.mark.parametrize("typed", ["", "ABCDEFG", "ABCDEFGHJ", "ABCDEFG0", "ABCDEFGI", "ÄBCDEFGH", "A" * 100])
def test_a_text_that_cannot_be_a_code_is_told_apart(typed: str) -> None:
    assert normalised_code(typed) is None


def test_a_code_is_spoken_in_two_groups() -> None:
    assert spoken_code("ABCDEFGH") == "ABCD-EFGH"
    assert normalised_code(spoken_code("ABCDEFGH")) == "ABCDEFGH"


def test_a_password_has_every_class_and_no_look_alikes() -> None:
    for _ in range(200):
        text = generate_password(16, ALL, avoid_look_alikes=True).text
        assert len(text) == 16
        assert not set(text) & LOOK_ALIKES
        assert all(set(text) & set(characters) for characters in CHARACTER_CLASSES.values())


def test_the_entropy_is_the_logarithm_of_the_exact_number_of_passwords() -> None:
    classes = ["ab", "CD", "1"]
    brute = sum(
        all(any(character in text for character in one) for one in classes)
        for text in ("".join(characters) for characters in product("abCD1", repeat=5))
    )
    assert _count_with_every_class(5, [2, 2, 1]) == brute
    assert generate_password(20, frozenset({"digits"}), False).entropy_bits == pytest.approx(20 * math.log2(10))


def test_a_pass_phrase_comes_from_7776_words() -> None:
    phrase = generate_phrase(6, " ")
    assert phrase.entropy_bits == pytest.approx(6 * math.log2(7_776))
    assert len(phrase.text.split(" ")) == 6


@pytest.mark.parametrize(("length", "classes"), [(11, ALL), (129, ALL), (20, frozenset()), (20, frozenset({"emoji"}))])
def test_a_password_out_of_bounds_is_refused(length: int, classes: frozenset[str]) -> None:
    with pytest.raises(ValueError, match=r"bounds|class"):
        generate_password(length, classes, True)


@given(st.binary(max_size=70_000))
def test_padding_gives_back_what_was_padded_and_costs_at_most_12_percent(content: bytes) -> None:
    padded = pad(content)
    assert unpad(padded) == content
    assert len(padded) <= max(256, math.ceil((len(content) + 4) * 1.12))


@given(st.integers(min_value=0, max_value=100_000))
def test_a_padded_size_needs_no_more_padding(length: int) -> None:
    assert padded_size(padded_size(length)) == padded_size(length)


@pytest.mark.parametrize("broken", [b"", b"\0" * 255, b"\xff" * 256, pad(b"x")[:-1], pad(b"x")[:-1] + b"\1"])
def test_bytes_that_were_not_padded_by_us_are_refused(broken: bytes) -> None:
    with pytest.raises(PaddingBroken):
        unpad(broken)
