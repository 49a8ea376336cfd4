"""Named rate limits, counted per client network and purpose (Flask-Limiter).

Counters are named by keyed hashes, so that neither Redis nor a dump of memory tells who came, or for which link. They
end with their window; those of a request's links are erased when it ends before. Where they live, and what happens
when the store is gone: `rate_counters`.
"""

import hmac
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from flask import Flask, request
from flask_limiter import Limiter, RateLimitExceeded
from limits import parse_many

from sharelink.audit.log import PendingEvent
from sharelink.client_networks import client_network
from sharelink.crypto.errors import TokenRejected
from sharelink.crypto.link_tokens import TokenPurpose, verify_token
from sharelink.keys.live import LiveKeyring
from sharelink.metrics.transitions import transition_of
from sharelink.settings import Settings
from sharelink.shares.states import FINAL_STATES, ShareKind
from sharelink.statements.service import TOKEN_LIFETIME as STATEMENT_TOKEN_LIFETIME
from sharelink.web.rate_counters import SCHEME, BoundedCounters, owned
from sharelink.web.wiring import current_settings, current_unit_of_work

PURPOSES = ("open", "status", "reveal", "submit", "submit_per_link", "sign_in", "create")
"""What is limited; each is a setting `rate_limit_<purpose>`."""
_PER_LINK = "submit_per_link"
_OF_REQUESTS = frozenset({TokenPurpose.SUBMIT, TokenPurpose.RETRIEVE})


def _client_key() -> str:
    network = client_network(request.remote_addr)
    return _hidden(current_unit_of_work().keyring.client_key, b"client\0" + network.encode())


def _hidden(key: bytes, what: bytes) -> str:
    """Return a name for a counter that tells nothing to whoever lacks the key."""
    return hmac.digest(key, b"sharelink/v1/limit " + what, "sha256").hex()[:32]


def _owner(key: bytes, share_id: bytes) -> str:
    return _hidden(key, b"share\0" + share_id)


_limiter = Limiter(key_func=_client_key, headers_enabled=False)

View = TypeVar("View", bound=Callable[..., Any])


def limited(name: str, method: str | None = "POST", *, apart: str = "") -> Callable[[View], View]:
    """Return a decorator that holds a view to the setting `rate_limit_<name>`; all views of one name share a counter.

    Only requests by `method` count (HEAD with GET; None: all). What has an `apart` keeps to the same limit with a
    counter of its own, and takes nothing from the others: half of an act whose other half counts, or a part of many
    views. The view is marked with `.limits`; the test of all routes asks.
    """
    methods = ["GET", "HEAD"] if method == "GET" else [method] if method is not None else None

    def decorate(view: View) -> View:
        limit = _limiter.shared_limit(_limit_text(name), scope=f"{name} {apart}", methods=methods)
        return _marked(cast(View, limit(view)), name)

    return decorate


def limited_per_link(view: View) -> View:
    """Hold all clients together to the setting `rate_limit_submit_per_link`, for each posted link.

    Key and all: tokens lie in logs of proxies, and whoever has only one must not use up the rightful holder's tries. A
    link that is none of ours counts for its client. The counter's name is a keyed hash: the store learns no link.
    """
    limit = _limiter.shared_limit(_limit_text(_PER_LINK), scope=_PER_LINK, methods=["POST"], key_func=_posted_link_key)
    return _marked(cast(View, limit(view)), _PER_LINK)


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
        counting_key = work.keyring.client_key
        name = _hidden(counting_key, b"link\0" + linked_id + key.encode())
        # A link of an approver or of a statement is of no share: its counter ends with its window.
        return owned(_owner(counting_key, linked_id), name) if purpose in _OF_REQUESTS else name
    return _client_key()


def erasing_with_requests(keys: LiveKeyring, settings: Settings) -> Callable[[Sequence[PendingEvent]], None]:
    """Return what erases the counters of a request's links, told of the event that ended it; it never raises.

    Where no request ended, as after every send, it asks nobody anything. Of a share that was sent there are none:
    tries at its link are counted in the database, and go with its row's content.
    """
    limits = parse_many(settings.rate_limit_submit_per_link)

    def erase(events: Sequence[PendingEvent]) -> None:
        store = _limiter.storage
        ended = [event.obj[1] for event in events if event.obj is not None and _ends_request(event)]
        if not ended or not isinstance(store, BoundedCounters):
            return
        # Under a key that was replaced, another process may have counted a moment ago.
        owners = [_owner(key, request_id) for request_id in ended for key in keys.keyring.client_keys]
        store.forget_owned({limit.key_for(owner, _PER_LINK) for owner in owners for limit in limits})

    return erase


def _ends_request(event: PendingEvent) -> bool:
    moved = transition_of(event)
    return moved is not None and moved[0] is ShareKind.REQUEST and moved[1] in FINAL_STATES


def install(app: Flask, settings: Settings) -> None:
    """Connect the limits to the store that the settings name."""
    app.config["RATELIMIT_STORAGE_URI"] = f"{SCHEME}://"
    app.config["RATELIMIT_STORAGE_OPTIONS"] = {"store": "" if settings.counts_in_memory else settings.rate_limit_store}
    app.config["RATELIMIT_STRATEGY"] = "fixed-window"
    _limiter.init_app(app)
