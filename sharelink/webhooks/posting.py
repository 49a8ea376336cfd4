"""One POST to a foreign server: to the address that was looked at, without redirects, with little patience."""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from sharelink.webhooks.addresses import AddressRefused, Destination, IpAddress, destination_of, resolved

TIMEOUT_SECONDS = 10.0
"""How long one read or write may take."""

PATIENCE_SECONDS = 20.0
"""How long all of it may take: a receiver that answers byte by byte must not keep a worker."""

ANSWER_MAX_BYTES = 64 * 1024


class PostFailed(Exception):
    """There was no answer; `code` says why in one word, and `is_final` that trying again is of no use."""

    def __init__(self, code: str, *, is_final: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class PostAnswer:
    """What a server answered; of a long body only the beginning."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Poster:
    """Posts to addresses. `allow_private`: also to this machine and network, and by plain http."""

    allow_private: bool
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    timeout_seconds: float = TIMEOUT_SECONDS
    patience_seconds: float = PATIENCE_SECONDS

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> PostAnswer:
        """Post `body` to `url`; return whatever status is answered.

        Raises:
            PostFailed: nothing was answered, or it must not go there.
        """
        try:
            destination = destination_of(url, allow_private=self.allow_private)
            address = resolved(destination, allow_private=self.allow_private)
            return self._post(destination, address, body, headers)
        except AddressRefused as refused:
            raise PostFailed(refused.code, is_final=True) from None
        except ssl.SSLError:
            raise PostFailed("tls") from None
        except TimeoutError:
            raise PostFailed("timeout") from None
        except socket.gaierror:
            raise PostFailed("unknown_host") from None
        except OSError:
            raise PostFailed("unreachable") from None
        except (http.client.HTTPException, ValueError):
            raise PostFailed("no_http") from None

    def _post(
        self, destination: Destination, address: IpAddress, body: bytes, headers: Mapping[str, str]
    ) -> PostAnswer:
        all_headers = {"Host": destination.host_header, "Connection": "close", **headers}
        with self._connected(destination, address) as connection, _cut_off(connection, self.patience_seconds):
            http_connection = http.client.HTTPConnection(destination.host, destination.port)
            http_connection.sock = connection
            http_connection.request("POST", destination.target, body, all_headers)
            response = http_connection.getresponse()
            answer = response.read(ANSWER_MAX_BYTES)
            return PostAnswer(response.status, response.headers.get("Content-Type", ""), answer)

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
