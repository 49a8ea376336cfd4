"""Whether each event follows its predecessor in its chain, with a bounded memory of how chains ended."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import BigInteger, String, and_, bindparam, select, union_all
from sqlalchemy.orm import Session

from sharelink.audit.findings import Finding, FindingKind
from sharelink.audit.leaf_checks import StoredEvent
from sharelink.audit.models import AuditLeaf
from sharelink.persistence.driver_rows import driver_rows
from sharelink.tlog.signed_notes import base64_text

CHAINS_REMEMBERED = 50_000
"""Ends of chains kept in memory; those of others are read again when they go on."""

_LOOKED_UP_AT_ONCE = 100

_leaf = AuditLeaf.metadata.tables[AuditLeaf.__tablename__].c
_wanted = union_all(
    *(
        select(bindparam(f"rec{at}", type_=String).label("rec"), bindparam(f"rseq{at}", type_=BigInteger).label("rseq"))
        for at in range(_LOOKED_UP_AT_ONCE)
    )
).cte("wanted")
# A join, because SQLite reads a whole table for a list of pairs. Of one length, so that it is built once: where a
# segment begins, the ends of thousands of chains are looked up, and building that anew took a quarter of the time.
_PREDECESSORS = select(_leaf.rec, _leaf.rseq, _leaf.leaf_hash, _leaf.leaf_index).join(
    _wanted, and_(_leaf.rec == _wanted.c.rec, _leaf.rseq == _wanted.c.rseq)
)
_NOBODY = ("", -1)

_End = tuple[int, bytes, int]
"""Number in the chain, hash, index."""


@dataclass(slots=True)
class ChainCheck:
    """Follows every chain through the log."""

    chains: int = 0
    _ends: dict[str, _End] = field(default_factory=dict)

    def prepare(self, session: Session, events: Sequence[StoredEvent]) -> None:
        """Read the predecessors that a batch of events needs and that are not remembered."""
        if len(self._ends) > CHAINS_REMEMBERED:
            self._ends.clear()
        wanted: dict[str, int] = {}
        seen: set[object] = set()
        if self._ends.keys() >= {event.rec for event in events}:
            return
        for event in events:
            if event.rec not in seen and isinstance(event.rec, str) and isinstance(event.rseq, int):
                if event.rseq > 0 and event.rec not in self._ends:
                    wanted[event.rec] = event.rseq - 1
                seen.add(event.rec)
        pairs = list(wanted.items())
        for at in range(0, len(pairs), _LOOKED_UP_AT_ONCE):
            arguments = _arguments(pairs[at : at + _LOOKED_UP_AT_ONCE])
            for rec, rseq, hashed, index in driver_rows(session, _PREDECESSORS, arguments):
                # Without one that is none, its successor lacks it.
                if isinstance(hashed, bytes) and isinstance(index, int):
                    self._ends[rec] = (rseq, hashed, index)

    def check(self, stored: StoredEvent, previous: object) -> list[Finding]:
        """Return what is wrong with the place of an event in its chain; `previous` is what the leaf says."""
        rec, rseq = stored.rec, stored.rseq
        if not isinstance(rec, str) or not isinstance(rseq, int) or not isinstance(stored.leaf_hash, bytes):
            return []
        end = self._ends.get(rec)
        self._ends[rec] = (rseq, stored.leaf_hash, stored.leaf_index)
        if rseq == 0:
            self.chains += 1
            if previous is not None or end is not None:
                text = f"the first event of the chain {rec} has a predecessor"
                return [Finding(FindingKind.CHAIN_BROKEN, stored.leaf_index, text)]
        elif end is None or end[0] != rseq - 1:
            text = f"the predecessor of event {rseq} of the chain {rec} is missing"
            return [Finding(FindingKind.CHAIN_GAP, stored.leaf_index, text)]
        elif previous != base64_text(end[1]) or end[2] >= stored.leaf_index:
            text = f"event {rseq} of the chain {rec} does not follow its predecessor"
            return [Finding(FindingKind.CHAIN_BROKEN, stored.leaf_index, text)]
        return []


def _arguments(pairs: Sequence[tuple[str, int]]) -> dict[str, str | int]:
    whole = [*pairs, *[_NOBODY] * (_LOOKED_UP_AT_ONCE - len(pairs))]
    recs = {f"rec{at}": rec for at, (rec, _rseq) in enumerate(whole)}
    return recs | {f"rseq{at}": rseq for at, (_rec, rseq) in enumerate(whole)}
