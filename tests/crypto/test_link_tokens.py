"""Tokens: one spelling, one purpose, one installation."""

from datetime import UTC, datetime, timedelta

import pytest

from sharelink.crypto.errors import LinkKeyRejected, TokenRejected
from sharelink.crypto.identifiers import id_from_text, id_text, new_id
from sharelink.crypto.link_keys import link_key_from_text, link_key_text, new_link_key
from sharelink.crypto.link_tokens import TokenPurpose, sign_token, verify_token

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
YEAR = timedelta(days=365)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_a_token_gives_back_its_id_and_its_second() -> None:
    keys, identifier = [new_link_key()], new_id()
    token = sign_token(keys, TokenPurpose.OPEN, identifier, NOW)
    assert verify_token(keys, TokenPurpose.OPEN, token, NOW + timedelta(days=1), YEAR) == (identifier, NOW)


def test_every_other_spelling_of_a_token_is_refused() -> None:
    """By itself itsdangerous accepts other last characters and inserted padding (measured)."""
    keys = [new_link_key()]
    token = sign_token(keys, TokenPurpose.OPEN, new_id(), NOW)
    variants = {token[:at] + other + token[at + 1 :] for at in range(len(token)) for other in ALPHABET + ".=~"}
    variants |= {token + tail for tail in ("=", "==", "~~", "A", "\n", " ", "é")}
    variants |= {token[:at] + inserted + token[at:] for at in range(len(token)) for inserted in ("=", "~", ".", "é")}
    variants |= {token[:length] for length in range(len(token))}
    variants.discard(token)
    assert len(variants) > 4_000
    for variant in variants:
        with pytest.raises(TokenRejected):
            verify_token(keys, TokenPurpose.OPEN, variant, NOW, YEAR)


def test_a_token_of_another_purpose_or_key_is_refused() -> None:
    keys = [new_link_key()]
    token = sign_token(keys, TokenPurpose.OPEN, new_id(), NOW)
    with pytest.raises(TokenRejected):
        verify_token(keys, TokenPurpose.ACKNOWLEDGE, token, NOW, YEAR)
    with pytest.raises(TokenRejected):
        verify_token([new_link_key()], TokenPurpose.OPEN, token, NOW, YEAR)


def test_a_token_of_an_older_key_still_verifies_and_new_ones_take_the_newest() -> None:
    old, new, identifier = new_link_key(), new_link_key(), new_id()
    before = sign_token([old], TokenPurpose.OPEN, identifier, NOW)
    after = sign_token([old, new], TokenPurpose.OPEN, identifier, NOW)
    assert verify_token([old, new], TokenPurpose.OPEN, before, NOW, YEAR)[0] == identifier
    assert verify_token([new], TokenPurpose.OPEN, after, NOW, YEAR)[0] == identifier
    with pytest.raises(TokenRejected):
        verify_token([new], TokenPurpose.OPEN, before, NOW, YEAR)


def test_a_token_too_old_or_from_the_future_is_refused() -> None:
    keys = [new_link_key()]
    token = sign_token(keys, TokenPurpose.OPEN, new_id(), NOW)
    with pytest.raises(TokenRejected):
        verify_token(keys, TokenPurpose.OPEN, token, NOW + timedelta(seconds=11), timedelta(seconds=10))
    with pytest.raises(TokenRejected):
        verify_token(keys, TokenPurpose.OPEN, token, NOW - timedelta(seconds=1), YEAR)


@pytest.mark.parametrize("text", ["", "x", "a" * 200, "é" * 22, "\0" * 22, "A" * 21, "A" * 23, "A" * 21 + "B"])
def test_a_text_that_is_not_the_one_spelling_of_an_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        id_from_text(text)


def test_ids_and_link_keys_survive_their_text_form() -> None:
    for _ in range(100):
        identifier, link_key = new_id(), new_link_key()
        assert id_from_text(id_text(identifier)) == identifier
        assert link_key_from_text(link_key_text(link_key)) == link_key


def test_every_other_spelling_of_a_link_key_is_refused() -> None:
    text = link_key_text(new_link_key())
    kept = link_key_from_text(text)
    for last in ALPHABET:
        try:
            assert link_key_from_text(text[:-1] + last) != kept or last == text[-1]
        except LinkKeyRejected:
            continue
    for variant in (text + "=", text[:-1], text[:-1] + "+", "é" + text[1:], " " + text[1:]):
        with pytest.raises(LinkKeyRejected):
            link_key_from_text(variant)
