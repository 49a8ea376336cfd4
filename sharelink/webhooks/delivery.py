"""Sending one webhook: one POST, to the address that was looked at, without redirects, with little patience."""

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from sharelink.crypto.webhook_secrets import webhook_signature
from sharelink.webhooks.addresses import AddressRefused, Destination, IpAddress, destination_of, resolved

TIMEOUT_SECONDS = 10.0
"""How long one read or write may take."""

PATIENCE_SECONDS = 20.0
"""How long all of it may take: a receiver that answers byte by byte must not keep a worker."""

_ANSWER_MAX_BYTES = 64 * 1024
_GONE = 410


class WebhookFailed(Exception):
    """It did not arrive; `code` says why in one word, and `is_final` that trying again is of no use."""

    def __init__(self, code: str, *, is_final: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """What is told: ids and times. Whoever wants more asks this service, which then knows who asked.

    `id` is the same for every try, so that a receiver sees repeats.
    """

    id: str
    type: str
    at: datetime
    references: Mapping[str, object]

    @property
    def body(self) -> bytes:
        """The exact bytes that are signed and sent."""
        content = {"type": self.type, "timestamp": self.at.isoformat(), "data": dict(self.references)}
        return json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode("ascii")


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """Sends messages to endpoints. `allow_private`: also to this machine and network, and by plain http."""

    allow_private: bool
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    timeout_seconds: float = TIMEOUT_SECONDS
    patience_seconds: float = PATIENCE_SECONDS

    def send(self, url: str, secret: bytes, message: WebhookMessage, now: datetime) -> None:
        """Post `message` to `url`, signed with `secret`; return when the receiver has answered 2xx.

        Raises:
            WebhookFailed: it did not arrive, was refused, or must not go there.
        """
        try:
            destination = destination_of(url, allow_private=self.allow_private)
            address = resolved(destination, allow_private=self.allow_private)
            status = self._post(destination, address, secret, message, now)
        except AddressRefused as refused:
            raise WebhookFailed(refused.code, is_final=True) from None
        except ssl.SSLError:
            raise WebhookFailed("tls") from None
        except TimeoutError:
            raise WebhookFailed("timeout") from None
        except socket.gaierror:
            raise WebhookFailed("unknown_host") from None
        except OSError:
            raise WebhookFailed("unreachable") from None
        except (http.client.HTTPException, ValueError):
            raise WebhookFailed("no_http") from None
        if not 200 <= status < 300:
            raise WebhookFailed(f"http_{status}", is_final=status == _GONE)

    def _post(
        self, destination: Destination, address: IpAddress, secret: bytes, message: WebhookMessage, now: datetime
    ) -> int:
        body, at = message.body, int(now.timestamp())
        headers = {
            "Host": destination.host_header,
            "Content-Type": "application/json",
            "User-Agent": "Sharelink-Webhooks/1",
            "Connection": "close",
            "webhook-id": message.id,
            "webhook-timestamp": str(at),
            "webhook-signature": webhook_signature(secret, message.id, at, body),
        }
        with self._connected(destination, address) as connection, _cut_off(connection, self.patience_seconds):
            http_connection = http.client.HTTPConnection(destination.host, destination.port)
            http_connection.sock = connection
            http_connection.request("POST", destination.target, body, headers)
            response = http_connection.getresponse()
            # The status is all that counts; what else is said is not read at length.
            response.read(_ANSWER_MAX_BYTES)
            return response.status

    def _connected(self, destination: Destination, address: IpAddress) -> socket.socket:
        plain = socket.create_connection((str(address), destination.port), timeout=self.timeout_seconds)
        if not destination.is_https:
            return plain
        try:
            return self.tls.wrap_socket(plain, server_hostname=destination.host)
        except BaseException:
            plain.close()
            raise


@contextmanager
def _cut_off(connection: socket.socket, seconds: float) -> Iterator[None]:
    def cut() -> None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
