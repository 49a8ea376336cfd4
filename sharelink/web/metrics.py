"""`/metrics` for monitors that hold the token, and the hooks that count requests.

Without the right token the page does not exist, like any other address that is none of ours.
"""

import hmac
import time
from datetime import timedelta

from flask import Blueprint, Flask, Response, abort, g, request
from flask_limiter import RateLimitExceeded

from sharelink.errors import SharelinkError
from sharelink.jobs.figures import figures
from sharelink.web.wiring import current_settings, current_unit_of_work, wiring

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format; later ones change names of counters."""

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def exposed() -> Response:
    """Answer with all figures; 404 to whoever does not show the token."""
    settings, counters = current_settings(), wiring().counters
    if counters is None or not _shows(settings.metrics_token):
        abort(404)
    read = figures(current_unit_of_work(), timedelta(seconds=settings.epoch_grace_seconds))
    response = Response(counters.exposition(read), content_type=CONTENT_TYPE)
    response.headers["Cache-Control"] = "no-store"
    return response


def _shows(token: str) -> bool:
    scheme, _space, shown = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), token.encode())


def install(app: Flask) -> None:
    """Count every answer of `app`, if anybody may read the figures."""

    @app.after_request
    def count_answer(response: Response) -> Response:
        counters = wiring().counters
        if counters is not None:
            seconds = time.perf_counter() - g.get("began_at", time.perf_counter())
            counters.answered(request.endpoint, response.status_code, seconds)
        return response


def count_refusal(error: SharelinkError | RateLimitExceeded) -> None:
    """Count a request that was refused, by the code of the fact or the name of the limit."""
    counters = wiring().counters
    if counters is None:
        return
    if isinstance(error, SharelinkError):
        counters.refused(error.code)
    else:
        scope = error.limit.scope
        counters.limited(scope.strip() if isinstance(scope, str) else "other")
