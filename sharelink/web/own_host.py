"""Answers only to the service's own name: a request for any other host is refused with one page that repeats nothing.

A browser can be led here under a foreign name (DNS rebinding), and a cache or proxy can be made to keep what belongs to
another name. Links and redirects never depend on the Host header, and what does not come for the base URL has no
business here (RFC 9110, section 7.4; ASVS 5.0, 4.1.3).
"""

from urllib.parse import urlsplit

from flask import Flask, request

from sharelink.addresses import is_loopback
from sharelink.errors import SharelinkError

_FOR_ALL = frozenset({"health.alive", "health.ready", "static"})
"""What holds no link and depends on no host: load balancers ask for health by address, and the refusal's own page
asks for its style sheets."""
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Misdirected(SharelinkError):
    """The request was meant for another host, or did not say for which."""

    code = "misdirected"


def install(app: Flask, base_url: str) -> None:
    """Refuse every request of `app` whose Host is not the one of `base_url`; health and style sheets are let through.

    A base URL of this machine may be reached by any name and port of this machine.

    Raises (inside requests):
        Misdirected: the request is for another host.
    """
    parts = urlsplit(base_url)
    own, scheme = _host_and_port(parts.netloc, parts.scheme), parts.scheme
    stays_here = is_loopback(parts.hostname or "")

    @app.before_request
    def refuse_other_hosts() -> None:
        if request.endpoint in _FOR_ALL:
            return
        asked = _host_and_port(request.environ.get("HTTP_HOST", ""), scheme)
        if asked is None or (asked != own and not (stays_here and is_loopback(asked[0]))):
            raise Misdirected("another host")


def _host_and_port(text: str, scheme: str) -> tuple[str, int] | None:
    """Return what a Host header names; None if it names nothing, or more than a host and a port."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.netloc != text or "@" in text or not text.isascii() or any(sign.isspace() for sign in text):
        return None
    return host.removesuffix("."), _DEFAULT_PORTS[scheme] if port is None else port
