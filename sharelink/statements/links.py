"""The link to a statement, its one spelling, and reading it back.

`<base URL>/statement/<token>#<link key>`: the token names the row, the fragment holds the key.
"""

import re
from dataclasses import dataclass

from sharelink.crypto.errors import LinkKeyRejected
from sharelink.crypto.link_keys import LINK_KEY_CHARACTERS, link_key_from_text, link_key_text
from sharelink.errors import InvalidInput
from sharelink.shares.errors import LinkUnavailable

_MAX_LINK_CHARACTERS = 2_048
_LINK = re.compile(
    r"(?:[^\0-\x20\x7f]*/)?statement/(?P<token>[A-Za-z0-9_.-]{1,128})"
    rf"#(?P<key>[A-Za-z0-9_-]{{{LINK_KEY_CHARACTERS}}})"
)


@dataclass(frozen=True, slots=True, repr=False)
class StatementLink:
    """Token and link key, as their holder presented them. Has no repr: it would be the whole link."""

    token: str
    link_key: bytes

    def url(self, base_url: str) -> str:
        """Return the whole link under `base_url`."""
        return f"{base_url}/statement/{self.token}#{link_key_text(self.link_key)}"


def parse_statement_link(text: str) -> StatementLink:
    """Return the parts of a pasted or posted link, whatever host it names.

    Raises:
        InvalidInput: there is no key in it, which a person can mend by copying the whole link.
        LinkUnavailable: it is not spelled like a link of ours.
    """
    text = text.strip()
    if not text or "#" not in text:
        raise InvalidInput({"link": "Paste the whole link, with everything after the # sign."})
    match = _LINK.fullmatch(text) if len(text) <= _MAX_LINK_CHARACTERS else None
    if match is None:
        raise LinkUnavailable("not a link")
    try:
        return StatementLink(match["token"], link_key_from_text(match["key"]))
    except LinkKeyRejected as error:
        raise LinkUnavailable("not a link") from error
