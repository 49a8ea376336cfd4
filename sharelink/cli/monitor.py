"""Where `sharelink worker`, which serves nobody, answers monitors: health, readiness and figures, and nothing else."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from flask import Flask
from waitress.server import BaseWSGIServer, create_server

from sharelink.cli.server import waitress_options
from sharelink.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
THREADS = 2
CONNECTIONS = 20


@contextmanager
def answering_monitors(
    app: Flask, settings: Settings, listener: socket.socket, is_turning: Callable[[], bool]
) -> Iterator[None]:
    """Answer monitors on `listener` while the block runs.

    Args:
        app: the worker's application.
        settings: its settings.
        listener: a bound socket.
        is_turning: whether the worker's loop goes round; when it does not, the process is not alive.
    """

    def only_for_monitors(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path not in PATHS:
            return _bare(start_response, "404 Not Found")
        if path == "/healthz" and not is_turning():
            return _bare(start_response, "503 Service Unavailable")
        return app(environ, start_response)

    options = waitress_options(settings) | {"threads": THREADS, "connection_limit": CONNECTIONS}
    server = cast(BaseWSGIServer, create_server(only_for_monitors, sockets=[listener], **options))
    # Nothing of it must be finished when the worker ends.
    threading.Thread(target=server.run, name="monitors", daemon=True).start()
    try:
        yield
    finally:
        server.close()


def _bare(start_response: "StartResponse", status: str) -> list[bytes]:
    start_response(status, [("Content-Type", "text/plain"), ("Cache-Control", "no-store"), ("Content-Length", "0")])
    return [b""]
