"""What people see of the witnesses: how far each has seen the log, how long ago, and what goes wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.audit.cosignatures import AuditCosignature
from sharelink.witnesses.configured import Witness
from sharelink.witnesses.models import AuditWitness

STALE_AFTER = timedelta(hours=24)

ERROR_WORDS: Mapping[str, str] = {
    "http_400": "It did not understand the question.",
    "http_403": "It does not know a key of this log: give it the current one.",
    "http_404": "It does not know this log: ask its operator to add it.",
    "bad_cosignature": "Its answer is not signed by the key in the settings.",
    "no_cosignature": "Its answer holds no line by the key in the settings.",
    "no_size": "Its answer names no size.",
    "tls": "Its certificate is not trusted here.",
    "timeout": "It takes too long to answer.",
    "unknown_host": "Its host name is not known.",
    "unreachable": "It cannot be reached.",
    "no_http": "It does not speak HTTP.",
    "not_https": "Its address is plain http, which the settings do not allow.",
    "private_address": "Its address is in a private network, which the settings do not allow.",
    "no_address": "Its address is not a web address.",
    "proof_refused": "It has seen a log that this one does not go on from.",
    "log_shrank": "It has seen more events than there are here.",
}


@dataclass(frozen=True, slots=True)
class WitnessView:
    """One witness, as people see it. `cosigned_at` is by its own clock; `problem` is empty while all is well."""

    name: str
    size: int | None
    cosigned_at: datetime | None
    is_stale: bool
    has_refused: bool
    problem: str


def witness_views(session: Session, witnesses: Sequence[Witness], now: datetime) -> tuple[WitnessView, ...]:
    """Return the witnesses in the order of the settings.

    Args:
        session: a reading session.
        witnesses: those that the settings name.
        now: by which the age of a cosignature is told.
    """
    rows = {row.name: row for row in session.scalars(select(AuditWitness))}
    return tuple(_view(session, witness.name, rows.get(witness.name), now) for witness in witnesses)


def _view(session: Session, name: str, row: AuditWitness | None, now: datetime) -> WitnessView:
    newest = session.execute(
        select(AuditCosignature.size, AuditCosignature.cosigned_at, AuditCosignature.stored_at)
        .where(AuditCosignature.witness == name)
        .order_by(AuditCosignature.stored_at.desc(), AuditCosignature.size.desc())
        .limit(1)
    ).one_or_none()
    error = None if row is None else row.last_error
    return WitnessView(
        name=name,
        size=None if newest is None else newest.size,
        cosigned_at=None if newest is None else newest.cosigned_at,
        # By our own clock: a witness whose clock is wrong is not thereby silent.
        is_stale=newest is None or now - newest.stored_at > STALE_AFTER,
        has_refused=row is not None and row.refused_at is not None,
        problem="" if error is None else ERROR_WORDS.get(error, f"It answers {error.replace('_', ' ')}."),
    )
