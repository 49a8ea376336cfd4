"""The acts on one share inside a transaction: add, look up, open, claim, decline, acknowledge, expire.

Counting tries at an access code is in `attempts`. The acts that need more than one transaction, or work outside of any,
are composed from these in `sharelink.acts`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError

from sharelink.audit.events import AuditEvent
from sharelink.crypto.errors import SealBroken
from sharelink.crypto.identifiers import id_text
from sharelink.crypto.link_keys import link_key_hash
from sharelink.crypto.link_tokens import TokenPurpose, sign_token
from sharelink.shares import statements
from sharelink.shares.attempts import TRIES_IN_ALL
from sharelink.shares.errors import (
    AlreadyCreated,
    ReportUnavailable,
    ShareDamaged,
    ShareEnded,
    ShareNotFound,
    ShareNotLocked,
    ShareReplaced,
)
from sharelink.shares.links import OpenLink
from sharelink.shares.rows import ShareFacts, ShareRows
from sharelink.shares.seals import SealedSecret
from sharelink.shares.states import LIVE_STATES, EndReason, ShareKind, ShareState

ACKNOWLEDGE_LIFETIME = timedelta(days=1)
MORE_TRIES = 5


@dataclass(frozen=True, slots=True, repr=False)
class NewSend:
    """A send that is sealed and ready to be added. Holds the link key only to hash it."""

    share_id: bytes
    custody_id: bytes
    creator_id: bytes
    sender_name: str
    form_id: bytes
    label: str
    instruction: str
    code_waiver_reason: str | None
    created_at: datetime
    expires_at: datetime
    link_key: bytes
    sealed: SealedSecret
    replaces_id: bytes | None = None


@dataclass(frozen=True, slots=True)
class Shares:
    """The acts on shares, in one unit of work."""

    rows: ShareRows

    def made_by_form(self, creator_id: bytes, form_id: bytes) -> None:
        """Do nothing if this form has made no share yet.

        Raises:
            AlreadyCreated: it has; a form makes one share however often it is sent.
        """
        found = self.rows.connection.execute(statements.find_by_form, {"creator": creator_id, "form": form_id}).first()
        if found is not None:
            raise AlreadyCreated(found.id, found.custody_id)

    def add(self, new: NewSend) -> str:
        """Add a sealed send and return its token. Ask `made_by_form` first.

        Raises:
            AlreadyCreated: the same form has made a share since.
            SealingKeyRetired: its master key was retired since it was sealed.
        """
        self.rows.hold_master_key(new.sealed)
        row = {
            "id": new.share_id,
            "kind": ShareKind.SEND,
            "state": ShareState.SEALED,
            "custody_id": new.custody_id,
            "created_by": new.creator_id,
            "sender_name": new.sender_name,
            "form_id": new.form_id,
            "label": new.label,
            "instruction": new.instruction,
            "code_required": new.code_waiver_reason is None,
            "code_waiver_reason": new.code_waiver_reason,
            "created_at": new.created_at,
            "expires_at": new.expires_at,
            "tries_allowed": TRIES_IN_ALL,
            "replaces_id": new.replaces_id,
            "link_key_hash": link_key_hash(new.share_id, new.link_key),
            "seal_header": new.sealed.header,
            "outer_ciphertext": new.sealed.outer,
        }
        try:
            self.rows.connection.execute(statements.insert_share, row)
        except IntegrityError as error:
            # On PostgreSQL a racing twin of this form may have committed between the look-up and the insert. Its share
            # is found by whoever asks again; this transaction is lost either way.
            raise AlreadyCreated(new.share_id, new.custody_id) from error
        personal = {"label": new.label} if new.label else {}
        if new.code_waiver_reason is not None:
            personal["code_waiver_reason"] = new.code_waiver_reason
        self.rows.append(
            AuditEvent.SHARE_CREATED,
            new.share_id,
            new.custody_id,
            facts={
                "kind": ShareKind.SEND.value,
                "code_required": new.code_waiver_reason is None,
                "lifetime_seconds": int((new.expires_at - new.created_at).total_seconds()),
                "replaces": id_text(new.replaces_id) if new.replaces_id is not None else None,
            },
            personal=personal,
        )
        return sign_token(self.rows.keyring.token_keys, TokenPurpose.OPEN, new.share_id, new.created_at)

    def find(self, link: OpenLink) -> ShareFacts:
        """Return the share of a whole link. Writes nothing; its query gives strangers nothing (promise 7).

        Raises:
            LinkUnavailable: unknown, forged, or with another key than the share's.
        """
        return self.rows.find(link)

    def look(self, link: OpenLink) -> ShareFacts:
        """Return the same with its openings; raises as `find`."""
        facts = self.rows.find(link)
        return replace(facts, openings=self.rows.openings(facts.id))

    def is_first_opening(self, facts: ShareFacts) -> bool:
        """Tell whether this client looks at a live share for the first time; its creator's look is no opening.

        `facts` are those of `look`.
        """
        if facts.state not in LIVE_STATES or facts.created_by == self.rows.actor.account_id:
            return False
        if facts.openings is None:
            raise ValueError("nobody has asked for the openings: `look`")
        return facts.openings.by_me_at is None

    def note_opening(self, facts: ShareFacts) -> None:
        """Record that this client has opened the share's page: one event per client while the share lives."""
        self.rows.hold_row(facts.id)
        still = self.rows.connection.execute(statements.facts_of_share, {"share": facts.id}).first()
        if still is None or still.state not in LIVE_STATES:
            return
        is_new = self.rows.connection.execute(
            statements.mark_opened(self.rows.dialect),
            {"share": facts.id, "me": self.rows.client_of(facts.id), "opened": self.rows.now, "count": 0},
        ).first()
        if is_new is not None:
            self.rows.append(AuditEvent.SHARE_OPENED, facts.id, facts.custody_id)

    def open_without_code(self, link: OpenLink) -> tuple[ShareFacts, bytes]:
        """Return facts and secret of a share that needs no code; the caller claims it in the same transaction.

        Raises:
            LinkUnavailable, ShareEnded, OwnShare, ShareDamaged: nothing was consumed.
        """
        facts, sealed = self.rows.openable(link)
        if facts.code_required:
            raise ShareDamaged("this share has a code")
        try:
            return facts, sealed.opened_by_link(link.link_key, None)
        except SealBroken as error:
            raise ShareDamaged("the stored bytes do not open") from error

    def claim(self, facts: ShareFacts) -> str:
        """Take the share: exactly one caller ever returns from this (promise 1). Returns the receipt for acknowledging.

        Raises:
            ShareEnded: somebody else, the end, or a lock was first.
        """
        self.rows.end(facts.id, ShareState.REVEALED)
        self.rows.append(AuditEvent.SHARE_REVEALED, facts.id, facts.custody_id)
        return sign_token(self.rows.keyring.token_keys, TokenPurpose.ACKNOWLEDGE, facts.id, self.rows.now)

    def decline(self, facts: ShareFacts, note: str) -> None:
        """Burn the share unread on behalf of its recipient, with a note to the sender.

        Raises:
            ShareEnded: it had ended already.
        """
        self.rows.end(facts.id, ShareState.BURNED, EndReason.DECLINED, note or None)
        self.rows.append(
            AuditEvent.SHARE_BURNED, facts.id, facts.custody_id, reason=EndReason.DECLINED.value,
            personal={"note": note} if note else {},
        )  # fmt: skip

    def expire(self, share_id: bytes) -> bool:
        """End the share if its time has come, so that a clock set back cannot revive it; return whether this did it."""
        ended = self.rows.connection.execute(statements.expire, {"share": share_id, "at": self.rows.now}).first()
        if ended is None:
            return False
        self.rows.connection.execute(statements.forget_clients, {"share": share_id})
        self.rows.append(AuditEvent.SHARE_EXPIRED, share_id, ended.custody_id, facts=_told_of(ended))
        return True

    def report(self, link: OpenLink) -> ShareFacts:
        """Record that the holder of an ended share's link says: this was not me. Once per share.

        Raises:
            LinkUnavailable: there is nothing for this visitor.
            ReportUnavailable: the share is live, was reported before, or ended more than `REPORT_LIFETIME` ago.
        """
        facts = self.find(link)
        marked = None
        if facts.can_be_reported:
            marked = self.rows.connection.execute(
                statements.mark_reported, {"share": facts.id, "at": self.rows.now}
            ).scalar()
        if marked is None:
            raise ReportUnavailable("nothing to report, or not any more")
        self.rows.append(
            AuditEvent.SHARE_TAMPER_REPORTED, facts.id, facts.custody_id, facts={"state": facts.state.value}
        )
        return facts

    def withdraw(self, share_id: bytes, why: EndReason, note: str) -> bytes:
        """Burn a live share unread on behalf of staff; return its record's id.

        Raises:
            ShareEnded: it had ended already.
        """
        burned = self.rows.connection.execute(
            statements.burn, {"share": share_id, "at": self.rows.now, "why": why, "note": note or None}
        ).first()
        if burned is None:
            raise ShareEnded("it has ended already")
        self.rows.connection.execute(statements.forget_clients, {"share": share_id})
        self.rows.append(
            AuditEvent.SHARE_BURNED, share_id, burned.custody_id, reason=why.value, facts=_told_of(burned),
            personal={"note": note} if note else {},
        )  # fmt: skip
        return bytes(burned.custody_id)

    def replace(self, share_id: bytes, custody_id: bytes) -> None:
        """Burn the share that is about to be sent anew, if it still lives: two links for one handover are never open.

        Raises:
            ShareNotFound: there is no such share on this record.
            ShareReplaced: it was sent anew before.
        """
        # Two people who send the same share anew: the second must see what the first has made.
        self.rows.hold_row(share_id)
        row = self.rows.connection.execute(statements.facts_of_share, {"share": share_id}).first()
        if row is None or bytes(row.custody_id) != custody_id:
            raise ShareNotFound("there is no such share on this record")
        if self.rows.connection.execute(statements.replacement_of, {"share": share_id}).first() is not None:
            raise ShareReplaced("it was sent anew before")
        # Revealed without confirmation, expired, declined: nothing to burn, and the link between the two stays.
        if row.state in LIVE_STATES:
            self.withdraw(share_id, EndReason.REPLACED, "")

    def unlock(self, share_id: bytes) -> None:
        """Let a locked share be tried `MORE_TRIES` times more.

        Raises:
            ShareNotLocked: it is not locked, or its time is over.
        """
        custody_id = self.rows.connection.execute(
            statements.unlock, {"share": share_id, "at": self.rows.now, "more": MORE_TRIES}
        ).scalar()
        if custody_id is None:
            raise ShareNotLocked("only a locked share can be unlocked")
        self.rows.connection.execute(statements.forgive_clients, {"share": share_id})
        self.rows.append(AuditEvent.SHARE_UNLOCKED, share_id, custody_id, facts={"more_tries": MORE_TRIES})

    def share_of_receipt(self, receipt: str) -> bytes:
        """Return the id of the share whose page holds this receipt. Reads nothing.

        Raises:
            LinkUnavailable: the receipt is not one of ours.
        """
        return self.rows.verified(TokenPurpose.ACKNOWLEDGE, receipt, ACKNOWLEDGE_LIFETIME)

    def acknowledge(self, share_id: bytes, *, stored: bool) -> None:
        """Record that the page has shown the secret, or that its recipient stored it. Repeating is harmless."""
        statement = statements.mark_stored if stored else statements.mark_displayed
        marked = self.rows.connection.execute(statement, {"share": share_id, "at": self.rows.now}).first()
        if marked is not None:
            event = AuditEvent.SHARE_STORED if stored else AuditEvent.SHARE_DISPLAYED
            facts = {"kind": marked.kind.value} if marked.kind is ShareKind.REQUEST else None
            self.rows.append(event, share_id, marked.custody_id, facts=facts)

    def expire_due(self, most: int) -> int:
        """End up to `most` shares whose time has come; return how many. Safe to run in several processes at once."""
        due = self.rows.connection.execute(statements.due_shares, {"at": self.rows.now, "most": most}).scalars().all()
        return sum(self.expire(share_id) for share_id in due)

    def live_before(self, end: datetime) -> int:
        """Return how many live shares end before `end`: their epoch keys must not be destroyed."""
        return int(self.rows.connection.execute(statements.live_on_epoch_days, {"end": end}).scalar_one())


def _told_of(ended: Any) -> dict[str, str | int | bool | None]:
    """Return what the event of an end says of a request: whether there was an answer. Of a send it is plain."""
    if ended.kind is not ShareKind.REQUEST:
        return {}
    return {"kind": ended.kind.value, "answered": ended.seal_header is not None}
