"""One answer, two forms: the whole page, or its fragment for htmx."""

from typing import Any

from flask import Response, make_response, redirect, render_template, request


def wants_fragment() -> bool:
    """Tell whether htmx asked. Only this header decides, never Accept: htmx sends `*/*`."""
    return request.headers.get("HX-Request") == "true"


def page_or_fragment(page: str, fragment: str, status_code: int = 200, /, **context: Any) -> Response:
    """Render `fragment` for htmx and `page`, which includes it, for everybody else."""
    response = make_response(render_template(fragment if wants_fragment() else page, **context), status_code)
    response.vary.add("HX-Request")
    return response


def redirect_after_post(url: str) -> Response:
    """Send the browser on with 303, so that a reload does not post again. Never used on link routes."""
    return make_response(redirect(url, 303))
