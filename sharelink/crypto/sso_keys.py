"""What binds a sign-in by a provider to one browser: a key in its cookie, from which all else is derived.

    browser key: 256 random bits, in a cookie; the database keeps its hash
    state:       256 random bits, in the address that goes to the provider and comes back; the database keeps its hash
    nonce, verifier = HMAC(browser key, use || state)

So neither the database nor whoever sees the address alone can finish a sign-in, and another browser derives others.
"""

import base64
import hmac
from dataclasses import dataclass, field

from sharelink.crypto.bearer_keys import BearerKey, BearerPurpose, bearer_key_hash, new_bearer_key
from sharelink.crypto.link_keys import link_key_from_text


@dataclass(frozen=True, slots=True)
class FlowKeys:
    """The keys of one sign-in by a provider, as the browser that began it knows them."""

    state: BearerKey
    browser: BearerKey

    @property
    def nonce(self) -> str:
        """What the ID token must repeat."""
        return derived_nonce(self.browser.text, self.state.text)

    @property
    def verifier(self) -> str:
        """What proves to the provider that whoever began also ends it (PKCE, RFC 7636)."""
        return derived_verifier(self.browser.text, self.state.text)


@dataclass(frozen=True, slots=True)
class PresentedFlow:
    """What a browser brings back: hashes to find the flow by, and what was derived at its start."""

    state_hash: bytes
    browser_hash: bytes
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


def new_flow_keys(browser_key: str = "") -> FlowKeys:
    """Return keys for a new flow; a browser that has a key already keeps it, so that two windows do not disturb."""
    known = bearer_key_hash(BearerPurpose.SSO_BROWSER, browser_key)
    browser = new_bearer_key(BearerPurpose.SSO_BROWSER) if known is None else BearerKey(browser_key, known)
    return FlowKeys(new_bearer_key(BearerPurpose.SSO_STATE), browser)


def presented_flow(state: str, browser_key: str) -> PresentedFlow | None:
    """Return what a browser brings back; None if either part is missing or malformed."""
    state_hash = bearer_key_hash(BearerPurpose.SSO_STATE, state)
    browser_hash = bearer_key_hash(BearerPurpose.SSO_BROWSER, browser_key)
    if state_hash is None or browser_hash is None:
        return None
    nonce, verifier = derived_nonce(browser_key, state), derived_verifier(browser_key, state)
    return PresentedFlow(state_hash, browser_hash, nonce, verifier)


def derived_nonce(browser_key: str, state: str) -> str:
    """Return the nonce of the flow with this state."""
    return _derived(browser_key, state, "nonce")


def derived_verifier(browser_key: str, state: str) -> str:
    """Return the PKCE verifier of the flow with this state: 43 characters, as RFC 7636 asks."""
    return _derived(browser_key, state, "verifier")


def _derived(browser_key: str, state: str, use: str) -> str:
    about = f"sharelink/v1/sso {use}\0{state}".encode("ascii")
    digest = hmac.digest(link_key_from_text(browser_key), about, "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
