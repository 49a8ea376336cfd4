"""Tries at an access code: counted and committed before anybody knows whether the code is right (promise 6)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sharelink.audit.events import AuditEvent, Outcome
from sharelink.errors import SharelinkError
from sharelink.shares import statements
from sharelink.shares.errors import ClientPaused, ShareEnded
from sharelink.shares.links import OpenLink
from sharelink.shares.rows import ShareFacts, ShareRows
from sharelink.shares.seals import LinkSealed

TRIES_PER_CLIENT = 5
TRIES_IN_ALL = 10
PAUSE_LIFETIME = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, repr=False)
class Attempt:
    """A counted try at a share with a code: what to unseal, or why not even that."""

    facts: ShareFacts
    sealed: LinkSealed | None
    tries_left: int
    refusal: SharelinkError | None


@dataclass(frozen=True, slots=True)
class Attempts:
    """The tries at shares with a code, in one unit of work."""

    rows: ShareRows

    def begin(self, link: OpenLink) -> Attempt:
        """Count one try at a share with a code, before anybody knows whether the code is right.

        The caller commits, then stretches the code and unseals outside of any transaction (promise 6).

        Raises:
            LinkUnavailable, ShareEnded, OwnShare, ShareDamaged: nothing was counted.
        """
        facts, sealed = self.rows.openable(link)
        me = self.rows.client_of(facts.id)
        known = self.rows.connection.execute(statements.client_row, {"share": facts.id, "me": me}).first()
        if known is not None and known.paused_until is not None and known.paused_until > self.rows.now:
            return Attempt(facts, None, 0, self._paused_until(known.paused_until))
        total = self.rows.connection.execute(statements.tries_of_all, {"share": facts.id}).scalar_one()
        if total >= self.rows.tries_allowed(facts.id):
            self._lock(facts)
            return Attempt(facts, None, 0, ShareEnded("locked"))
        tries = known.tries_since_pause if known is not None else 0
        if tries >= TRIES_PER_CLIENT:
            # Tries that were still being checked when this one came: they count as wrong until proven right.
            return Attempt(facts, None, 0, self._pause(facts, me))
        self.rows.connection.execute(
            statements.count_try(self.rows.dialect), {"share": facts.id, "me": me, "opened": None, "count": 1}
        )
        self.rows.append(
            AuditEvent.SHARE_REVEAL_ATTEMPTED, facts.id, facts.custody_id, outcome=Outcome.PENDING,
            facts={"tries": int(total) + 1},
        )  # fmt: skip
        return Attempt(facts, sealed, TRIES_PER_CLIENT - tries - 1, None)

    def refuse(self, attempt: Attempt) -> SharelinkError | None:
        """Record that the counted try was wrong; pause the client or lock the share when its tries are used up.

        Returns what is worse than a wrong code, if that is what it came to.
        """
        facts = attempt.facts
        self.rows.hold_row(facts.id)
        allowed = self.rows.tries_allowed(facts.id)
        total = self.rows.connection.execute(statements.tries_of_all, {"share": facts.id}).scalar_one()
        self.rows.append(
            AuditEvent.SHARE_CODE_FAILED, facts.id, facts.custody_id, outcome=Outcome.FAILURE, reason="wrong_code",
            facts={"tries_left": max(0, allowed - int(total))},
        )  # fmt: skip
        if total >= allowed:
            self._lock(facts)
            return ShareEnded("locked")
        if attempt.tries_left <= 0:
            return self._pause(facts, self.rows.client_of(facts.id))
        return None

    def _lock(self, facts: ShareFacts) -> None:
        if self.rows.connection.execute(statements.lock, {"share": facts.id}).scalar() is not None:
            self.rows.append(
                AuditEvent.SHARE_LOCKED, facts.id, facts.custody_id, outcome=Outcome.REFUSED, reason="too_many_tries"
            )

    def _pause(self, facts: ShareFacts, me: bytes) -> ClientPaused:
        until = self.rows.now + PAUSE_LIFETIME
        self.rows.connection.execute(statements.pause_client, {"share": facts.id, "me": me, "until": until})
        self.rows.append(
            AuditEvent.SHARE_CLIENT_PAUSED, facts.id, facts.custody_id, outcome=Outcome.REFUSED, reason="rate_limited",
            facts={"pause_seconds": int(PAUSE_LIFETIME.total_seconds())},
        )  # fmt: skip
        return self._paused_until(until)

    def _paused_until(self, until: datetime) -> ClientPaused:
        return ClientPaused(int((until - self.rows.now).total_seconds()) + 1)
