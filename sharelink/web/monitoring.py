"""The log as tiles (C2SP tlog-tiles), for programs with a monitor token and for signed-in auditors.

Everybody else gets one answer, whatever they ask for: the size of the log would tell them what their own acts did.
"""

from flask import Blueprint, Response, request

from sharelink.accounts.permissions import Permission
from sharelink.actors import Actor
from sharelink.acts import monitoring
from sharelink.monitors.errors import MonitorRefused, TileNotFound
from sharelink.tlog.tiles import TILE_WIDTH
from sharelink.web.authentication import public_actor, signed_in_actor, viewer
from sharelink.web.rate_limits import limited
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("monitoring", __name__)

_SCHEME = "bearer "
_CHECKPOINT_CACHE = "private, max-age=5"
_PARTIAL_CACHE = "private, max-age=600"
_FULL_CACHE = "private, max-age=31536000, immutable"


@blueprint.get("/audit/checkpoint")
@limited("monitor", "GET")
def checkpoint() -> Response:
    """Hand out the log's signed checkpoint."""
    try:
        note = monitoring.hand_out_head(current_unit_of_work(), _admitted(), current_settings().audit_quorum)
    except MonitorRefused:
        return _refused()
    if note is None:
        return _not_found()
    return _kept(Response(note.to_bytes(), content_type="text/plain; charset=utf-8"), _CHECKPOINT_CACHE)


@blueprint.get("/audit/tile/<path:tile_path>")
@limited("monitor", "GET")
def tile(tile_path: str) -> Response:
    """Hand out one tile of hashes, or one bundle of entries."""
    try:
        name, content = monitoring.read_tile(current_unit_of_work(), _admitted(), tile_path)
    except MonitorRefused:
        return _refused()
    except TileNotFound:
        return _not_found()
    cache = _FULL_CACHE if name.width == TILE_WIDTH else _PARTIAL_CACHE
    return _kept(Response(content, content_type="application/octet-stream"), cache)


def _admitted() -> Actor:
    authorization = request.headers.get("Authorization", "")
    if authorization:
        if not authorization.lower().startswith(_SCHEME):
            raise MonitorRefused("no token")
        actor = public_actor()
        monitoring.admit_token(current_unit_of_work(), actor, authorization[len(_SCHEME) :].strip())
        return actor
    person = viewer()
    if person is None or not person.may(Permission.AUDIT_READ):
        raise MonitorRefused("neither a token nor an auditor")
    actor = signed_in_actor()
    monitoring.admit_auditor(current_unit_of_work(), actor, person.account_id)
    return actor


def _kept(response: Response, cache: str) -> Response:
    response.headers["Cache-Control"] = cache
    response.vary.update(["Authorization", "Cookie"])
    return response


def _refused() -> Response:
    response = Response("A monitor token is needed.\n", 401, content_type="text/plain; charset=utf-8")
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _not_found() -> Response:
    return Response("There is nothing here.\n", 404, content_type="text/plain; charset=utf-8")
