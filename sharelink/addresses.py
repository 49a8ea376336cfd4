"""What a web address says: its host, and whether only this machine can reach it."""

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Tell whether `host` (a name or an address) can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def host_of(url: str) -> str | None:
    """Return the host of `url`; None when it has none or is malformed in any way."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts.hostname


def is_web_address(url: str) -> bool:
    """Tell whether `url` is an http or https address with a host."""
    return url.startswith(("http://", "https://")) and bool(host_of(url))
