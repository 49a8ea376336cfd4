"""The service compared with the journals of its clients, after whatever befell it."""

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import select

from sharelink.clock import utc_now
from sharelink.crypto.identifiers import id_text
from sharelink.shares.models import Share
from sharelink.shares.states import LIVE_STATES, ShareState
from tests.attacks.callers import Caller
from tests.attacks.installations import Installation
from tests.attacks.servers import wait_until
from tests.audit.readings import verified
from tests.reliability.journals import Deed, Entry, Journal
from tests.reliability.load import Crowd
from tests.reliability.test_mixed_races import endings, rows_of

SWEPT_SECONDS = 30.0
_BURNS = {Deed.DECLINE, Deed.WITHDRAW}


@dataclass
class Judge:
    """Compares an installation with what its people wrote down, and counts."""

    installation: Installation
    crowd: Crowd
    counts: Counter[str] = field(default_factory=Counter)

    def judge(self, journal: Journal, port: int, before: int) -> None:
        """Compare the service with the journal, then try what must not work any more."""
        rows, ends = settled(self.installation)
        assert len(journal.entries) <= len(rows) - before <= journal.creations_asked
        for entry in journal.entries:
            assert entry.share_id in rows, "an acknowledged creation was lost"
            state, has_ciphertext = rows[entry.share_id]
            assert has_ciphertext is (state in LIVE_STATES)
            assert ends.get(id_text(entry.share_id), []) == ([] if state in LIVE_STATES else [state.value])
            assert state in possible_states(entry), f"{entry.asked}, acknowledged {entry.acknowledged}: {state}"
            self.counts[f"in flight, then {state.value}"] += len(entry.asked) > len(entry.acknowledged)
        with Caller(port) as caller:
            for entry in journal.entries:
                if entry.asked or not entry.is_short:
                    self.reveal_again(caller, entry, rows[entry.share_id][0])
        self.wait_for_short_ones(journal, port)
        verification, findings = verified(self.installation.unit_of_work)
        assert findings == []
        self.counts["acknowledged creations"] += len(journal.entries)
        self.counts["acknowledged ends"] += sum(len(entry.acknowledged) for entry in journal.entries)
        self.counts["events verified"] = verification.counts.events

    def reveal_again(self, caller: Caller, entry: Entry, state: ShareState) -> None:
        status = self.crowd.do(caller, entry, Deed.REVEAL)
        assert status == (200 if state is ShareState.SEALED else 410)
        assert entry.shown <= 1, "a secret was shown twice"
        if state is ShareState.SEALED:
            assert self.crowd.do(caller, entry, Deed.REVEAL) == 410

    def wait_for_short_ones(self, journal: Journal, port: int) -> None:
        short = {entry.share_id: entry for entry in journal.entries if entry.is_short}
        expected = set() if not short else {ShareState.EXPIRED}
        wait_until(
            lambda: {self.state_of(share_id) for share_id in short} == expected,
            SWEPT_SECONDS,
            "the worker that was started anew does not sweep",
        )
        with Caller(port) as caller:
            for entry in list(short.values())[:2]:
                assert utc_now() >= entry.ends_at or self.state_of(entry.share_id) is ShareState.EXPIRED
                assert self.crowd.do(caller, entry, Deed.REVEAL) == 410

    def state_of(self, share_id: bytes) -> ShareState:
        with self.installation.unit_of_work.read() as work:
            return ShareState(work.session.execute(select(Share.state).where(Share.id == share_id)).scalar_one())


def settled(installation: Installation) -> tuple[dict[bytes, tuple[ShareState, bool]], dict[str, list[str]]]:
    """Return rows and endings of one and the same moment, although the worker goes on expiring what is due."""
    while True:
        rows, ends = rows_of(installation.unit_of_work), endings(installation.unit_of_work)
        if rows == rows_of(installation.unit_of_work):
            return rows, ends


def possible_states(entry: Entry) -> set[ShareState]:
    """Return where a share may stand after a crash: where acknowledged acts brought it, or those in flight may have."""
    if entry.acknowledged:
        return {ShareState.BURNED if entry.acknowledged[0] in _BURNS else ShareState.REVEALED}
    in_flight = {ShareState.BURNED if deed in _BURNS else ShareState.REVEALED for deed in entry.asked}
    unread = set() if entry.was_over else {ShareState.SEALED}
    return unread | in_flight | ({ShareState.EXPIRED} if entry.is_short else set())
