"""Log lines to standard error that can be shown to anybody: no link, key, code, cookie, query or request body.

A flood of equal lines is counted (`repeated_lines`), so that no stranger can fill the disk. Against secrets there are
three nets, one behind the other: nothing in Sharelink logs what a person typed; exceptions are written without local
variables and without messages that others composed; and every text is searched for what looks like a link or a key.
"""

import logging
import re
import sqlite3
import sys
import time
import traceback
import uuid
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from types import TracebackType
from typing import Any

import structlog
from flask import Flask, Response, g, request
from sqlalchemy.exc import DBAPIError

from sharelink.errors import SharelinkError
from sharelink.repeated_lines import RepeatedLines
from sharelink.settings import LogFormat, LogLevel

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None]

_QUIET_ENDPOINTS = frozenset({"static", "health.alive", "health.ready", "metrics.exposed"})
REQUEST_ID_HEADER = "X-Request-ID"
_REQUEST_ID = re.compile(r"[0-9a-f]{16}|[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")
"""Ours, and those that proxies make: 32 hexadecimal digits, or a UUID."""
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
_access = structlog.get_logger("sharelink.access")

_FOREIGN_LEVELS = {
    # What these write at lower levels repeats addresses or statements on every request.
    "alembic": logging.WARNING,
    "flask-limiter": logging.ERROR,
    "sqlalchemy": logging.WARNING,
    "urllib3": logging.ERROR,
    "waitress": logging.WARNING,
    "werkzeug": logging.WARNING,
}

_SECRET_FIELDS = frozenset(
    {
        *("access_code", "authorization", "body", "cookie", "cookies", "csrf_token", "form", "headers"),
        *("link", "link_key", "password", "secret", "text", "token"),
    }
)
_REMOVED = "[removed]"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # The whole header line, in any spelling in which a library may print it.
    (re.compile(r"((?:set-)?cookie|authorization)(['\"]?\s*[:=,]\s*)[^\r\n]*", re.IGNORECASE), rf"\1\2{_REMOVED}"),
    (re.compile(r"(session=)[^\s;,'\"]+", re.IGNORECASE), rf"\1{_REMOVED}"),
    # Link tokens, and set-up and other keys that stand in a path.
    (re.compile(r"(/(?:s|r|retrieve|set-up)/)[^/\s?#'\"<>]+"), rf"\1{_REMOVED}"),
    (re.compile(r"(#)[A-Za-z0-9_\-%]{16,}"), rf"\1{_REMOVED}"),
    (re.compile(r"(\?)[^\s'\"<>#]*=[^\s'\"<>#]*"), rf"\1{_REMOVED}"),
    # Anything long and random: keys, tokens and session ids in base64url or hex. Lower-case names with underscores
    # are left, so that the names of functions stay readable.
    (re.compile(r"(?<![A-Za-z0-9_\-])(?=[a-z_\-]*[A-Z0-9])[A-Za-z0-9_\-]{32,}"), _REMOVED),
)


def redact(text: str) -> str:
    """Return `text` without what could open, submit or sign in."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _redacted(value: object) -> object:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {
            redact(str(key)): _REMOVED if str(key).lower() in _SECRET_FIELDS else _redacted(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


def redact_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog processor: redact every value of a line, and drop fields that never belong in one."""
    return {
        key: value
        if key == "request_id" and _is_request_id(value)
        else (_REMOVED if key.lower() in _SECRET_FIELDS else _redacted(value))
        for key, value in event.items()
    }


def _is_request_id(value: object) -> bool:
    return isinstance(value, str) and _REQUEST_ID.fullmatch(value) is not None


def format_exception(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog processor: replace `exc_info` by text that holds places and kinds of errors, not values."""
    found = event.pop("exc_info", None)
    info = sys.exc_info() if found is True else found
    error = info if isinstance(info, BaseException) else info[1] if isinstance(info, tuple) else None
    if error is not None:
        event["exception"] = "\n".join(exception_lines(error))
    return event


def exception_lines(error: BaseException) -> Iterator[str]:
    """Yield what may be written about `error` and its causes, the first cause first.

    Messages of others are left out: they quote what they could not digest, and that may be a secret.
    """
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from exception_lines(cause)
        yield "which led to:"
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"  {frame.filename}:{frame.lineno} in {frame.name}"
    yield f"{type(error).__module__}.{type(error).__qualname__}{_harmless_detail(error)}"


def _harmless_detail(error: BaseException) -> str:
    if isinstance(error, SharelinkError):
        return f": {error}"
    if isinstance(error, DBAPIError | sqlite3.Error):
        original = error.orig if isinstance(error, DBAPIError) else error
        state = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None)
        return f" ({type(original).__name__}, {state})"
    if isinstance(error, OSError) and error.strerror:
        return f": {error.strerror}"
    return ""


class _StandardError(logging.StreamHandler[Any]):
    """Writes to whatever standard error is at the moment of writing; equal lines only so often."""

    def __init__(self) -> None:
        super().__init__()
        self._repeated = RepeatedLines()

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        for kept in self._repeated.admit(record):
            super().emit(kept)

    def close(self) -> None:
        """Tell what was left out last; called when the process ends."""
        self.stream = sys.stderr
        for kept in self._repeated.rest():
            super().emit(kept)
        super().close()


def configure_logging(log_format: LogFormat, log_level: LogLevel) -> None:
    """Send every log line of this process, ours and others', through the nets to standard error.

    May be called again: the last call counts.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = _StandardError()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                format_exception,
                redact_event,
                *_renderers(log_format),
            ],
        )
    )
    root = logging.getLogger()
    for old in [found for found in root.handlers if isinstance(found, _StandardError)]:
        root.removeHandler(old)
    root.addHandler(handler)
    level = logging.getLevelNamesMapping()[log_level.upper()]
    root.setLevel(level)
    for name, least in _FOREIGN_LEVELS.items():
        logging.getLogger(name).setLevel(max(level, least))
    sys.excepthook = _log_uncaught


def _renderers(log_format: LogFormat) -> Sequence[structlog.typing.Processor]:
    if log_format is LogFormat.JSON:
        return [structlog.processors.JSONRenderer(sort_keys=True)]
    return [structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)]


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger("sharelink").critical("stopped by an error", exc_info=(kind, error, trace))


def current_request_id() -> str | None:
    """Return the id of the request in hand: random, made of nothing that the request holds."""
    found: str | None = g.get("request_id")
    return found


def install(app: Flask, *, trusts_proxy: bool) -> None:
    """Give every request of `app` an id that all its lines and its answer carry, and log one line when it is answered.

    Args:
        app: the application.
        trusts_proxy: whether the id may come from a proxy in front, which is trusted to set the header itself.
    """

    @app.before_request
    def begin_request() -> None:
        g.began_at = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        given = request.headers.get(REQUEST_ID_HEADER) if trusts_proxy else None
        # Only by its shape: a proxy that passes on what a client sends could hand over anything.
        g.request_id = given if _is_request_id(given) else uuid.uuid4().hex[:16]
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def log_request(response: Response) -> Response:
        response.headers[REQUEST_ID_HEADER] = g.request_id
        quiet = request.endpoint in _QUIET_ENDPOINTS
        _access.log(
            logging.DEBUG if quiet else logging.INFO,
            "request",
            method=request.method if request.method in _METHODS else "other",
            # The rule, not the path: a path holds the link's token.
            route=request.url_rule.rule if request.url_rule is not None else "none",
            status=response.status_code,
            ms=round((time.perf_counter() - g.get("began_at", time.perf_counter())) * 1000, 1),
        )
        return response
