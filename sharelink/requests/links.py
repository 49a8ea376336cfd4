"""The two links of a request, their one spelling, and reading them back.

submit link      <base URL>/r/<token>#<submit key><fingerprint>     for the customer: seals one answer, opens nothing
retrieval link   <base URL>/retrieve/<token>#<retrieval key>        for the custodians, who must be signed in as well
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from sharelink.crypto.errors import LinkKeyRejected
from sharelink.crypto.link_keys import LINK_KEY_CHARACTERS, link_key_from_text, link_key_text
from sharelink.crypto.link_tokens import TokenPurpose
from sharelink.errors import InvalidInput
from sharelink.shares.errors import LinkUnavailable

_MAX_LINK_CHARACTERS = 2_048
_START = r"(?:[^\0-\x20\x7f]*/)?"
_TOKEN = r"(?P<token>[A-Za-z0-9_.-]{1,128})"  # noqa: S105 - a pattern, not a token
_KEY = rf"[A-Za-z0-9_-]{{{LINK_KEY_CHARACTERS}}}"
_SUBMIT_LINK = re.compile(rf"{_START}r/{_TOKEN}#(?P<key>{_KEY})(?P<fingerprint>{_KEY})")
_RETRIEVAL_LINK = re.compile(rf"{_START}retrieve/{_TOKEN}#(?P<key>{_KEY})")


@dataclass(frozen=True, slots=True, repr=False)
class SubmitLink:
    """Token, submit key and fingerprint, as their holder presented them. Has no repr: it would be the whole link."""

    purpose: ClassVar[TokenPurpose] = TokenPurpose.SUBMIT

    token: str
    submit_key: bytes
    fingerprint: bytes

    def url(self, base_url: str) -> str:
        """Return the whole link under `base_url`."""
        return f"{base_url}/r/{self.token}#{link_key_text(self.submit_key)}{link_key_text(self.fingerprint)}"


@dataclass(frozen=True, slots=True, repr=False)
class RetrievalLink:
    """Token and retrieval key, as their holder presented them. Has no repr: it would be the whole link."""

    purpose: ClassVar[TokenPurpose] = TokenPurpose.RETRIEVE

    token: str
    retrieval_key: bytes

    def url(self, base_url: str) -> str:
        """Return the whole link under `base_url`."""
        return f"{base_url}/retrieve/{self.token}#{link_key_text(self.retrieval_key)}"


def parse_submit_link(text: str) -> SubmitLink:
    """Return the parts of a pasted or posted submit link, whatever host it names.

    Raises:
        InvalidInput: there is no key in it, which a person can mend by copying the whole link.
        LinkUnavailable: it is not spelled like a submit link of ours.
    """
    match = _matched(_SUBMIT_LINK, text)
    return SubmitLink(match["token"], _key(match["key"]), _key(match["fingerprint"]))


def parse_retrieval_link(text: str) -> RetrievalLink:
    """Return the parts of a pasted or posted retrieval link; raises as `parse_submit_link`."""
    match = _matched(_RETRIEVAL_LINK, text)
    return RetrievalLink(match["token"], _key(match["key"]))


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    text = text.strip()
    if not text or "#" not in text:
        raise InvalidInput({"link": "Paste the whole link, with everything after the # sign."})
    match = pattern.fullmatch(text) if len(text) <= _MAX_LINK_CHARACTERS else None
    if match is None:
        raise LinkUnavailable("not a link")
    return match


def _key(text: str) -> bytes:
    try:
        return link_key_from_text(text)
    except LinkKeyRejected as error:
        raise LinkUnavailable("not a link") from error
