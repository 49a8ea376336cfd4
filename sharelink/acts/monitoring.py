"""Reading the log as tiles: who is let in, what is on record of it, and the checkpoint that is handed out."""

from datetime import timedelta

from sqlalchemy.orm import Session

from sharelink.actors import Actor
from sharelink.audit.cosignatures import cosigned, witnessed_checkpoint
from sharelink.audit.tree import StoredCheckpoint, mark_handed_out, newest_checkpoint
from sharelink.monitors.errors import MonitorRefused
from sharelink.monitors.tiles import named_tile, tile_bytes
from sharelink.tlog.signed_notes import SignedNote
from sharelink.tlog.tiles import TileName
from sharelink.unit_of_work import UnitOfWork

WITNESSES_LAG = timedelta(hours=1)
"""So old may a checkpoint be that is handed out because enough witnesses have cosigned it."""


def admit_token(unit_of_work: UnitOfWork, actor: Actor, token: str) -> None:
    """Let a program in by its token.

    Raises:
        MonitorRefused: it is no token that may read.
    """
    with unit_of_work.read(actor) as work:
        found = work.monitor_tokens.admitted(token)
    if found is None:
        raise MonitorRefused("not a token that may read")
    if found.is_first_today:
        with unit_of_work.write(actor) as work:
            work.monitor_tokens.note_use(found.id)


def admit_auditor(unit_of_work: UnitOfWork, actor: Actor, account_id: bytes) -> None:
    """Let a signed-in auditor in; that they read is on record, once a day."""
    with unit_of_work.read(actor) as work:
        is_known = work.monitor_tokens.has_read_today(account_id)
    if not is_known:
        with unit_of_work.write(actor) as work:
            work.monitor_tokens.note_account()


def hand_out_head(unit_of_work: UnitOfWork, actor: Actor, quorum: int) -> SignedNote | None:
    """Return the log's checkpoint with what witnesses have put under it, and remember that it left the service.

    The newest one; where a quorum is asked for, the newest that has it, unless that lies too far back: silent witnesses
    must not hide what happens. None while the log is empty.

    Args:
        unit_of_work: what makes transactions.
        actor: to whom, or for what, it is handed out.
        quorum: how many witnesses customers want to see.
    """
    with unit_of_work.read(actor) as work:
        chosen = _chosen(work.session, quorum)
        if chosen is None:
            return None
        note = cosigned(work.session, chosen)
    if chosen.handed_out_at is None:
        with unit_of_work.write(actor) as work:
            mark_handed_out(work.session, chosen.size, work.now)
    return note


def read_tile(unit_of_work: UnitOfWork, actor: Actor, path: str) -> tuple[TileName, bytes]:
    """Return which tile a part of an address names, and its bytes.

    Raises:
        TileNotFound: there is none, or not yet.
    """
    name = named_tile(path)
    with unit_of_work.read(actor) as work:
        return name, tile_bytes(work.session, name)


def _chosen(session: Session, quorum: int) -> StoredCheckpoint | None:
    newest, witnessed = newest_checkpoint(session), witnessed_checkpoint(session, quorum)
    if newest is None or witnessed is None:
        return newest
    return witnessed if newest.at - witnessed.at <= WITNESSES_LAG else newest
