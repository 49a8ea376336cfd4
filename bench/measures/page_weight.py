"""What a recipient's browser loads at the first visit: the page and everything that it names, headers included."""

import gzip
import re
import socket
from collections.abc import Iterator

from bench.figures import Figure, Spread
from bench.subjects import sharelink_on_sqlite
from bench.workshop import Workshop

_NAMED = re.compile(r'(?:href|src)="(/static/[^"#]+)')
_KILOBYTE = 1000
_NAME = "transferred for the recipient's page, first visit"


def measure(workshop: Workshop) -> Iterator[Figure]:
    """Yield the bytes on the wire for a browser that has been here never before."""
    with sharelink_on_sqlite(workshop.place()) as place:
        port = place.serve("Sharelink").server.port
        page = _transferred(port, "/s/token")
        head, _, body = page.partition(b"\r\n\r\n")
        text = gzip.decompress(body) if b"Content-Encoding: gzip" in head else body
        files = sorted(set(_NAMED.findall(text.decode())))
        total = len(page) + sum(len(_transferred(port, path)) for path in files)
        yield Figure(_NAME, Spread.of([total / _KILOBYTE]), "KB", 60.0, 35.0, digits=1)


def _transferred(port: int, path: str) -> bytes:
    """Return an answer as it comes over the wire to a browser."""
    asked = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip, deflate, br\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(asked.encode("ascii"))
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)
