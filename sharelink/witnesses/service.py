"""What is asked of which witness when, and what its answers leave behind. Within one unit of work."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from sharelink.actors import Actor
from sharelink.audit.cosignatures import AuditCosignature
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent, Outcome
from sharelink.audit.log import AuditLog
from sharelink.audit.tree import LogTree, mark_handed_out, newest_checkpoint
from sharelink.tlog.proofs import ConsistencyProof
from sharelink.witnesses.client import Cosigned
from sharelink.witnesses.configured import Witness
from sharelink.witnesses.models import AuditWitness

ASK_EVERY = timedelta(seconds=60)
"""A log that grows all the time is cosigned this often: what is younger nobody but this installation vouches for."""

REFRESH_AFTER = timedelta(hours=6)
"""A log that does not grow is cosigned again after so long, so that its checkpoint stays fresh."""

LEASE = timedelta(minutes=2)
"""Longer than a question can take. A worker that dies with one in hand leaves it to the next after so long."""

LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Question:
    """A checkpoint to cosign, with the proof from the size that the witness has seen."""

    size: int
    proof: ConsistencyProof


@dataclass(frozen=True, slots=True)
class Witnessing:
    """Asking witnesses: taken by one worker at a time, and settled by what was answered."""

    session: Session
    audit: AuditLog
    actor: Actor
    now: datetime

    def due(self, witnesses: Sequence[Witness]) -> list[Witness]:
        """Return the witnesses that should be asked now."""
        newest = newest_checkpoint(self.session)
        if newest is None:
            return []
        known = {row.name: row for row in self.session.scalars(select(AuditWitness))}
        found = []
        for witness in witnesses:
            row = known.get(witness.name)
            if row is None or (row.next_at <= self.now and (newest.size != row.seen_size or self._is_stale(row.name))):
                found.append(witness)
        return found

    def take(self, witness: Witness) -> bool:
        """Reserve a witness for this worker; return False if another has it in hand."""
        name = witness.name
        insert = sqlite_insert if self.session.get_bind().dialect.name == "sqlite" else postgresql_insert
        row = {"name": name, "seen_size": 0, "next_at": self.now, "failures": 0}
        self.session.execute(insert(AuditWitness).values(row).on_conflict_do_nothing(index_elements=["name"]))
        taken = self.session.execute(
            update(AuditWitness)
            .where(AuditWitness.name == name, AuditWitness.next_at <= self.now)
            .values(next_at=self.now + LEASE)
            .returning(AuditWitness.name),
            execution_options={"synchronize_session": False},
        )
        return taken.one_or_none() is not None

    def question(self, witness: Witness) -> Question | None:
        """Return what to ask, and remember that this checkpoint has left the service.

        None while there is nothing to cosign, or while the witness has seen more than there is.
        """
        newest, seen = newest_checkpoint(self.session), self._seen(witness)
        if newest is None or seen > newest.size:
            return None
        mark_handed_out(self.session, newest.size, self.now)
        return Question(newest.size, LogTree(self.session, newest.size).consistency(seen, newest.note))

    def keep(self, witness: Witness, size: int, cosigned: Cosigned) -> None:
        """Keep the line of a witness under the checkpoint over `size` leaves."""
        insert = sqlite_insert if self.session.get_bind().dialect.name == "sqlite" else postgresql_insert
        row = {
            "size": size,
            "witness": witness.name,
            "line": cosigned.line.text(),
            "cosigned_at": cosigned.at,
            "stored_at": self.now,
        }
        anew = {name: row[name] for name in ("line", "cosigned_at", "stored_at")}
        keep = insert(AuditCosignature).values(row)
        self.session.execute(keep.on_conflict_do_update(index_elements=["size", "witness"], set_=anew))
        self._settle(witness, ASK_EVERY, seen_size=size, failures=0, last_error=None, refused_at=None)

    def take_size(self, witness: Witness, size: int) -> bool:
        """Remember the size that a witness says to have seen; return False if the log has never had so many events."""
        newest = newest_checkpoint(self.session)
        if newest is None or size > newest.size:
            return False
        self.session.execute(
            update(AuditWitness).where(AuditWitness.name == witness.name).values(seen_size=size),
            execution_options={"synchronize_session": False},
        )
        return True

    def failed(self, witness: Witness, code: str) -> None:
        """Wait before the next question, longer after each failure."""
        self._settle(witness, self._patience(witness), failures=AuditWitness.failures + 1, last_error=code)

    def refused(self, witness: Witness, reason: str, size: int) -> None:
        """Record that a witness holds this log for another than the one that it has seen; once, until it cosigns again.

        Args:
            witness: who said so.
            reason: "proof_refused", or "log_shrank" if it has seen more events than there are.
            size: the size that it was asked about, or says to have seen.
        """
        first = self.session.execute(
            update(AuditWitness)
            .where(AuditWitness.name == witness.name, AuditWitness.refused_at.is_(None))
            .values(refused_at=self.now)
            .returning(AuditWitness.name),
            execution_options={"synchronize_session": False},
        ).one_or_none()
        self._settle(witness, LONGEST_WAIT, failures=AuditWitness.failures + 1, last_error=reason)
        if first is None:
            return
        self.audit.append(
            AuditEvent.WITNESS_REFUSED,
            rec=SYSTEM_CHAIN,
            actor=self.actor,
            now=self.now,
            outcome=Outcome.FAILURE,
            reason=reason,
            facts={"witness": witness.name, "size": size},
        )

    def _is_stale(self, name: str) -> bool:
        newest_at = self.session.execute(
            select(func.max(AuditCosignature.stored_at)).where(AuditCosignature.witness == name)
        ).scalar_one_or_none()
        return newest_at is None or self.now - newest_at >= REFRESH_AFTER

    def _seen(self, witness: Witness) -> int:
        return self.session.execute(
            select(AuditWitness.seen_size).where(AuditWitness.name == witness.name)
        ).scalar_one()

    def _patience(self, witness: Witness) -> timedelta:
        failures = self.session.execute(
            select(AuditWitness.failures).where(AuditWitness.name == witness.name)
        ).scalar_one()
        return min(LONGEST_WAIT, ASK_EVERY * (1 << min(failures, 10)))

    def _settle(self, witness: Witness, wait: timedelta, **values: object) -> None:
        self.session.execute(
            update(AuditWitness).where(AuditWitness.name == witness.name).values(next_at=self.now + wait, **values),
            execution_options={"synchronize_session": False},
        )
