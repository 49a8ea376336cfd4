"""Which client is it? A keyed hash of its network, different for every share, so that it says nothing elsewhere."""

import hmac

from sharelink.client_networks import client_network


def client_digest(client_key: bytes, share_id: bytes, ip: str | None) -> bytes:
    """Return what a share's rows call the client at `ip`."""
    return hmac.digest(client_key, b"sharelink/v1/client\0" + share_id + client_network(ip).encode("ascii"), "sha256")
