"""Where webhooks may go: https, to addresses of the public internet, unless the settings allow more.

A name is resolved once and the connection goes to the address that was looked at: a name that changes its answer in
between (DNS rebinding) gains nothing.
"""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from sharelink.addresses import host_of

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_EMBEDDING = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
"""NAT64: the last 32 bits are an IPv4 address that a gateway would go to."""

_SHARED = ipaddress.IPv4Network("100.64.0.0/10")


class AddressRefused(Exception):
    """A webhook must not go there; `code` says why in one word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Destination:
    """A web address taken apart: what is asked for, from which host and port."""

    is_https: bool
    host: str
    port: int
    target: str

    @property
    def host_header(self) -> str:
        """The host as requests name it: with the port where it is not the usual one, and brackets around IPv6."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return shown if self.port == (443 if self.is_https else 80) else f"{shown}:{self.port}"


def destination_of(url: str, *, allow_private: bool) -> Destination:
    """Take a web address apart; resolves nothing.

    Args:
        url: an absolute address.
        allow_private: whether plain http and hosts of this machine or network may be named.

    Raises:
        AddressRefused: it is no web address, has a user or password, a fragment, or is plain http without leave.
    """
    if not url.isascii() or any(character <= " " or character in '\\"<>' for character in url):
        raise AddressRefused("no_address")
    host = host_of(url)
    if host is None or not url.startswith(("https://", "http://")):
        raise AddressRefused("no_address")
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise AddressRefused("no_address")
    is_https = parts.scheme == "https"
    if not is_https and not allow_private:
        raise AddressRefused("not_https")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    destination = Destination(is_https, host, parts.port or (443 if is_https else 80), target)
    literal = _literal(host)
    if literal is not None and not allow_private and not is_public(literal):
        raise AddressRefused("private_address")
    return destination


def resolved(destination: Destination, *, allow_private: bool) -> IpAddress:
    """Return the one address to connect to.

    Raises:
        AddressRefused: one of the addresses of this name is not of the public internet, and that is not allowed.
        OSError: the name cannot be resolved.
    """
    found = socket.getaddrinfo(destination.host, destination.port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    # A name with one public and one private address is a trick, not a host.
    if not allow_private and not all(is_public(address) for address in addresses):
        raise AddressRefused("private_address")
    return addresses[0]


def is_public(address: IpAddress) -> bool:
    """Tell whether `address` is one of the public internet, also by what it may embed."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and any(address in network for network in _EMBEDDING):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    elif address in _SHARED:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _literal(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
