"""What a person typed about a person or a group, checked and brought into one form. Knows no database."""

import re
import unicodedata

from sharelink.accounts.models import EMAIL_MAX, NAME_KEY_MAX, NAME_MAX

_EMAIL = re.compile(r"[^@\s\"(),:;<>\[\\\]]+@[^@\s.\"(),:;<>\[\\\]]+(\.[^@\s.\"(),:;<>\[\\\]]+)*")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks by category, and nothing to see by the Unicode standard's charts."""


def normalised_email(typed: str) -> str:
    """Return `typed` in the form by which accounts are told apart: trimmed, NFC, in small letters.

    Two mailboxes must never become one: neither is `ß` written as `ss` (of two domains, each may have its owner), nor
    does a letter that is none of ASCII turn into one that is, such as the sign of the kelvin into a `k`.
    """
    trimmed = typed.strip()
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", trimmed).lower())
    return trimmed if _ascii_count(folded) > _ascii_count(trimmed) else folded


def email_problem(email: str) -> str | None:
    """Return what is wrong with a normalised e-mail address, or None."""
    if not email:
        return "Enter an e-mail address."
    if len(email) > EMAIL_MAX or not _EMAIL.fullmatch(email) or _has_invisible(email):
        return "Enter one whole e-mail address, such as anna@example.com."
    return None


def normalised_name(typed: str) -> str:
    """Return `typed` in NFC, on one line, without outer white space."""
    return " ".join(unicodedata.normalize("NFC", typed).split())


def name_problem(name: str) -> str | None:
    """Return what is wrong with the normalised name of a person or a group, or None."""
    if not name:
        return "Enter a name."
    if len(name) > NAME_MAX or len(name_key(name)) > NAME_KEY_MAX:
        return f"Use at most {NAME_MAX} characters; this is {len(name)}."
    if _has_invisible(name):
        return "This holds an invisible character. Type it again by hand."
    return None


def person_problems(name: str, email: str) -> dict[str, str]:
    """Return what is wrong with a normalised name and e-mail address, by the name of the form field."""
    found = {"name": name_problem(name), "email": email_problem(email)}
    return {field: problem for field, problem in found.items() if problem is not None}


def name_key(name: str) -> str:
    """Return the form in which two names of groups are the same name."""
    return unicodedata.normalize("NFKC", name).casefold()


def _has_invisible(text: str) -> bool:
    # Marks that turn the direction of text could make one person's name look like another's.
    return any(character in _BLANK or unicodedata.category(character) in _INVISIBLE for character in text)


def _ascii_count(text: str) -> int:
    return sum(character.isascii() for character in text)
