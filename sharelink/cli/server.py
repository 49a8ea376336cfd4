"""The built-in server: waitress in one process, tuned to survive slow, idle and broken clients."""

import ctypes
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Any, cast

import click
from flask import Flask
from waitress.server import BaseWSGIServer, create_server

from sharelink.cli.connections import MOST_CONNECTIONS, Connection
from sharelink.jobs.worker import Worker
from sharelink.settings import Settings
from sharelink.web.wiring import EXTENSION, Wiring

THREADS = 16
_M_ARENA_MAX = -8
"""mallopt(3), as glibc numbers it."""
IDLE_SECONDS = 9
"""A connection without progress ends then: 150 idle ones must not keep honest people out."""
CLEANUP_SECONDS = 2
IN_MEMORY_BYTES = 16 * 1024 * 1024
"""Larger bodies would go to temporary files, in clear: no body comes near it."""
REFUSED_AT_ONCE_BYTES = 1024 * 1024
"""A longer body gets waitress's bare 413. Shorter ones reach the application, whose refusal a person can read."""


def waitress_options(settings: Settings) -> dict[str, Any]:
    """Return the options of waitress for `settings`."""
    behind_proxy = settings.trusted_proxy_hops > 0
    return {
        "asyncore_use_poll": True,
        "threads": THREADS,
        "connection_limit": MOST_CONNECTIONS,
        "channel_timeout": IDLE_SECONDS,
        "cleanup_interval": CLEANUP_SECONDS,
        "inbuf_overflow": IN_MEMORY_BYTES,
        "outbuf_overflow": IN_MEMORY_BYTES,
        "max_request_body_size": max(REFUSED_AT_ONCE_BYTES, settings.request_max_bytes),
        "max_request_header_size": 32 * 1024,
        # Behind a proxy the application itself counts the hops that it trusts.
        "clear_untrusted_proxy_headers": not behind_proxy,
        "ident": "",
        "expose_tracebacks": False,
    }


def serve_until_told(
    app: Flask, settings: Settings, *, with_worker: bool, announce: Callable[[str], None], listener: socket.socket
) -> None:
    """Answer requests on `listener` until SIGTERM or SIGINT, then finish what is in hand.

    Args:
        app: the application.
        settings: its settings.
        with_worker: whether a thread of this process does the background work too.
        announce: called with the address once connections are taken.
        listener: a bound socket; see `bound_socket`.
    """
    share_one_arena()
    # One socket, hence one server and not a set of them.
    server = cast(BaseWSGIServer, create_server(app, sockets=[listener], **waitress_options(settings)))
    server.channel_class = Connection.served(https=settings.https)
    host, port = listener.getsockname()[:2]
    with _worker_thread(app, settings) if with_worker else nullcontext(), _signals_end_the_loop():
        announce(f"http://{f'[{host}]' if ':' in host else host}:{port}")
        # waitress ends its loop on SystemExit, and gives requests in hand some seconds.
        server.run()
    server.close()


def share_one_arena() -> None:
    """Let all threads take memory from one place, before there are threads; without glibc nothing happens.

    glibc gives each thread a place of its own, where memory that is free is of no use to the others: 6 MiB here. Python
    lets one of them run at a time, so they seldom meet there.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens on `host` and `port`; port 0 takes a free one.

    Raises:
        click.ClickException: the address is taken or not ours.
    """
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        raise click.ClickException(
            f"Nothing can listen on {host}, port {port}: {error.strerror or 'no such address'}.\n"
            f"If another Sharelink runs there, use that one. Else choose another port: SHARELINK_PORT={port + 1}"
        ) from None
    return listener


@contextmanager
def _worker_thread(app: Flask, settings: Settings) -> Iterator[None]:
    wiring: Wiring = app.extensions[EXTENSION]
    on_failure = None if wiring.counters is None else wiring.counters.task_failed
    worker = Worker(app, wiring.unit_of_work, settings, on_failure=on_failure)
    thread = threading.Thread(target=worker.run, name="worker")
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join()


@contextmanager
def _signals_end_the_loop() -> Iterator[None]:
    def end(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
