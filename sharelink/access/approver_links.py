"""The customer's approval: a link per contact and use, made when it is mailed, and a code that is mailed on request.

Neither is ever shown to anybody of ours. The link says what is to be approved; only link and code together decide.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharelink.access.approvals import approving_contacts
from sharelink.access.digest import use_digest
from sharelink.access.errors import NotAnApprover, TooManyCodes, UseMovedOn
from sharelink.access.links import ApproverLink
from sharelink.access.models import ApprovalCode, ApprovalLink, RootUse
from sharelink.access.queries import UseLine, use_line
from sharelink.access.rows import CODE_KIND, LINK_KIND, Decider, UseRows
from sharelink.access.states import (
    CODE_LIFETIME,
    CODE_TRIES,
    CODES_PER_LINK,
    LINK_LIFETIME,
    UseState,
    Verdict,
)
from sharelink.actors import Actor
from sharelink.audit.events import AuditEvent, Outcome
from sharelink.audit.log import AuditLog
from sharelink.crypto.access_codes import new_access_code, normalised_code, spoken_code
from sharelink.crypto.approval_codes import approval_code_hash, approval_code_matches
from sharelink.crypto.errors import TokenRejected
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.crypto.keyring import Keyring
from sharelink.crypto.link_keys import link_key_hash, new_link_key
from sharelink.crypto.link_tokens import TokenPurpose, sign_token, verify_token
from sharelink.custody.models import Contact, CustodyRecord
from sharelink.shares.errors import LinkUnavailable
from sharelink.shares.rows import TRUTH_LIFETIME


@dataclass(frozen=True, slots=True)
class ApprovalFacts:
    """What the holder of a whole link may know: what is to be approved, and what became of it."""

    link_id: bytes
    use: UseLine
    digest_text: str
    aws_account_id: str
    contact_name: str
    contact_email: str
    link_expires_at: datetime
    used_at: datetime | None
    own_verdict: Verdict | None
    is_open: bool
    codes_left: int


@dataclass(frozen=True, slots=True)
class TriedCode:
    """How a try at a code ended. `state` is where the use stands after a right one; None after a wrong one."""

    state: UseState | None
    tries_left: int


@dataclass(frozen=True, slots=True)
class ApproverLinks:
    """Links and codes of the customer's approvers, in one unit of work."""

    session: Session
    audit: AuditLog
    keyring: Keyring
    actor: Actor
    now: datetime

    def find(self, link: ApproverLink) -> ApprovalFacts:
        """Return what a whole link is about.

        Raises:
            LinkUnavailable: there is nothing for this visitor.
        """
        row = self._row(link)
        use = self.session.get_one(RootUse, row.use_id, populate_existing=True)
        record = self.session.get_one(CustodyRecord, use.custody_id, populate_existing=True)
        contact = self._contact(row)
        decision = self.rows.decision_of_contact(use.id, contact.id)
        return ApprovalFacts(
            link_id=row.id,
            use=use_line(self.session, use.id),
            digest_text=use.digest.hex(),
            aws_account_id=record.aws_account_id or "",
            contact_name=contact.name,
            contact_email=contact.email,
            link_expires_at=row.expires_at,
            used_at=row.used_at,
            own_verdict=None if decision is None else decision.verdict,
            is_open=self._is_open(row, use),
            codes_left=CODES_PER_LINK - self._codes(row.id),
        )

    def is_first_opening(self, link: ApproverLink) -> bool:
        """Tell whether nobody has opened the link before."""
        return self._row(link).opened_at is None

    def note_opening(self, link: ApproverLink) -> None:
        """Record that the link was opened: one event, at the first time."""
        row = self._row(link, lock=True)
        if row.opened_at is None:
            row.opened_at = self.now
            self.session.flush()
            self._append(AuditEvent.ACCESS_LINK_OPENED, row)

    def ask_code(self, link: ApproverLink) -> None:
        """Have a code mailed to the link's contact; an earlier code is worth nothing any more.

        Raises:
            LinkUnavailable: there is nothing for this visitor.
            NotAnApprover: the visitor is one of ours, or the contact may not decide any more.
            UseMovedOn: there is nothing left to decide.
            TooManyCodes: no more are mailed for this link.
        """
        row, use = self._ready(link)
        count = self._codes(row.id)
        if count >= CODES_PER_LINK:
            raise TooManyCodes("enough codes for one link")
        code = ApprovalCode(
            id=new_id(), link_id=row.id, number=count + 1, code_hash=None, asked_at=self.now, expires_at=None, tries=0
        )
        self.session.add(code)
        self.session.flush()
        self.rows.append(
            AuditEvent.ACCESS_CODE_ASKED,
            use,
            about=(CODE_KIND, code.id),
            facts={"use": id_text(use.id), "contact": id_text(row.contact_id)},
            personal={"contact_name": self._contact(row).name},
        )

    def decide(self, link: ApproverLink, digest: bytes, verdict: Verdict, note: str, typed_code: str) -> TriedCode:
        """Approve or deny for the link's contact, if the code is right; a wrong one is counted, and told in the result.

        A right code works once. Whatever this returns must be committed: the count of tries is in it.

        Raises:
            LinkUnavailable, NotAnApprover, UseMovedOn: see `ask_code`.
            WindowClosed, UseChanged, PolicyChanged, AlreadyDecided: see `UseRows.decide`; the code is not used up.
        """
        row, use = self._ready(link)
        code = self._newest_code(row.id)
        usable = (
            code is not None
            and code.code_hash is not None
            and code.expires_at is not None
            and code.expires_at > self.now
            and code.tries < CODE_TRIES
        )
        if code is None or code.code_hash is None or not usable:
            return TriedCode(None, 0)
        typed = normalised_code(typed_code)
        if typed is None or not approval_code_matches(self.keyring.client_keys, code.id, typed, code.code_hash):
            code.tries += 1
            self.session.flush()
            left = CODE_TRIES - code.tries
            self._append(AuditEvent.ACCESS_CODE_FAILED, row, facts={"tries_left": left}, outcome=Outcome.REFUSED)
            return TriedCode(None, left)
        contact = self._contact(row)
        state = self.rows.decide(use, Decider(contact.name, contact_id=contact.id), digest, verdict, note)
        row.used_at = self.now
        code.code_hash = None
        self.session.flush()
        return TriedCode(state, 0)

    def make_link(self, link_id: bytes) -> tuple[Contact, ApproverLink] | None:
        """Return contact and link for the mail that is about to leave, with a fresh key; an earlier key is dead.

        None if there is nothing left to decide, or not by this contact: then no mail leaves.
        """
        row = self.session.get(ApprovalLink, link_id, with_for_update=True, populate_existing=True)
        if row is None or not self._may_be_told(row):
            return None
        key = new_link_key()
        row.key_hash = link_key_hash(row.id, key)
        self.session.flush()
        token = sign_token(self.keyring.token_keys, TokenPurpose.APPROVE, row.id, self.now)
        return self._contact(row), ApproverLink(token, key)

    def make_code(self, code_id: bytes) -> tuple[Contact, RootUse, str] | None:
        """Return contact, use and a fresh code (as it is shown) for the mail that is about to leave; None as above."""
        code = self.session.get(ApprovalCode, code_id, with_for_update=True, populate_existing=True)
        if code is None or self.now >= code.asked_at + CODE_LIFETIME or code.tries >= CODE_TRIES:
            return None
        row = self.session.get_one(ApprovalLink, code.link_id, populate_existing=True)
        newest = self._newest_code(row.id)
        if newest is None or newest.id != code.id or not self._may_be_told(row):
            return None
        text = new_access_code()
        code.code_hash = approval_code_hash(self.keyring.client_key, code.id, text)
        code.expires_at = self.now + CODE_LIFETIME
        self.session.flush()
        return self._contact(row), self.session.get_one(RootUse, row.use_id), spoken_code(text)

    @property
    def rows(self) -> UseRows:
        """The rows of uses."""
        return UseRows(self.session, self.audit, self.actor, self.now)

    def _row(self, link: ApproverLink, *, lock: bool = False) -> ApprovalLink:
        """Return the row of a whole link, by a query that gives strangers nothing, whatever they lack (promise 7)."""
        try:
            link_id, _signed_at = verify_token(
                self.keyring.token_keys, TokenPurpose.APPROVE, link.token, self.now, LINK_LIFETIME + TRUTH_LIFETIME
            )
        except TokenRejected as error:
            raise LinkUnavailable("not a link of ours") from error
        wanted = select(ApprovalLink).where(
            ApprovalLink.id == link_id, ApprovalLink.key_hash == link_key_hash(link_id, link.key)
        )
        row = self.session.scalars(
            wanted.with_for_update() if lock else wanted, execution_options={"populate_existing": True}
        ).first()
        if row is None:
            raise LinkUnavailable("not the key of this link")
        return row

    def _ready(self, link: ApproverLink) -> tuple[ApprovalLink, RootUse]:
        """Return link and use, locked in the order of all acts, if the link may decide now."""
        found = self._row(link)
        use = self.rows.locked(found.use_id)
        row = self._row(link, lock=True)
        if self.actor.account_id is not None:
            raise NotAnApprover("whoever has an account here is not the customer")
        if not self._is_open(row, use):
            raise UseMovedOn(use.state)
        if row.contact_id not in {contact.id for contact in approving_contacts(self.session, use.custody_id)}:
            raise NotAnApprover("not a confirmed contact of the customer any more")
        return row, use

    def _is_open(self, row: ApprovalLink, use: RootUse) -> bool:
        return (
            row.used_at is None
            and self.now < row.expires_at
            and self.now < use.expires_at
            and use.state is UseState.REQUESTED
        )

    def _may_be_told(self, row: ApprovalLink) -> bool:
        use = self.session.get_one(RootUse, row.use_id, populate_existing=True)
        contacts = {contact.id for contact in approving_contacts(self.session, use.custody_id)}
        return self._is_open(row, use) and row.contact_id in contacts and use_digest(use) == use.digest

    def _contact(self, row: ApprovalLink) -> Contact:
        return self.session.get_one(Contact, row.contact_id, populate_existing=True)

    def _codes(self, link_id: bytes) -> int:
        return self.session.scalar(select(func.count()).where(ApprovalCode.link_id == link_id)) or 0

    def _newest_code(self, link_id: bytes) -> ApprovalCode | None:
        wanted = (
            select(ApprovalCode).where(ApprovalCode.link_id == link_id).order_by(ApprovalCode.number.desc()).limit(1)
        )
        return self.session.scalars(wanted, execution_options={"populate_existing": True}).first()

    def _append(
        self,
        event: AuditEvent,
        row: ApprovalLink,
        *,
        facts: dict[str, str | int | bool | None] | None = None,
        outcome: Outcome = Outcome.SUCCESS,
    ) -> None:
        use = self.session.get_one(RootUse, row.use_id)
        self.rows.append(
            event,
            use,
            about=(LINK_KIND, row.id),
            facts={"use": id_text(use.id), "contact": id_text(row.contact_id)} | (facts or {}),
            personal={"contact_name": self._contact(row).name},
            outcome=outcome,
        )
