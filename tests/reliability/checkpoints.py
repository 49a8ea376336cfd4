"""Checkpoints as somebody collects them while the service works; whatever befalls it, the log is held to each."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from sqlalchemy import create_engine, select
from sqlalchemy.exc import DBAPIError

from sharelink.audit.models import AuditCheckpoint, AuditLeaf
from sharelink.tlog.merkle import leaf_hash, root_of
from sharelink.tlog.signed_notes import SignedNote
from tests.attacks.installations import Installation

EVERY_SECONDS = 0.1


@dataclass
class Collector:
    """Somebody who asks for the newest checkpoint again and again, and keeps what they get."""

    installation: Installation
    notes: dict[int, str] = field(default_factory=dict)
    """The signed notes by the size of the log that they are about."""

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Collect during the block."""
        over = threading.Event()
        collecting = threading.Thread(target=self._collect, args=(over,))
        collecting.start()
        try:
            yield
        finally:
            over.set()
            collecting.join(60)

    def judge(self) -> int:
        """Check that each note is signed, and true of the log as it is now; return how many there were."""
        work = self.installation.unit_of_work
        with work.read() as reading:
            leaves = reading.session.execute(select(AuditLeaf.leaf).order_by(AuditLeaf.index)).scalars().all()
        hashes = [leaf_hash(leaf.encode() if isinstance(leaf, str) else leaf) for leaf in leaves]
        assert self.notes, "nobody collected anything"
        for size, text in self.notes.items():
            checkpoint = work.log_keys.check(SignedNote.parse(text.encode()))
            assert checkpoint.size == size <= len(hashes), "the log is shorter than somebody was told"
            assert checkpoint.root == root_of(hashes[:size]), "the log is another than somebody was told"
        return len(self.notes)

    def _collect(self, over: threading.Event) -> None:
        engine = create_engine(self.installation.settings.database_url, pool_pre_ping=True)
        newest = select(AuditCheckpoint.size, AuditCheckpoint.note).order_by(AuditCheckpoint.size.desc()).limit(1)
        while not over.wait(EVERY_SECONDS):
            # While no database answers, there is nothing to collect.
            with suppress(DBAPIError), engine.connect() as connection:
                for size, note in connection.execute(newest):
                    assert self.notes.setdefault(size, note) == note, "two checkpoints of one size"
        engine.dispose()
