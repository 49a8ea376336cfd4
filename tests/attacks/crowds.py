"""A crowd of rude clients: some send a large form a few bytes or one at a time, others say nothing at all."""

import select
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

DRIP_SECONDS = 0.3


class Crowd:
    """Keeps that many connections to a port open, and comes back whenever the server ends one."""

    def __init__(self, port: int, *, slow: int, idle: int, request_head: bytes) -> None:
        self._port = port
        self._head = request_head
        self._slow = [self._new(request_head) for _ in range(slow)]
        self._idle = [self._new(b"") for _ in range(idle)]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._drip, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        for connection in (*self._slow, *self._idle):
            connection.close()

    def _new(self, said: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=20)
        connection.sendall(said)
        connection.setblocking(False)
        return connection

    def _drip(self) -> None:
        while not self._over.wait(DRIP_SECONDS):
            for connections, said in ((self._slow, self._head), (self._idle, b"")):
                ended, _writable, _broken = select.select(connections, [], [], 0)
                for connection in ended:
                    connection.close()
                    with suppress(OSError):
                        connections[connections.index(connection)] = self._new(said)
            for number, connection in enumerate(self._slow):
                with suppress(OSError):
                    connection.send(b"x" * (64 if number % 2 else 1))
