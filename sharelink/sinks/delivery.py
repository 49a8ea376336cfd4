"""Sending to a sink, with little patience. Syslog has no receipt: what is sent was taken by the network, no more."""

import errno
import os
import socket
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from sharelink.settings_witnessing import SinkAddress, SinkKind
from sharelink.sinks.lines import SentLeaf, json_line, syslog_message, syslog_probe

TIMEOUT_SECONDS = 10.0
_GOODBYE_SECONDS = 2.0
_DATAGRAM_MAX = 65_000
"""A datagram can hold no more. The hash of a leaf that is longer goes alone."""


class SinkFailed(Exception):
    """Nothing could be sent; `code` says why in one word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def send_leaves(address: SinkAddress, hostname: str, leaves: Sequence[SentLeaf]) -> None:
    """Send leaves in their order; all of them, or it fails and some may be sent again.

    Raises:
        SinkFailed: the sink did not take them.
    """
    if address.kind is SinkKind.FILE:
        _send(address, [json_line(leaf) for leaf in leaves])
    else:
        _send(address, [syslog_message(leaf, hostname) for leaf in leaves])


def probe(address: SinkAddress, hostname: str, now: datetime) -> None:
    """Try a sink: a syslog server gets a message, a file is opened for appending.

    Raises:
        SinkFailed: it cannot be written.
    """
    _send(address, [] if address.kind is SinkKind.FILE else [syslog_probe(hostname, now)])


def _send(address: SinkAddress, messages: Sequence[bytes]) -> None:
    try:
        match address.kind:
            case SinkKind.FILE:
                _append(address.path, b"".join(messages))
            case SinkKind.TCP:
                _stream(address, messages)
            case SinkKind.UDP | SinkKind.UNIX:
                _datagrams(address, messages)
    except TimeoutError:
        raise SinkFailed("timeout") from None
    except socket.gaierror:
        raise SinkFailed("unknown_host") from None
    except OSError as error:
        raise SinkFailed(errno.errorcode.get(error.errno or 0, "unreachable").lower()) from None


def _append(path: Path, lines: bytes) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            # A full disk or a crash cut the last line off; it is written once more, below.
            lines = b"\n" + lines
        view = memoryview(lines)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stream(address: SinkAddress, messages: Sequence[bytes]) -> None:
    # RFC 6587, octet counting: a message may hold anything.
    framed = b"".join(str(len(message)).encode("ascii") + b" " + message for message in messages)
    with closing(socket.create_connection((address.host, address.port), timeout=TIMEOUT_SECONDS)) as connection:
        connection.sendall(framed)
        # A receiver that has read to the end closes, too; a reset before that says that it has not.
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(_GOODBYE_SECONDS)
        try:
            while connection.recv(4096):
                pass
        except TimeoutError:
            return


def _datagrams(address: SinkAddress, messages: Sequence[bytes]) -> None:
    with closing(_datagram_socket(address)) as connection:
        connection.settimeout(TIMEOUT_SECONDS)
        for message in messages:
            connection.send(message if len(message) <= _DATAGRAM_MAX else message[: message.index(b"] ") + 1])
        # What the last message met, where the network tells it at once.
        if code := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(code, os.strerror(code))


def _datagram_socket(address: SinkAddress) -> socket.socket:
    found: tuple[int, str | tuple[Any, ...]] = (socket.AF_UNIX, str(address.path))
    if address.kind is SinkKind.UDP:
        family, _, _, _, place = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)[0]
        found = (family, place)
    connection = socket.socket(found[0], socket.SOCK_DGRAM)
    try:
        connection.connect(found[1])
    except BaseException:
        connection.close()
        raise
    return connection
