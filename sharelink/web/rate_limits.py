"""Named rate limits, counted per client network and purpose (Flask-Limiter).

Counters are named by keyed hashes, so that neither Redis nor a dump of memory tells who came, or for which link. They
end with their window. Where they live, and what happens when the store is gone: `rate_counters`.
"""

import hmac
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Flask, request
from flask_limiter import Limiter, RateLimitExceeded

from sharelink.client_networks import client_network
from sharelink.crypto.errors import TokenRejected
from sharelink.crypto.link_tokens import TokenPurpose, verify_token
from sharelink.settings import Settings
from sharelink.statements.service import TOKEN_LIFETIME as STATEMENT_TOKEN_LIFETIME
from sharelink.web.rate_counters import SCHEME, BoundedCounters
from sharelink.web.wiring import current_settings, current_unit_of_work

PURPOSES = ("open", "status", "reveal", "submit", "submit_per_link", "sign_in", "create")
"""What is limited; each is a setting `rate_limit_<purpose>`."""


def _client_key() -> str:
    return _hidden(b"client\0" + client_network(request.remote_addr).encode())


def _hidden(what: bytes) -> str:
    """Return a name for a counter that tells nothing to whoever lacks the key."""
    return hmac.digest(current_unit_of_work().keyring.client_key, b"sharelink/v1/limit " + what, "sha256").hex()[:32]


_limiter = Limiter(key_func=_client_key, headers_enabled=False)

View = TypeVar("View", bound=Callable[..., Any])


def limited(name: str, method: str = "POST", *, apart: str = "") -> Callable[[View], View]:
    """Return a decorator that holds a view to the setting `rate_limit_<name>`; all views of one name share a counter.

    Only requests by `method` count (HEAD with GET). A view with `apart` has the same limit and a counter of its own: it
    is one half of an act whose other half counts. The view is marked with `.limits`; the test of all routes asks.
    """
    methods = ["GET", "HEAD"] if method == "GET" else [method]

    def decorate(view: View) -> View:
        limit = _limiter.shared_limit(_limit_text(name), scope=f"{name} {apart}", methods=methods)
        return _marked(cast(View, limit(view)), name)

    return decorate


def limited_per_link(name: str) -> Callable[[View], View]:
    """Return a decorator that holds all clients together to the setting `rate_limit_<name>`, for each posted link.

    Key and all: tokens lie in logs of proxies, and whoever has only one must not use up the rightful holder's tries. A
    link that is none of ours counts for its client. The counter's name is a keyed hash: the store learns no link.
    """

    def decorate(view: View) -> View:
        limit = _limiter.shared_limit(_limit_text(name), scope=name, methods=["POST"], key_func=_posted_link_key)
        return _marked(cast(View, limit(view)), name)

    return decorate


def limited_apart(name: str, apart: str) -> Callable[[View], View]:
    """Return a decorator that holds a part of many views, whatever their method, to the setting `rate_limit_<name>`.

    It has a counter of its own, so that it takes nothing from what the views themselves may do.
    """

    def decorate(part: View) -> View:
        return cast(View, _limiter.shared_limit(_limit_text(name), scope=f"{name} {apart}")(part))

    return decorate


def purpose_of(error: RateLimitExceeded) -> str:
    """Return for what the limit stands that was exceeded."""
    scope = error.limit.scope_for(request.endpoint or "", request.method) or ""
    return scope.partition(" ")[0]


def counts_as_wanted() -> bool:
    """Tell whether requests are counted where the settings say; False while Redis is gone."""
    store = _limiter.storage
    return store.is_shared if isinstance(store, BoundedCounters) else True


def _limit_text(name: str) -> Callable[[], str]:
    return lambda: str(getattr(current_settings(), f"rate_limit_{name}"))


def _marked(view: View, name: str) -> View:
    vars(view)["limits"] = (*getattr(view, "limits", ()), name)
    return view


def _posted_link_key() -> str:
    address, _sign, key = request.form.get("link", "").strip().partition("#")
    token = address.rpartition("/")[2]
    work = current_unit_of_work()
    request_lifetime = work.share_limits.request_token_lifetime
    for purpose, lifetime in (
        (TokenPurpose.SUBMIT, request_lifetime),
        (TokenPurpose.RETRIEVE, request_lifetime),
        (TokenPurpose.APPROVE, request_lifetime),
        (TokenPurpose.STATEMENT, STATEMENT_TOKEN_LIFETIME),
    ):
        try:
            linked_id, _signed_at = verify_token(work.keyring.token_keys, purpose, token, work.clock(), lifetime)
        except TokenRejected:
            continue
        return _hidden(b"link\0" + linked_id + key.encode())
    return _client_key()


def install(app: Flask, settings: Settings) -> None:
    """Connect the limits to the store that the settings name."""
    app.config["RATELIMIT_STORAGE_URI"] = f"{SCHEME}://"
    app.config["RATELIMIT_STORAGE_OPTIONS"] = {"store": "" if settings.counts_in_memory else settings.rate_limit_store}
    app.config["RATELIMIT_STRATEGY"] = "fixed-window"
    _limiter.init_app(app)
