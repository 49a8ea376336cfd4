"""Named rate limits, counted per client network and purpose (Flask-Limiter).

The counters live in memory (one process) or in Redis. When Redis cannot be reached, each process counts in its own
memory: limited still, never open, never an error (by default Flask-Limiter would answer 500, `swallow_errors` would not
limit at all).
"""

import hmac
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Flask, request
from flask_limiter import Limiter

from sharelink.client_networks import client_network
from sharelink.crypto.errors import TokenRejected
from sharelink.crypto.link_tokens import TokenPurpose, verify_token
from sharelink.settings import Settings
from sharelink.web.wiring import current_settings, current_unit_of_work

_limiter = Limiter(key_func=lambda: client_network(request.remote_addr), headers_enabled=False)


View = TypeVar("View", bound=Callable[..., Any])


def limited(name: str, method: str = "POST", *, apart: str = "") -> Callable[[View], View]:
    """Return a decorator that holds a view to the setting `rate_limit_<name>`; all views of one name share a counter.

    Only requests that can change something count: those by `method`. A view with `apart` has the same limit, and a
    counter of its own: it is one half of an act whose other half counts.
    """

    def limit_text() -> str:
        return str(getattr(current_settings(), f"rate_limit_{name}"))

    def decorate(view: View) -> View:
        limit = _limiter.shared_limit(limit_text, scope=f"{name} {apart}", methods=[method])
        return cast(View, limit(view))

    return decorate


def limited_per_link(name: str) -> Callable[[View], View]:
    """Return a decorator that holds all clients together to the setting `rate_limit_<name>`, for each posted link.

    Key and all: tokens lie in logs of proxies, and whoever has only one must not use up the rightful holder's tries. A
    link that is none of ours counts for its client. The counter's name is a keyed hash: the store learns no link.
    """

    def limit_text() -> str:
        return str(getattr(current_settings(), f"rate_limit_{name}"))

    def decorate(view: View) -> View:
        limit = _limiter.shared_limit(limit_text, scope=name, methods=["POST"], key_func=_posted_link_key)
        return cast(View, limit(view))

    return decorate


def _posted_link_key() -> str:
    address, _sign, key = request.form.get("link", "").strip().partition("#")
    token = address.rpartition("/")[2]
    work = current_unit_of_work()
    for purpose in (TokenPurpose.SUBMIT, TokenPurpose.RETRIEVE, TokenPurpose.APPROVE):
        try:
            share_id, _signed_at = verify_token(
                work.keyring.token_keys, purpose, token, work.clock(), work.share_limits.request_token_lifetime
            )
        except TokenRejected:
            continue
        return hmac.digest(work.keyring.client_key, b"sharelink/v1/limit\0" + share_id + key.encode(), "sha256").hex()
    return client_network(request.remote_addr)


def install(app: Flask, settings: Settings) -> None:
    """Connect the limits to the store that the settings name."""
    app.config["RATELIMIT_STORAGE_URI"] = settings.rate_limit_store
    app.config["RATELIMIT_STRATEGY"] = "fixed-window"
    if not settings.counts_in_memory:
        app.config["RATELIMIT_IN_MEMORY_FALLBACK_ENABLED"] = True
        app.config["RATELIMIT_STORAGE_OPTIONS"] = {"socket_connect_timeout": 1, "socket_timeout": 1}
    _limiter.init_app(app)
