"""Headers of every answer, errors and static files included."""

from flask import Flask, Response, request

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types htmx"
)

_ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # strict-origin, not no-referrer: the latter makes Chromium send `Origin: null` with plain forms.
    "Referrer-Policy": "strict-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(),"
        " payment=(), usb=(), browsing-topics=(), interest-cohort=(), clipboard-write=(self)"
    ),
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}

_HSTS = f"max-age={2 * 365 * 86_400}; includeSubDomains"
_STATIC_CACHE = "public, max-age=31536000, immutable"
_SAY_THEMSELVES = frozenset({"monitoring.checkpoint", "monitoring.tile"})
"""Parts of the log: no secret and no personal field is in them, and monitors fetch the same ones again and again."""


def headers_of_every_answer(*, https: bool) -> dict[str, str]:
    """Return what every answer carries, whoever gives it; HSTS only where people come by https."""
    return _ALWAYS | ({"Strict-Transport-Security": _HSTS} if https else {})


def install(app: Flask, *, https: bool) -> None:
    """Add the headers to every answer of `app`."""
    always = headers_of_every_answer(https=https)

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.update(always)
        is_versioned_asset = request.endpoint == "static" and "v" in request.args and response.status_code in {200, 304}
        if request.endpoint in _SAY_THEMSELVES and response.status_code == 200:
            return response
        # Everything but the style and script files may be about a secret, and stays in no cache (ASVS 14.3.2).
        response.headers["Cache-Control"] = _STATIC_CACHE if is_versioned_asset else "no-store"
        # Flask dates every file a year ahead, which older caches might believe.
        response.headers.pop("Expires", None)
        return response
