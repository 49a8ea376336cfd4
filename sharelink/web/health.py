"""Whether the process lives, and whether it can do its work: for load balancers and monitors, without sign-in."""

from flask import Blueprint, Response, jsonify

from sharelink.jobs.readiness import notices, readiness
from sharelink.web.rate_limits import counts_as_wanted
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """Answer that this process answers; asks nobody else."""
    return _not_kept(jsonify(alive=True))


@blueprint.get("/readyz")
def ready() -> Response:
    """Answer 200 when every part that a request may need works, else 503; names and true or false, no values.

    What no request waits for is told and does not decide: `rate_counters` (without its store each process counts by
    itself and goes on), the witnesses and the second sink of the log.
    """
    parts = readiness(current_unit_of_work())
    told = {"rate_counters": counts_as_wanted(), **notices(current_unit_of_work(), current_settings())}
    response = _not_kept(jsonify(parts | told))
    response.status_code = 200 if all(parts.values()) else 503
    return response


def _not_kept(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
