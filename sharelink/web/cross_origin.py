"""Refuses state-changing requests that another site made the browser send.

After the scheme that web.dev calls "resource isolation policy" and the Fetch Metadata specification: trust
Sec-Fetch-Site where the browser sends it, else compare Origin. It stands beside the staff forms' token, and alone
before the public forms, whose posted key is the authority.
"""

from urllib.parse import urlsplit

from flask import Flask, request

from sharelink.addresses import host_of, is_loopback
from sharelink.errors import SharelinkError

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class ForeignOrigin(SharelinkError):
    """A form on another site, or a forged request, tried to act here."""

    code = "foreign_origin"


def install(app: Flask, base_url: str) -> None:
    """Check every request of `app` that is not safe.

    Raises (inside requests):
        ForeignOrigin: the browser says that another site made the request.
    """
    stays_here = is_loopback(host_of(base_url) or "")

    @app.before_request
    def refuse_foreign_origin() -> None:
        if request.method in _SAFE_METHODS:
            return
        site = request.headers.get("Sec-Fetch-Site")
        if site is not None:
            if site not in {"same-origin", "none"}:
                raise ForeignOrigin("Sec-Fetch-Site")
            return
        origin = request.headers.get("Origin")
        # A service of this machine has several names, and `own_host` has found Host to be one of them.
        if origin not in {None, base_url} and not (stays_here and origin == _own_origin()):
            raise ForeignOrigin("Origin")


def _own_origin() -> str:
    parts = urlsplit(request.host_url)
    return f"{parts.scheme}://{parts.netloc}"
