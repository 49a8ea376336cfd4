"""The one spelling of a link, and reading it back from what a browser or a person sends.

`<base URL>/s/<token>#<link key>`: the token names the share, the fragment holds the key and is never part of a request.
"""

import re
from dataclasses import dataclass

from sharelink.crypto.errors import LinkKeyRejected
from sharelink.crypto.link_keys import LINK_KEY_CHARACTERS, link_key_from_text, link_key_text
from sharelink.errors import InvalidInput
from sharelink.shares.errors import LinkUnavailable

_MAX_LINK_CHARACTERS = 2_048
_LINK = re.compile(
    rf"(?:[^\0-\x20\x7f]*/)?s/(?P<token>[A-Za-z0-9_.-]{{1,128}})#(?P<key>[A-Za-z0-9_-]{{{LINK_KEY_CHARACTERS}}})"
)


@dataclass(frozen=True, slots=True, repr=False)
class OpenLink:
    """Token and link key of a send, as their holder presented them. Has no repr: it would be the whole link."""

    token: str
    link_key: bytes

    def url(self, base_url: str) -> str:
        """Return the whole link under `base_url`."""
        return f"{base_url}/s/{self.token}#{link_key_text(self.link_key)}"


def parse_open_link(text: str) -> OpenLink:
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
        return OpenLink(match["token"], link_key_from_text(match["key"]))
    except LinkKeyRejected as error:
        raise LinkUnavailable("not a link") from error
