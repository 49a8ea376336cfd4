"""Generators for passwords and pass phrases, with their exact entropy."""

import math
import secrets
from dataclasses import dataclass
from functools import cache

from xkcdpass import xkcd_password

LOOK_ALIKES = frozenset("0Oo1lI|5S2Z8B")
CHARACTER_CLASSES = {
    "lower": "abcdefghijklmnopqrstuvwxyz",
    "upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "digits": "0123456789",
    "symbols": "!#$%&()*+,-./:;<=>?@[]^_{|}~",
}
MIN_PASSWORD_CHARACTERS, MAX_PASSWORD_CHARACTERS = 12, 128
MIN_PHRASE_WORDS, MAX_PHRASE_WORDS = 4, 20
PHRASE_SEPARATORS = {"hyphen": "-", "space": " ", "dot": "."}
"""Never nothing: words that run together could be read in two ways, and would be worth less than they seem."""


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated text and the logarithm (base 2) of how many equally likely ones there were."""

    text: str
    entropy_bits: float


def generate_password(length: int, classes: frozenset[str], avoid_look_alikes: bool) -> Generated:
    """Return a password with at least one character of each of `classes`, every such password equally likely.

    Args:
        length: characters, from `MIN_PASSWORD_CHARACTERS` to `MAX_PASSWORD_CHARACTERS`.
        classes: names out of `CHARACTER_CLASSES`, at least one.
        avoid_look_alikes: leave out `LOOK_ALIKES`.

    Raises:
        ValueError: a bound or a class name is wrong.
    """
    if not MIN_PASSWORD_CHARACTERS <= length <= MAX_PASSWORD_CHARACTERS or not classes <= CHARACTER_CLASSES.keys():
        raise ValueError("length or classes out of bounds")
    if not classes:
        raise ValueError("no class of characters was chosen")
    alphabets = [
        [character for character in CHARACTER_CLASSES[name] if not (avoid_look_alikes and character in LOOK_ALIKES)]
        for name in sorted(classes)
    ]
    everything = [character for alphabet in alphabets for character in alphabet]
    # Drawing again until every class is present keeps all admissible passwords equally likely; placing one character
    # of each class first would not.
    while True:
        text = "".join(secrets.choice(everything) for _ in range(length))
        if all(any(character in alphabet for character in text) for alphabet in alphabets):
            return Generated(text, math.log2(_count_with_every_class(length, [len(a) for a in alphabets])))


def generate_phrase(words: int, separator: str) -> Generated:
    """Return words from the EFF long list (7,776 words), joined by `separator`.

    Raises:
        ValueError: a bound is wrong.
    """
    if not MIN_PHRASE_WORDS <= words <= MAX_PHRASE_WORDS or separator not in PHRASE_SEPARATORS.values():
        raise ValueError("words or separator out of bounds")
    word_list = _eff_long_list()
    text = separator.join(secrets.choice(word_list) for _ in range(words))
    return Generated(text, words * math.log2(len(word_list)))


def _count_with_every_class(length: int, sizes: list[int]) -> int:
    """Count the texts of `length` that hold every class, by inclusion and exclusion over the classes left out."""
    count = 0
    for mask in range(1 << len(sizes)):
        left = sum(size for bit, size in enumerate(sizes) if not mask >> bit & 1)
        sign = -1 if mask.bit_count() % 2 else 1
        count += sign * left**length
    return count


@cache
def _eff_long_list() -> tuple[str, ...]:
    # Its own bounds on length would leave out 550 words.
    words = xkcd_password.generate_wordlist(xkcd_password.locate_wordfile("eff-long"), min_length=1, max_length=99)
    return tuple(sorted(set(words)))
