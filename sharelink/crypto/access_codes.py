"""Access codes: what a recipient types, made by the service and told through another channel."""

import secrets

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""31 symbols that nobody mistakes for another when read aloud or written down: no 0, 1, I, L, O."""

CODE_SYMBOLS = 8
_GROUP = 4


def new_access_code() -> str:
    """Return 8 random symbols (39.6 bits), without separators."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_SYMBOLS))


def spoken_code(code: str) -> str:
    """Return the code in two groups, as it is shown and told: `ABCD-EFGH`."""
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))


def normalised_code(typed: str) -> str | None:
    """Return the code that `typed` means, ignoring case and everything between the symbols; None if it is none.

    A text that cannot be a code is told apart before it counts as a guess.
    """
    if len(typed) > 64:
        return None
    symbols = "".join(character for character in typed.upper() if character.isalnum())
    if len(symbols) != CODE_SYMBOLS or any(symbol not in ALPHABET for symbol in symbols):
        return None
    return symbols
