"""Headers of every answer: pages, errors, and the few that mean anything on a style sheet, script or icon."""

from flask import Flask, Response, request

from sharelink.web.asset_versions import AssetVersions

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

_FOR_FILES = {
    # An icon is a document of its own when somebody opens its address.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What is for pages would be a third of what a recipient's first visit loads."""

_HSTS = f"max-age={2 * 365 * 86_400}; includeSubDomains"
_STATIC_CACHE = "public, max-age=31536000, immutable"
_SAY_THEMSELVES = frozenset({"monitoring.checkpoint", "monitoring.tile"})
"""Parts of the log: no secret and no personal field is in them, and monitors fetch the same ones again and again."""


def headers_of_every_answer(*, https: bool) -> dict[str, str]:
    """Return what every answer but a file carries, whoever gives it; HSTS only where people come by https."""
    return _ALWAYS | _by_https(https)


def _by_https(https: bool) -> dict[str, str]:
    return {"Strict-Transport-Security": _HSTS} if https else {}


def install(app: Flask, versions: AssetVersions, *, https: bool) -> None:
    """Add the headers to every answer of `app`; a file under its own of the `versions` may be kept by caches."""
    always, for_files = headers_of_every_answer(https=https), _FOR_FILES | _by_https(https)

    @app.after_request
    def add_headers(response: Response) -> Response:
        is_file = request.endpoint == "static" and response.status_code in {200, 206, 304}
        is_part_of_log = request.endpoint in _SAY_THEMSELVES and response.status_code == 200
        # Nothing before this sets one of them, but for parts of the log: to extend costs a tenth of looking for each.
        if is_part_of_log:
            response.headers.update(always)
            return response
        response.headers.extend(for_files if is_file else always)
        is_versioned_asset = (
            is_file
            and response.status_code != 206
            and versions.is_of((request.view_args or {})["filename"], request.args.get("v"))
        )
        # Everything but the style and script files may be about a secret, and stays in no cache (ASVS 14.3.2).
        response.headers["Cache-Control"] = _STATIC_CACHE if is_versioned_asset else "no-store"
        # Flask dates every file a year ahead, which older caches might believe.
        response.headers.pop("Expires", None)
        return response
