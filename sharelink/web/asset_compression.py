"""Sends what is the same for everybody compressed: a recipient on a phone waits for a third of the bytes.

These are the files under /static and the first pages of links. No other page is ever compressed: beside a secret or a
form's token, its length would tell about both (the attack known as BREACH).
"""

import gzip
from functools import lru_cache

from flask import Flask, Response, request

from sharelink.web.responses import is_for_everybody

_KINDS = frozenset({"text/css", "text/javascript", "application/javascript", "image/svg+xml"})
_FILES_KEPT = 64
_SAYS_NOTHING = ("Accept-Ranges", "Content-Disposition", "Expires")
"""What comes with every file by itself: Cache-Control says the same, and no part of a packed file can be asked for."""


def install(app: Flask) -> None:
    """Compress the static files of `app` for every client that says it can read that."""

    @app.after_request
    def compress_asset(response: Response) -> Response:
        is_asset = request.endpoint == "static" and response.mimetype in _KINDS
        if response.status_code != 200 or not (is_asset or is_for_everybody(response)):
            return response
        response.vary.add("Accept-Encoding")
        for name in _SAYS_NOTHING:
            response.headers.pop(name, None)
        if request.accept_encodings["gzip"] > 0:
            response.direct_passthrough = False
            response.set_data(_compressed(response.get_data()))
            response.headers["Content-Encoding"] = "gzip"
            if is_asset:
                # Another form of the file needs another tag; weak, as it stands for the same content.
                response.set_etag(response.get_etag()[0] or "", weak=True)
        return response


@lru_cache(maxsize=_FILES_KEPT)
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, compresslevel=9, mtime=0)
