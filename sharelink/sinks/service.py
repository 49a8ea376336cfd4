"""How far the log has been sent, who sends now, and what is on record when that fails. Within one unit of work."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from sharelink.actors import Actor
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent, Outcome
from sharelink.audit.log import AuditLog
from sharelink.audit.models import AuditHead, AuditLeaf
from sharelink.settings_witnessing import SinkAddress
from sharelink.sinks.lines import SentLeaf
from sharelink.sinks.models import AuditSink

LEASE = timedelta(minutes=2)
"""Longer than a batch can take. What a worker had in hand when it died is sent again after so long."""

RETRY_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Sinks:
    """Sending the log on: each leaf at least once, in its order. An address that is new gets all of them."""

    session: Session
    audit: AuditLog
    actor: Actor
    now: datetime

    def is_due(self, address: SinkAddress) -> bool:
        """Tell whether there is something to send now."""
        size = self.session.execute(select(AuditHead.size)).scalar_one_or_none() or 0
        row = self.session.get(AuditSink, address.text, populate_existing=True)
        return size > 0 if row is None else size > row.position and row.next_at <= self.now

    def take(self, address: SinkAddress, most: int) -> list[SentLeaf]:
        """Reserve the sink for this worker and return what to send next; empty if another has it in hand."""
        insert = sqlite_insert if self.session.get_bind().dialect.name == "sqlite" else postgresql_insert
        row = {"address": address.text, "position": 0, "next_at": self.now}
        self.session.execute(insert(AuditSink).values(row).on_conflict_do_nothing(index_elements=["address"]))
        position = self.session.execute(
            update(AuditSink)
            .where(AuditSink.address == address.text, AuditSink.next_at <= self.now)
            .values(next_at=self.now + LEASE)
            .returning(AuditSink.position),
            execution_options={"synchronize_session": False},
        ).scalar_one_or_none()
        if position is None:
            return []
        wanted = (
            select(
                AuditLeaf.index,
                AuditLeaf.rec,
                AuditLeaf.rseq,
                AuditLeaf.type,
                AuditLeaf.at,
                AuditLeaf.leaf,
                AuditLeaf.leaf_hash,
            )
            .where(AuditLeaf.index >= position)
            .order_by(AuditLeaf.index)
            .limit(most)
        )
        return [SentLeaf(*row) for row in self.session.execute(wanted)]

    def sent(self, address: SinkAddress, position: int) -> None:
        """Go on from `position` next time; if the sink was failing, record that it works again."""
        since = self._failing_since(address)
        self._change(address, position=position, next_at=self.now, failing_since=None)
        if since is not None:
            minutes = int((self.now - since).total_seconds()) // 60
            self._append(AuditEvent.LOG_SINK_RECOVERED, Outcome.SUCCESS, None, minutes=minutes)

    def failed(self, address: SinkAddress, code: str) -> bool:
        """Try again later; the first time, record that the sink fails. Return whether it was the first time."""
        is_first = self._failing_since(address) is None
        self._change(address, next_at=self.now + RETRY_AFTER, **({"failing_since": self.now} if is_first else {}))
        if is_first:
            self._append(AuditEvent.LOG_SINK_FAILED, Outcome.FAILURE, code)
        return is_first

    def is_failing(self, address: SinkAddress) -> bool:
        """Tell whether the last try to send there failed."""
        return self._failing_since(address) is not None

    def _failing_since(self, address: SinkAddress) -> datetime | None:
        wanted = select(AuditSink.failing_since).where(AuditSink.address == address.text)
        return self.session.execute(wanted).scalar_one_or_none()

    def _change(self, address: SinkAddress, **values: object) -> None:
        self.session.execute(
            update(AuditSink).where(AuditSink.address == address.text).values(**values),
            execution_options={"synchronize_session": False},
        )

    def _append(self, event: AuditEvent, outcome: Outcome, reason: str | None, **facts: int) -> None:
        self.audit.append(
            event, rec=SYSTEM_CHAIN, actor=self.actor, now=self.now, outcome=outcome, reason=reason, facts=facts
        )
