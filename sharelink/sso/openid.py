"""Talks to an OpenID Connect provider: discovery, the address to send people to, codes for ID tokens (by Authlib).

Every request, and all that one visitor needs, has a time limit; none follows a redirect or reads more than fits. What
the provider publishes is kept for a while; keys are fetched anew when a token is signed by none that is known.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from threading import Lock
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session

from sharelink.addresses import host_of, is_loopback
from sharelink.sso.errors import ProviderUnavailable, Refusal, SignOnRefused
from sharelink.sso.id_tokens import SignatureUnknown, checked_claims, verified_claims
from sharelink.sso.patience import Patience
from sharelink.sso.provider import Claims

TIMEOUT_SECONDS = 5
PATIENCE_SECONDS = 10
MOST_AT_ONCE = 8
PUBLISHED_LIFETIME = timedelta(hours=1)
ANSWER_MAX_BYTES = 512 * 1024
CODE_MAX_CHARACTERS = 4096
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass
class OpenIdProvider:
    """One provider. Made once per process; may be used by several threads.

    `redirect_uri` is our callback, registered there; `roles_claim` is the claim with groups or roles, or empty.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: str
    roles_claim: str
    redirect_uri: str
    _patience: Patience = field(
        default_factory=lambda: Patience(PATIENCE_SECONDS, MOST_AT_ONCE), init=False, repr=False
    )
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)
    _kept: dict[str, tuple[datetime, Mapping[str, Any]]] = field(default_factory=dict, init=False, repr=False)

    def authorization_address(self, *, state: str, nonce: str, verifier: str, fresh: bool, now: datetime) -> str:
        """Return where to send the browser; with `fresh` people must prove anew who they are.

        Raises:
            ProviderUnavailable: the provider does not answer, or is not who it should be.
        """
        metadata = self._patience.wait_for(lambda: self._metadata(now))
        again = {"prompt": "login", "max_age": "0"} if fresh else {}
        with self._session(metadata) as session:
            address, _state = session.create_authorization_url(
                metadata["authorization_endpoint"], state=state, code_verifier=verifier, nonce=nonce, **again
            )
        return str(address)

    def claims(self, *, code: str, nonce: str, verifier: str, now: datetime) -> Claims:
        """Exchange a code and return what the ID token says, checked.

        Raises:
            ProviderUnavailable: the provider does not answer.
            SignOnRefused: the code or the token is not good.
        """
        found = self._patience.wait_for(lambda: self._signed_claims(code, verifier, now))
        return checked_claims(
            found,
            issuer=self.issuer,
            client_id=self.client_id,
            nonce=nonce,
            roles_claim=self.roles_claim,
            now=now,
        )

    def _signed_claims(self, code: str, verifier: str, now: datetime) -> Mapping[str, Any]:
        token = self._id_token(code, verifier, self._metadata(now))
        try:
            return verified_claims(token, self._keys(now))
        except SignatureUnknown:
            try:
                return verified_claims(token, self._keys(now, anew=True))
            except SignatureUnknown:
                raise SignOnRefused(Refusal.TOKEN, "the ID token is signed by no key of the provider") from None

    def _id_token(self, code: str, verifier: str, metadata: Mapping[str, Any]) -> str:
        if not 0 < len(code) <= CODE_MAX_CHARACTERS:
            raise SignOnRefused(Refusal.CODE, "there is no code")
        try:
            with self._session(metadata) as session:
                session.register_compliance_hook("access_token_response", _short_answer)
                answer = session.fetch_token(
                    metadata["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=verifier,
                    timeout=TIMEOUT_SECONDS,
                    allow_redirects=False,
                    stream=True,
                )
        except AuthlibBaseError:
            raise SignOnRefused(Refusal.CODE, "the provider does not take the code") from None
        except (requests.RequestException, ValueError) as error:
            # Without the cause: its text may quote what was sent.
            raise ProviderUnavailable(f"the token endpoint fails ({type(error).__name__})") from None
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise SignOnRefused(Refusal.TOKEN, "the provider sent no ID token")
        return token

    def _session(self, metadata: Mapping[str, Any]) -> Any:
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return OAuth2Session(
            self.client_id,
            self.client_secret,
            scope=self.scopes,
            redirect_uri=self.redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method=(
                "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
            ),
        )

    def _metadata(self, now: datetime) -> Mapping[str, Any]:
        return self._published("metadata", now, self._fetch_metadata)

    def _keys(self, now: datetime, *, anew: bool = False) -> list[Mapping[str, Any]]:
        if anew:
            self._kept.pop("keys", None)
        address = self._metadata(now)["jwks_uri"]
        keys = self._published("keys", now, lambda: _fetched(address)).get("keys")
        return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []

    def _published(self, name: str, now: datetime, fetch: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        with self._lock:
            kept = self._kept.get(name)
        if kept is not None and kept[0] <= now < kept[0] + PUBLISHED_LIFETIME:
            return kept[1]
        # Outside the lock: one slow answer must not hold up everybody.
        fetched = fetch()
        with self._lock:
            self._kept[name] = (now, fetched)
        return fetched

    def _fetch_metadata(self) -> Mapping[str, Any]:
        metadata = _fetched(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if metadata.get("issuer") != self.issuer:
            raise ProviderUnavailable("the provider calls itself by another name than the settings do")
        for name in _ENDPOINTS:
            if not self._is_safe(metadata.get(name)):
                raise ProviderUnavailable(f"the provider's {name} is missing or not safe")
        return metadata

    def _is_safe(self, address: object) -> bool:
        if not isinstance(address, str) or host_of(address) is None:
            return False
        is_on_this_machine = is_loopback(host_of(address) or "") and is_loopback(host_of(self.issuer) or "")
        return address.startswith("https://") or (address.startswith("http://") and is_on_this_machine)


def _fetched(address: str) -> Mapping[str, Any]:
    try:
        with requests.get(
            address, headers={"Accept": "application/json"}, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True
        ) as answer:
            if answer.status_code != 200:
                raise ProviderUnavailable(f"the provider answers {answer.status_code}")
            found = json.loads(_body(answer))
    except (requests.RequestException, ValueError, RecursionError) as error:
        raise ProviderUnavailable(f"the provider cannot be read ({type(error).__name__})") from None
    if not isinstance(found, dict):
        raise ProviderUnavailable("the provider's answer is no object")
    return found


def _body(answer: requests.Response) -> bytes:
    body = b""
    for piece in answer.iter_content(16_384):
        body += piece
        if len(body) > ANSWER_MAX_BYTES:
            raise ProviderUnavailable("the provider's answer is too long")
    return body


def _short_answer(answer: requests.Response) -> requests.Response:
    """Return the answer with all of its body, which Authlib would read without a limit."""
    whole = requests.Response()
    whole.status_code, whole.headers, whole.encoding = answer.status_code, answer.headers, answer.encoding
    whole.raw = BytesIO(_body(answer))
    return whole
