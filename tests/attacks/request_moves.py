"""What customers and custodians post at a request, what is kept of it, and which events tell of it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, text, update

from sharelink.actors import Actor
from sharelink.acts.requesting import Asked
from sharelink.audit.models import AuditLeaf
from sharelink.crypto.identifiers import id_text
from sharelink.requests.models import SecretRequest
from sharelink.shares.models import Share
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.callers import Post
from tests.attacks.faults import outside
from tests.attacks.installations import GENEROUS, Installation

BASE = "http://localhost"
LIMITS = {"rate_limit_submit": GENEROUS, "rate_limit_submit_per_link": GENEROUS}
"""Settings of a server whose clients are in a hurry."""
_TABLES = {"share": Share.metadata.tables["share"], "secret_request": SecretRequest.metadata.tables["secret_request"]}


def submission(asked: Asked, *answers: str) -> Post:
    """Return the form with which a customer answers."""
    fields = {f"field-{number}": answer for number, answer in enumerate(answers)}
    return "/r/submit", {"link": asked.submit_link.url(BASE)} | fields


def retrieval(asked: Asked, **changed: str) -> Post:
    """Return the form with which somebody who has just signed in retrieves the answer."""
    fields = {
        "link": asked.retrieval_link.url(BASE),
        "purpose": "take_into_custody",
        "ticket": "T-1",
    }
    return "/retrieve/reveal", fields | changed


def cancellation(asked: Asked, token: str) -> Post:
    """Return the form that takes a request back; `token` is the one against forged forms."""
    return f"/requests/{id_text(asked.share_id)}/cancel", {"csrf_token": token, "reason": "told by the test"}


def kept_of(unit_of_work: UnitOfWork, asked: Asked) -> dict[str, Any]:
    """Return every column of a request's two rows, as a thief of the database has them."""
    with unit_of_work.read() as work:
        share, question = (
            dict(work.session.execute(select(table).where(column == asked.share_id)).mappings().one())
            for table, column in (
                (_TABLES["share"], _TABLES["share"].c.id),
                (_TABLES["secret_request"], _TABLES["secret_request"].c.share_id),
            )
        )
    return question | share


def put(unit_of_work: UnitOfWork, share_id: bytes, **columns: object) -> None:
    """Write columns into whichever of a share's two rows has them, as somebody with the database can."""
    with unit_of_work.write(Actor.operator()) as work:
        for table, key in (("share", "id"), ("secret_request", "share_id")):
            mine = {name: value for name, value in columns.items() if name in _TABLES[table].c}
            if mine:
                where = _TABLES[table].c[key] == share_id
                work.session.execute(update(_TABLES[table]).where(where).values(**mine))


def kinds_about(unit_of_work: UnitOfWork, asked: Asked) -> list[str]:
    """Return the types of all events about a request, in their order."""
    mine = f'"ref":"{id_text(asked.share_id)}"'.encode()
    with unit_of_work.read() as work:
        wanted = select(AuditLeaf.type, AuditLeaf.leaf).where(AuditLeaf.rec == id_text(asked.custody_id))
        found = work.session.execute(wanted.order_by(AuditLeaf.index)).all()
    return [kind for kind, leaf in found if mine in leaf]


def whole_database(installation: Installation, *without: str) -> Mapping[str, list[str]]:
    """Return every row of every table but those named; the worker's own tables change by themselves."""
    with outside(installation) as connection:
        return {
            table: sorted(repr(tuple(row)) for row in connection.execute(text(f"SELECT * FROM {table}")))
            for table in Share.metadata.tables
            if table not in without
        }
