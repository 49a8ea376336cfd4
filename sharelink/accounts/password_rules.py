"""What a password must be: long, and not what everybody would try first. No rules about kinds of characters.

After NIST SP 800-63B and OWASP ASVS 5.0 (6.2): at least 15 characters, long ones welcome, common and personal ones
refused from a list that needs no network.
"""

import unicodedata
from collections.abc import Collection, Iterator
from functools import cache
from importlib.resources import files

from sharelink.errors import InvalidInput

MIN_CHARACTERS = 15
MAX_BYTES = 1024

_WORD_COST, _PERSONAL_COST, _RUN_COST, _SINGLE_COST = 8, 3, 4, 3
"""Half decimal digits of guesses: a word out of ten thousand takes 10^4, one character about 10^1.5."""

_GUESSABLE_COST = 20
"""Up to 10^10 guesses: two common words, or five runs along a keyboard, or a word of six characters repeated."""

_LONGEST_BUILT = 80
"""Nothing longer can be built within that cost, once repetition is taken away."""

_MOST_DECORATION = 8
"""Digits and signs that are overlooked as decoration; more of them are worth something."""

_MIN_WORD, _MIN_RUN = 4, 3
_SERVICE_WORDS = frozenset({"sharelink", "secret", "password", "custodian", "custodians", "administrator"})
_FAMOUS_PHRASES = frozenset(
    {
        "correcthorsebatterystaple",
        "thequickbrownfoxjumpsoverthelazydog",
        "loremipsumdolorsitamet",
        "tobeornottobethatisthequestion",
        "maytheforcebewithyou",
    }
)
_LINES = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "azertyuiop",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik",
    "q1w2e3r4t5y6u7i8o9p0",
    "1q2w3e4r5t6y7u8i9o0p",
)
_DISGUISES = str.maketrans("0134578@$!|", "oieastbasii")


def normalised_password(typed: str) -> str:
    """Return `typed` in NFC, the one form in which passwords are hashed, whatever keyboard wrote it."""
    return unicodedata.normalize("NFC", typed)


def check_new_password(typed: str, *, name: str, email: str, field: str = "password") -> str:
    """Return the normalised password if it may be used.

    Args:
        typed: what the person chose.
        name: the person's name; a password made of it is refused.
        email: the person's address, likewise.
        field: name of the form field for the message.

    Raises:
        InvalidInput: too short, too long, not text, or easy to guess; the message says what to do.
    """
    password = normalised_password(typed)
    problem = _problem(password, name, email)
    if problem is not None:
        raise InvalidInput({field: problem})
    return password


def _problem(password: str, name: str, email: str) -> str | None:
    try:
        size_bytes = len(password.encode("utf-8"))
    except UnicodeEncodeError:
        return "This holds half of a character. Copy or type it again."
    if "\0" in password:
        return "This holds a NUL character. Type another password."
    if len(password) < MIN_CHARACTERS:
        return f"Use at least {MIN_CHARACTERS} characters. Four or five random words make a good password."
    if size_bytes > MAX_BYTES:
        return f"Use at most {MAX_BYTES} bytes."
    if _is_guessable(password, frozenset(_personal_words(name, email))):
        return "This is easy to guess. Take four or five words that do not belong together, or let a vault make one."
    return None


def _personal_words(name: str, email: str) -> Iterator[str]:
    for text in (name, email):
        letters = "".join(character if character.isalnum() else " " for character in _folded(text))
        yield from (word for word in letters.split() if len(word) >= _MIN_RUN)
        yield letters.replace(" ", "")


def _is_guessable(password: str, personal: Collection[str]) -> bool:
    folded = _folded(password)
    forms = {folded, _letters(folded), _letters(folded.translate(_DISGUISES)), _letters(_undecorated(folded))}
    forms.add(_letters(_undecorated(folded).translate(_DISGUISES)))
    return any(
        _cheapest_cost(_unrepeated(form), personal) <= _GUESSABLE_COST
        for form in forms
        if len(form) >= len(folded) - _MOST_DECORATION
    )


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


def _undecorated(text: str) -> str:
    """Return `text` without the digits and signs that people put around a word to satisfy a rule."""
    kept = [index for index, character in enumerate(text) if character.isalpha()]
    return text[kept[0] : kept[-1] + 1] if kept else text


def _unrepeated(text: str) -> str:
    """Return the block that `text` repeats (the last one may be cut off), or `text` itself."""
    for size in range(1, len(text) // 2 + 1):
        if all(text[index] == text[index - size] for index in range(size, len(text))):
            return text[:size]
    return text


def _cheapest_cost(text: str, personal: Collection[str]) -> int:
    """Return how little it costs to build `text` out of common words, personal words, runs and single characters."""
    if len(text) > _LONGEST_BUILT:
        return len(text)
    costs = [0]
    for end in range(1, len(text) + 1):
        pieces = ((start, _piece_cost(text[start:end], personal)) for start in range(end))
        costs.append(min(costs[start] + cost for start, cost in pieces if cost is not None))
    return costs[-1]


def _piece_cost(piece: str, personal: Collection[str]) -> int | None:
    if len(piece) == 1:
        return _SINGLE_COST
    if piece in personal or piece in _SERVICE_WORDS:
        return _PERSONAL_COST
    if len(piece) >= _MIN_RUN and _is_run(piece):
        return _RUN_COST
    if len(piece) >= _MIN_WORD and (piece in _common_passwords() or piece in _FAMOUS_PHRASES):
        return _WORD_COST
    return None


def _is_run(piece: str) -> bool:
    if len(set(piece)) == 1:
        return True
    return any(piece in line or piece[::-1] in line for line in _LINES)


@cache
def _common_passwords() -> frozenset[str]:
    listed = files("sharelink.accounts").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line for line in listed.splitlines() if not line.startswith("#"))
