"""The bytes of tiles and entry bundles (C2SP tlog-tiles), from what was written with the leaves."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.audit.errors import AuditUnavailable
from sharelink.audit.models import AuditLeaf
from sharelink.audit.tree import LogTree, newest_checkpoint
from sharelink.monitors.errors import TileNotFound
from sharelink.tlog.errors import NoteMalformed
from sharelink.tlog.tiles import TILE_WIDTH, TileName, entry_bundle


def named_tile(path: str) -> TileName:
    """Return the tile that the part of an address after `tile/` names.

    Raises:
        TileNotFound: no tile is called that.
    """
    try:
        return TileName.parse(path)
    except NoteMalformed:
        raise TileNotFound("no tile is called that") from None


def tile_bytes(session: Session, name: TileName) -> bytes:
    """Return a tile of hashes, or a bundle of entries.

    Raises:
        TileNotFound: the signed tree does not reach so far.
        AuditUnavailable: a part of it is missing: the database was changed.
    """
    newest = newest_checkpoint(session)
    if newest is None or not name.is_in(newest.size):
        raise TileNotFound("the log does not reach so far")
    first = name.number * TILE_WIDTH
    if name.level is not None:
        return b"".join(LogTree(session, newest.size).hashes(name.level, first, name.width))
    within = AuditLeaf.index.between(first, first + name.width - 1)
    entries = session.scalars(select(AuditLeaf.leaf).where(within).order_by(AuditLeaf.index)).all()
    if len(entries) != name.width:
        raise AuditUnavailable("some events are missing; audit verify tells more")
    return entry_bundle(entries)
