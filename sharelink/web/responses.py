"""One answer, two forms: the whole page, or its fragment for htmx."""

from typing import Any

from flask import Response, current_app, make_response, redirect, render_template, request

_PAGES = "sharelink.pages_for_everybody"


class _PageForEverybody(Response):
    """A page without anything of anybody."""


def is_for_everybody(response: Response) -> bool:
    """Tell whether the answer is a page that is the same for everybody, and so may be kept and compressed."""
    return isinstance(response, _PageForEverybody)


def page_for_everybody(page: str) -> Response:
    """Return a public page that depends on nothing but the settings; each application renders it once.

    For the GET of a link, whose answer must not depend on the link (promise 5), and which scanners fetch often.
    """
    kept: dict[str, str] = current_app.extensions.setdefault(_PAGES, {})
    if page not in kept:
        kept[page] = render_template(page, audience="public")
    return _PageForEverybody(kept[page], mimetype="text/html")


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
