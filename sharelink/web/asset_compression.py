"""Sends style sheets, scripts and icons compressed: a recipient on a phone waits for a third of the bytes.

Only files under /static, which are the same for everybody. Pages are never compressed: beside a secret or a form's
token, the length of a compressed page would tell about both (the attack known as BREACH).
"""

import gzip
from functools import lru_cache

from flask import Flask, Response, request

_KINDS = frozenset({"text/css", "text/javascript", "application/javascript", "image/svg+xml"})
_FILES_KEPT = 64


def install(app: Flask) -> None:
    """Compress the static files of `app` for every client that says it can read that."""

    @app.after_request
    def compress_asset(response: Response) -> Response:
        if request.endpoint != "static" or response.status_code != 200 or response.mimetype not in _KINDS:
            return response
        response.vary.add("Accept-Encoding")
        if request.accept_encodings["gzip"] > 0:
            response.direct_passthrough = False
            response.set_data(_compressed(response.get_data()))
            response.headers["Content-Encoding"] = "gzip"
            # Another form of the file needs another tag; weak, as it stands for the same content.
            response.set_etag(response.get_etag()[0] or "", weak=True)
        return response


@lru_cache(maxsize=_FILES_KEPT)
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
