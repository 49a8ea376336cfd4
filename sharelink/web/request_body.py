"""Accepts only whole, honest form bodies, before any of it is believed.

Servers differ in what they pass on: measured, gunicorn hands a body that stops short of its Content-Length to the
application as if it were complete, and cuts a chunked body at the limit. Werkzeug keeps invalid UTF-8
as literal text, which would silently change a secret. So the body is read and checked here, once.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from flask import Flask, current_app, request

from sharelink.errors import SharelinkError

_FORM = "application/x-www-form-urlencoded"
_FORM_WITH_FILE = "multipart/form-data"
UPLOAD_MAX_BYTES = 1024 * 1024
"""The largest form with a file; what it is packed in counts, too. Servers take no larger body at all."""
_MAX_FIELDS = 60
_LISTS = frozenset({"roles", "groups", "purposes"})
"""Fields of which a form has as many as boxes are ticked."""
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class BodyTooLarge(SharelinkError):
    """More bytes than the largest form of ours can have."""

    code = "body_too_large"


class BodyBroken(SharelinkError):
    """Cut off, without a length, no form of ours, not UTF-8, or with a field twice. Nothing of it was used."""

    code = "body_broken"


View = TypeVar("View", bound=Callable[..., Any])


def takes_file(view: View) -> View:
    """Mark a view whose form may carry a file. No other takes one."""
    vars(view).update(takes_file=True)
    return view


def install(app: Flask, max_bytes: int) -> None:
    """Check the body of every request of `app`.

    Args:
        app: the application.
        max_bytes: the largest body in bytes, where none carries a file.

    Raises (inside requests):
        BodyTooLarge, BodyBroken: the request is refused; nothing was consumed or stored.
    """

    @app.before_request
    def read_whole_body() -> None:
        # Chunked bodies have no length to hold them to.
        if "Transfer-Encoding" in request.headers and "Content-Length" not in request.headers:
            raise BodyBroken("no length")
        if request.method in {"GET", "HEAD", "OPTIONS"}:
            if request.content_length:
                raise BodyBroken("a body where none belongs")
            return
        length = request.content_length
        if length is None:
            raise BodyBroken("no length")
        with_file = request.mimetype == _FORM_WITH_FILE and _may_carry_file()
        limit = max(max_bytes, UPLOAD_MAX_BYTES) if with_file else max_bytes
        if length > limit:
            raise BodyTooLarge("too large")
        request.max_content_length = limit
        body = _read_exactly(length)
        if length == 0:
            return
        if not with_file:
            if request.mimetype != _FORM:
                raise BodyBroken("not a form")
            _check_form(body)
        _refuse_doubles()


def _may_carry_file() -> bool:
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "takes_file", False) is True


def _read_exactly(length: int) -> bytes:
    try:
        body = request.get_data(cache=True, parse_form_data=False)
    except OSError as error:
        raise BodyBroken("cut off") from error
    if len(body) != length:
        raise BodyBroken("cut off")
    return body


def _refuse_doubles() -> None:
    if any(len(values) > 1 for name, values in request.form.lists() if name not in _LISTS):
        # Whichever of two texts were kept, nobody would know that it was not the other (ASVS 5.0, 15.3.7).
        raise BodyBroken("a field twice")


def _check_form(body: bytes) -> None:
    if body.count(b"&") >= _MAX_FIELDS or _BAD_ESCAPE.search(body):
        raise BodyBroken("not a form of ours")
    try:
        unquote_to_bytes(body).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BodyBroken("not UTF-8") from error
