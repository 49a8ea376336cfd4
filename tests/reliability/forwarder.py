"""A network between a node and PostgreSQL that the test can cut: before a COMMIT arrives, or after it was answered."""

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from sqlalchemy import URL, make_url

_COMMIT = b"COMMIT\0"
_CHUNK_BYTES = 65_536


class Cut(StrEnum):
    """Where a connection is cut."""

    BEFORE_COMMIT = "before the commit"
    """PostgreSQL never sees the COMMIT."""
    AFTER_COMMIT = "after the commit"
    """PostgreSQL commits, and nobody hears of it."""


@dataclass
class _Plan:
    cut: Cut
    commits_before: int
    is_silent: bool
    was_met: threading.Event = field(default_factory=threading.Event)


@dataclass
class _Link:
    """One connection through the forwarder."""

    node: socket.socket
    server: socket.socket
    is_lost: bool = False
    swallow: _Plan | None = None

    def end(self, plan: _Plan) -> None:
        """Cut it: both ends hear of it, or neither."""
        self.is_lost = True
        plan.was_met.set()
        if not plan.is_silent:
            self.close()

    def close(self) -> None:
        for end in (self.node, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Forwarder:
    """Passes everything on between its own TCP port and a PostgreSQL server, until it is told otherwise."""

    def __init__(self, database_url: str) -> None:
        self._target = make_url(database_url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._links: list[_Link] = []
        self._plan: _Plan | None = None
        self._is_closed = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._is_closed = True
        # Closing alone does not wake the thread that waits in accept.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in self._links:
            link.close()
            link.node.close()
            link.server.close()

    @property
    def url(self) -> URL:
        """Return the database's address through this forwarder."""
        port = self._listener.getsockname()[1]
        return self._target.set(host="127.0.0.1", port=port).difference_update_query(["host", "port"])

    def cut_next(self, cut: Cut, *, commits_before: int = 0, silent: bool = False) -> threading.Event:
        """Lose the connection at a COMMIT to come, after letting `commits_before` pass; return what is set then.

        A silent loss is one of which neither end hears: packets go nowhere.
        """
        self._plan = _Plan(cut, commits_before, silent)
        return self._plan.was_met

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._is_closed:
                node, _address = self._listener.accept()
                link = _Link(node, self._connected())
                self._links.append(link)
                for pump in (self._to_server, self._to_node):
                    threading.Thread(target=pump, args=(link,), daemon=True).start()

    def _connected(self) -> socket.socket:
        folder = self._target.query.get("host")
        if isinstance(folder, str):
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(f"{folder}/.s.PGSQL.{self._target.query.get('port', 5432)}")
            return connection
        return socket.create_connection((self._target.host or "127.0.0.1", self._target.port or 5432))

    def _to_server(self, link: _Link) -> None:
        with suppress(OSError):
            while sent := link.node.recv(_CHUNK_BYTES):
                if link.is_lost or (_COMMIT in sent and self._loses(link)):
                    continue
                link.server.sendall(sent)
        if not link.is_lost:
            link.close()

    def _loses(self, link: _Link) -> bool:
        """Take note of a COMMIT; tell whether it must not arrive."""
        plan = self._plan
        if plan is None:
            return False
        if plan.commits_before:
            plan.commits_before -= 1
            return False
        self._plan = None
        if plan.cut is Cut.AFTER_COMMIT:
            link.swallow = plan
            return False
        link.end(plan)
        return True

    def _to_node(self, link: _Link) -> None:
        with suppress(OSError):
            while said := link.server.recv(_CHUNK_BYTES):
                if link.swallow is not None and not link.is_lost:
                    link.end(link.swallow)
                if not link.is_lost:
                    link.node.sendall(said)
        if not link.is_lost:
            link.close()
