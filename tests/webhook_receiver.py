"""A real receiver of webhooks: an HTTP server on this machine that keeps what it was sent, and does as it is told."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    def is_signed_with(self, secret_text: str) -> bool:
        """Check the signature as the standard says, from the text of the secret that was shown."""
        key = base64.b64decode(secret_text.removeprefix("whsec_"))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        wanted = base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode()
        return f"v1,{wanted}" in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """What came, and how to answer: with these statuses one after the other, the last of them for ever."""

    url: str
    statuses: list[int] = field(default_factory=lambda: [204])
    delay_seconds: float = 0.0
    drip_seconds: float = 0.0
    location: str = ""
    received: list[Received] = field(default_factory=list)

    def next_status(self) -> int:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.receiver.received.append(Received(self.path, headers, body))
        time.sleep(self.receiver.delay_seconds)
        if self.receiver.drip_seconds:
            self._drip()
            return
        self.send_response(self.receiver.next_status())
        if self.receiver.location:
            self.send_header("Location", self.receiver.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_POST()

    def _drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        try:
            while True:
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(self.receiver.drip_seconds)
        except OSError:
            return


@contextmanager
def running_receiver(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Yield a receiver on a free port, with TLS if there is a context."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {}))
    server.daemon_threads = True
    scheme = "http"
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "https"
    receiver = Receiver(f"{scheme}://localhost:{server.server_port}/hook")
    server.RequestHandlerClass.receiver = receiver
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
