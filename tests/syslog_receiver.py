"""Real receivers of syslog: UDP, TCP with octet counting (RFC 6587) and a Unix socket; messages parsed by RFC 5424.

The parser follows the grammar of section 6 of the RFC and knows nothing of who sends.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = rb"[!#-<>-\\^-~]{1,32}"
_VALUE = rb'"(?:[^"\\\]]|\\.)*"'
_PARAMETER = re.compile(rb" (" + _NAME + rb")=(" + _VALUE + rb")", re.DOTALL)
_HEADER = re.compile(
    rb"<(0|[1-9]\d{0,2})>1 "
    rb"(-|\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-]\d{2}:\d{2})) "
    rb"([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) "
)
_ELEMENT = re.compile(rb"\[(" + _NAME + rb")((?: " + _NAME + rb"=" + _VALUE + rb")*)\]", re.DOTALL)


@dataclass(frozen=True)
class SyslogMessage:
    """One message, taken apart."""

    facility: int
    severity: int
    timestamp: str
    hostname: str
    app_name: str
    message_id: str
    elements: dict[str, dict[str, str]]
    text: bytes

    @classmethod
    def parse(cls, raw: bytes) -> SyslogMessage:
        header = _HEADER.match(raw)
        assert header is not None, raw
        priority = int(header[1])
        assert priority <= 191
        rest, elements = raw[header.end() :], {}
        if rest.startswith(b"-"):
            rest = rest[1:]
        while element := _ELEMENT.match(rest):
            pairs = _PARAMETER.findall(element[2])
            elements[element[1].decode()] = {
                name.decode(): re.sub(rb"\\([\"\\\]])", rb"\1", value[1:-1]).decode() for name, value in pairs
            }
            rest = rest[element.end() :]
        assert not rest or rest.startswith(b" "), raw
        text = rest[1:]
        if text.startswith(b"\xef\xbb\xbf"):
            text = text[3:]
            text.decode("utf-8")
        else:
            assert text.isascii(), "a text that is not ASCII begins with a mark"
        return cls(
            priority // 8,
            priority % 8,
            header[2].decode(),
            header[3].decode(),
            header[4].decode(),
            header[6].decode(),
            elements,
            text,
        )


@dataclass
class SyslogReceiver:
    """What came, by one way."""

    address: str
    messages: list[SyslogMessage] = field(default_factory=list)

    def wait_for(self, count: int) -> list[SyslogMessage]:
        """Return all messages once there are so many; datagrams are on their way for a moment."""
        until = time.monotonic() + 5
        while len(self.messages) < count and time.monotonic() < until:
            time.sleep(0.01)
        return list(self.messages)

    def take(self, raw: bytes) -> None:
        self.messages.append(SyslogMessage.parse(raw))


def _datagrams(listening: socket.socket, receiver: SyslogReceiver) -> None:
    with suppress(OSError):
        while True:
            raw = listening.recv(70_000)
            if not raw:
                return
            receiver.take(raw)


def _streams(listening: socket.socket, receiver: SyslogReceiver) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            with connection, connection.makefile("rb") as stream:
                while length := _length(stream):
                    receiver.take(stream.read(length))


def _length(stream) -> int:  # type: ignore[no-untyped-def]
    digits = b""
    while (byte := stream.read(1)) not in {b" ", b""}:
        digits += byte
    return int(digits) if digits else 0


@contextmanager
def running_syslog(kind: str, directory: Path, port: int = 0) -> Iterator[SyslogReceiver]:
    """Yield a receiver: `udp`, `tcp` or `unix`."""
    if kind == "unix":
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listening.bind(str(directory / "log"))
        receiver = SyslogReceiver(f"syslog+unix://{directory}/log")
    else:
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        scheme = "syslog" if kind == "udp" else "syslog+tcp"
        receiver = SyslogReceiver(f"{scheme}://127.0.0.1:{listening.getsockname()[1]}")
    if kind == "tcp":
        listening.listen()
    run = _streams if kind == "tcp" else _datagrams
    thread = threading.Thread(target=run, args=(listening, receiver), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(2)
