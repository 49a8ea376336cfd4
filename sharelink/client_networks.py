"""Which network a client counts as, wherever tries are counted per client."""

import ipaddress

IPV6_PREFIX_BITS = 64
"""A household or a host has a whole /64: counting single addresses would count nothing."""


def client_network(ip: str | None) -> str:
    """Return the network by which a client is counted: the IPv4 address, or the IPv6 /64."""
    try:
        address = ipaddress.ip_address(_without_port(ip or "").split("%", 1)[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, IPV6_PREFIX_BITS), strict=False))
    return str(address)


def _without_port(text: str) -> str:
    """Return the address alone: some proxies name the port, too, and all their clients would count as one."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
