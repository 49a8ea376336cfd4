"""Short free texts of custody, checked the same way wherever somebody types one. Knows no database."""

import unicodedata

from sharelink.custody.details import one_line
from sharelink.custody.models import NAME_MAX, NOTE_MAX
from sharelink.errors import InvalidInput


class TextCheck:
    """Collects typed texts and what is wrong with them; `done` raises everything at once.

    One line by default; `note` keeps lines.
    """

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}

    def line(self, field: str, typed: str, missing: str | None = None, *, maximum: int = NAME_MAX) -> str:
        """Return the text on one line; `missing` is what to say when there is none, None if it may be empty."""
        return self._checked(field, one_line(typed), missing, maximum)

    def note(self, field: str, typed: str, missing: str | None = None) -> str:
        """Return the text with its lines; `missing` is what to say when there is none, None if it may be empty."""
        text = unicodedata.normalize("NFC", typed.replace("\r\n", "\n")).strip()
        return self._checked(field, text, missing, NOTE_MAX)

    def done(self) -> None:
        """Go on if nothing was wrong.

        Raises:
            InvalidInput: with a message for every field that was.
        """
        if self.problems:
            raise InvalidInput(self.problems)

    def _checked(self, field: str, text: str, missing: str | None, maximum: int) -> str:
        if not text and missing is not None:
            self.problems[field] = missing
        elif len(text) > maximum:
            self.problems[field] = f"Use at most {maximum:,} characters; this is {len(text):,}."
        elif any(unicodedata.category(character) in {"Cc", "Cs"} and character != "\n" for character in text):
            self.problems[field] = "This holds a control character. Type it again by hand."
        return text
