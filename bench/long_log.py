"""A log as it is after years, written by the same functions as in daily life, but many acts at a time."""

from collections.abc import Mapping

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from bench.subjects import SharelinkUnderTest
from sharelink.actors import Actor, ActorKind
from sharelink.audit.events import AuditEvent
from sharelink.audit.models import AuditCheckpoint, AuditHead, AuditLeaf
from sharelink.audit.signing import LogKeys
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.tlog.merkle import Frontier

_EVENTS_AT_ONCE = 2000
_EVENTS_PER_CHAIN = 100
_EVENTS_PER_ACT = 2
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


def write_long_log(place: SharelinkUnderTest, count: int) -> None:
    """Add `count` events, by staff and visitors in turns, with a signed checkpoint after every second one."""
    unit_of_work = place.installation.unit_of_work
    chains = [id_text(new_id()) for _ in range(max(1, count // _EVENTS_PER_CHAIN))]
    staff = Actor(ActorKind.STAFF, account_id=new_id(), name="Anna Example", ip="203.0.113.7", agent=_BROWSER)
    visitor = Actor.public("203.0.113.9", _BROWSER)
    for first in range(0, count, _EVENTS_AT_ONCE):
        with unit_of_work.write(Actor.system()) as work:
            frontier = Frontier.from_bytes(*work.session.execute(select(AuditHead.size, AuditHead.frontier)).one())
            for number in range(first, min(count, first + _EVENTS_AT_ONCE)):
                work.audit.append(
                    AuditEvent.CUSTODY_REVIEWED,
                    rec=chains[number * 7919 % len(chains)],
                    actor=visitor if number % 2 else staff,
                    now=work.now,
                    obj=("share", new_id()),
                    facts={"kind": "send", "lifetime_seconds": 604_800},
                )
            work.audit.write_pending(work.connection)
            work.session.execute(insert(AuditCheckpoint), _checkpoints(work.session, frontier, unit_of_work.log_keys))


def _checkpoints(session: Session, frontier: Frontier, log_keys: LogKeys) -> list[Mapping[str, object]]:
    """Return the checkpoints that single acts would have signed in between; the last one was signed already."""
    wanted = select(AuditLeaf.leaf_hash, AuditLeaf.at).where(AuditLeaf.index >= frontier.size).order_by(AuditLeaf.index)
    rows = []
    for hashed, at in session.execute(wanted).all():
        frontier.append(hashed)
        if frontier.size % _EVENTS_PER_ACT == 0:
            root = frontier.root()
            note = log_keys.sign(frontier.size, root).to_bytes().decode("utf-8")
            rows.append({"size": frontier.size, "root": root, "note": note, "at": at})
    signed = session.scalars(select(AuditCheckpoint.size).where(AuditCheckpoint.size == frontier.size)).all()
    return [row for row in rows if row["size"] not in signed]
