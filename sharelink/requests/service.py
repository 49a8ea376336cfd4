"""The acts on one request inside a transaction: ask, look up, submit, retrieve, judge, remind, report.

Ending one before its time (withdraw, replace, expire) is the same for every share: `sharelink.shares.service`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError

from sharelink.audit.events import AuditEvent, Outcome
from sharelink.crypto.errors import SealBroken
from sharelink.crypto.header import SealKind
from sharelink.crypto.identifiers import id_text
from sharelink.crypto.link_keys import link_key_hash, link_key_text
from sharelink.crypto.link_tokens import TokenPurpose, sign_token
from sharelink.crypto.references import new_reference
from sharelink.crypto.request_keys import (
    fingerprint_matches,
    key_fingerprint,
    request_public_key,
    request_submit_key,
    submit_key_hash,
)
from sharelink.requests import statements
from sharelink.requests.errors import (
    AnswerDamaged,
    NotAnswered,
    NotJudgeable,
    RequestClosed,
    RequestNotAwaiting,
)
from sharelink.requests.fields import AnsweredField, RequestField, answer_from_bytes, fields_text
from sharelink.requests.links import RetrievalLink, SubmitLink
from sharelink.requests.rows import RequestFacts, find_request
from sharelink.requests.states import RequestTemplate, Verdict
from sharelink.shares import statements as share_statements
from sharelink.shares.attempts import TRIES_IN_ALL
from sharelink.shares.errors import AlreadyCreated, LinkUnavailable, ReportUnavailable, ShareDamaged, ShareEnded
from sharelink.shares.rows import ShareRows
from sharelink.shares.seals import SealedSecret
from sharelink.shares.states import ShareKind, ShareState

REFERENCE_PREFIX = "RQ"


@dataclass(frozen=True, slots=True, repr=False)
class NewRequest:
    """A request that is ready to be added. Holds the retrieval key only to derive the public half from it."""

    share_id: bytes
    custody_id: bytes
    creator_id: bytes
    requester_name: str
    form_id: bytes
    template: RequestTemplate
    fields: tuple[RequestField, ...]
    label: str
    purpose: str
    message: str
    created_at: datetime
    submit_until: datetime
    retrieve_lifetime: timedelta
    remind_at: datetime | None
    retrieval_key: bytes
    replaces_id: bytes | None = None


@dataclass(frozen=True, slots=True)
class SubmitReceipt:
    """What a customer keeps: what was received, when, under which event, sealed to which key. No secret."""

    reference: str
    received_at: datetime
    field_labels: tuple[str, ...]
    event_id: str
    key_fingerprint: str


@dataclass(frozen=True, slots=True)
class Requests:
    """The acts on requests, in one unit of work."""

    rows: ShareRows

    def add(self, new: NewRequest) -> tuple[SubmitLink, RetrievalLink]:
        """Add a request and return its two links, which are kept nowhere.

        Raises:
            AlreadyCreated: the same form made a request already.
        """
        public_key = request_public_key(new.retrieval_key, new.share_id)
        submit_key = request_submit_key(new.retrieval_key, new.share_id)
        fingerprint = key_fingerprint(public_key)
        try:
            self.rows.connection.execute(share_statements.insert_share, self._share_row(new))
        except IntegrityError as error:
            # A racing twin of this form committed meanwhile; its request is found by whoever asks again.
            raise AlreadyCreated(new.share_id, new.custody_id) from error
        self.rows.connection.execute(
            statements.insert_request,
            {
                "share_id": new.share_id,
                "reference": self._unused_reference(),
                "template": new.template,
                "fields": fields_text(new.fields),
                "message": new.message,
                "public_key": public_key,
                "submit_key_hash": submit_key_hash(new.share_id, submit_key),
                "submit_until": new.submit_until,
                "retrieve_lifetime_seconds": int(new.retrieve_lifetime.total_seconds()),
                "remind_at": new.remind_at,
            },
        )
        self.rows.append(
            AuditEvent.REQUEST_CREATED,
            new.share_id,
            new.custody_id,
            facts={
                "template": new.template.value,
                "submit_lifetime_seconds": int((new.submit_until - new.created_at).total_seconds()),
                "retrieve_lifetime_seconds": int(new.retrieve_lifetime.total_seconds()),
                "key_fingerprint": link_key_text(fingerprint),
                "replaces": id_text(new.replaces_id) if new.replaces_id is not None else None,
            },
            personal={"label": new.label} if new.label else {},
        )
        submit_token, retrieval_token = (
            sign_token(self.rows.keyring.token_keys, purpose, new.share_id, new.created_at)
            for purpose in (TokenPurpose.SUBMIT, TokenPurpose.RETRIEVE)
        )
        return (
            SubmitLink(submit_token, submit_key, fingerprint),
            RetrievalLink(retrieval_token, new.retrieval_key),
        )

    def find(self, link: SubmitLink | RetrievalLink) -> RequestFacts:
        """Return the request of a whole link; see `find_request`."""
        return find_request(self.rows, link)

    def is_first_opening(self, facts: RequestFacts) -> bool:
        """Tell whether this client looks at a waiting request for the first time; its creator's look is no opening."""
        if facts.state is not ShareState.AWAITING or facts.created_by == self.rows.actor.account_id:
            return False
        return facts.openings.by_me_at is None

    def note_opening(self, link: SubmitLink) -> None:
        """Record that this client has opened the submit link: one event per client while the answer is awaited."""
        facts = self.find(link)
        self.rows.hold_row(facts.id)
        if not self.is_first_opening(facts):
            return
        is_new = self.rows.connection.execute(
            share_statements.mark_opened(self.rows.dialect),
            {"share": facts.id, "me": self.rows.client_of(facts.id), "opened": self.rows.now, "count": 0},
        ).first()
        if is_new is not None:
            self.rows.append(AuditEvent.REQUEST_OPENED, facts.id, facts.custody_id)

    def trusted_key(self, facts: RequestFacts, link: SubmitLink) -> bytes | None:
        """Return the public key to which an answer is sealed; None if it is not the one that the link names."""
        public_key: bytes = self.rows.connection.execute(statements.key_of_request, {"share": facts.id}).scalar_one()
        return public_key if fingerprint_matches(public_key, link.fingerprint) else None

    def note_swapped_key(self, facts: RequestFacts) -> None:
        """Record that a customer's link names another key than the database holds."""
        self.rows.append(
            AuditEvent.REQUEST_KEY_MISMATCH, facts.id, facts.custody_id, outcome=Outcome.REFUSED, reason="key_mismatch"
        )

    def submit(self, facts: RequestFacts, sealed: SealedSecret, retrieve_until: datetime) -> None:
        """Take the sealed answer: exactly one caller ever returns from this.

        Raises:
            RequestClosed: somebody else, the end, or a withdrawal was first.
            SealingKeyRetired: the master key was retired since it was sealed.
        """
        self.rows.hold_master_key(sealed)
        won = self.rows.connection.execute(
            statements.submit,
            {
                "share": facts.id,
                "at": self.rows.now,
                "header": sealed.header,
                "outer": sealed.outer,
                "until": retrieve_until,
            },
        ).scalar()
        if won is None:
            raise RequestClosed("somebody was first, or it is over")
        event = self.rows.append(AuditEvent.REQUEST_SUBMITTED, facts.id, facts.custody_id)
        self.rows.connection.execute(
            statements.mark_submitted, {"share": facts.id, "at": self.rows.now, "event": event}
        )

    def receipt(self, facts: RequestFacts) -> SubmitReceipt:
        """Return the receipt of an answered request.

        Raises:
            LinkUnavailable: there is no answer yet, hence no receipt.
        """
        row = self.rows.connection.execute(statements.receipt_of_request, {"share": facts.id}).one()
        if row.submitted_at is None:
            raise LinkUnavailable("nothing was submitted")
        return SubmitReceipt(
            reference=facts.reference,
            received_at=row.submitted_at,
            field_labels=tuple(field.label for field in facts.fields),
            event_id=id_text(row.submitted_event),
            key_fingerprint=link_key_text(key_fingerprint(row.public_key)),
        )

    def open_answer(self, link: RetrievalLink) -> tuple[RequestFacts, tuple[AnsweredField, ...]]:
        """Return the answer; the caller claims it in the same transaction.

        Raises:
            LinkUnavailable: there is nothing for this link.
            NotAnswered, ShareEnded: there is nothing to retrieve yet, or any more.
            AnswerDamaged: the stored bytes do not open; nothing was consumed.
        """
        share_id = self.rows.verified(link.purpose, link.token, self.rows.limits.request_token_lifetime)
        self.rows.hold_row(share_id)
        facts = self.find(link)
        if facts.state is ShareState.AWAITING:
            raise NotAnswered("nothing was submitted yet")
        if facts.state is not ShareState.SEALED:
            raise ShareEnded(facts.state.value)
        try:
            sealed = self.rows.link_sealed(SealKind.REQUEST, facts.id, facts.custody_id, facts.expires_at)
            return facts, answer_from_bytes(sealed.opened_by_retrieval_key(link.retrieval_key))
        except (ShareDamaged, SealBroken) as error:
            raise AnswerDamaged("the stored answer does not open") from error

    def claim(self, facts: RequestFacts, purpose: str, ticket: str, use_id: bytes | None = None) -> str:
        """Take the answer: exactly one caller ever returns from this. Returns the receipt for acknowledging.

        `use_id` names the declared use in which it happens, if there is one.

        Raises:
            ShareEnded: somebody else, or the end, was first.
            ShareHeld: the record is on hold.
        """
        self.rows.end(facts.id, ShareState.REVEALED)
        self.rows.connection.execute(
            statements.mark_retrieved,
            {"share": facts.id, "name": self.rows.actor.name, "purpose": purpose, "ticket": ticket or None},
        )
        self.rows.append(
            AuditEvent.REQUEST_RETRIEVED, facts.id, facts.custody_id,
            facts={"purpose": purpose} | ({} if use_id is None else {"use": id_text(use_id)}),
            personal={"ticket": ticket} if ticket else {},
        )  # fmt: skip
        return sign_token(self.rows.keyring.token_keys, TokenPurpose.ACKNOWLEDGE, facts.id, self.rows.now)

    def judge(self, share_id: bytes, custody_id: bytes, verdict: Verdict, *, vault_reference: str, note: str) -> None:
        """Record how a retrieved answer turned out, once.

        Raises:
            NotJudgeable: it was not retrieved, or somebody has said it already.
        """
        judged = self.rows.connection.execute(
            statements.judge,
            {
                "share": share_id,
                "at": self.rows.now,
                "verdict": verdict,
                "vault": vault_reference or None,
                "note": note or None,
            },
        ).first()
        if judged is None:
            raise NotJudgeable("not retrieved, or judged before")
        event = AuditEvent.REQUEST_ACCEPTED if verdict is Verdict.WORKED else AuditEvent.REQUEST_REJECTED
        personal = {"vault_reference": vault_reference, "note": note}
        self.rows.append(event, share_id, custody_id, personal={name: text for name, text in personal.items() if text})

    def note_reminder(self, share_id: bytes, custody_id: bytes) -> None:
        """Record that somebody has reminded the customer.

        Raises:
            RequestNotAwaiting: there is nothing left to remind of.
        """
        noted = self.rows.connection.execute(statements.mark_reminded, {"share": share_id, "at": self.rows.now}).first()
        if noted is None:
            raise RequestNotAwaiting("it does not wait for an answer")
        self.rows.append(AuditEvent.REQUEST_REMINDED, share_id, custody_id)

    def report(self, link: SubmitLink) -> RequestFacts:
        """Record that the holder of an answered request's link says: this was not me. Once per request.

        Raises:
            LinkUnavailable: there is nothing for this visitor.
            ReportUnavailable: it was not answered, was reported before, or ended more than `REPORT_LIFETIME` ago.
        """
        facts = self.find(link)
        marked = None
        if facts.can_be_reported:
            marked = self.rows.connection.execute(
                statements.mark_answer_reported, {"share": facts.id, "at": self.rows.now}
            ).scalar()
        if marked is None:
            raise ReportUnavailable("nothing to report, or not any more")
        self.rows.append(
            AuditEvent.SHARE_TAMPER_REPORTED, facts.id, facts.custody_id,
            facts={"state": facts.state.value, "kind": ShareKind.REQUEST.value},
        )  # fmt: skip
        return facts

    def _share_row(self, new: NewRequest) -> dict[str, object]:
        return {
            "id": new.share_id,
            "kind": ShareKind.REQUEST,
            "state": ShareState.AWAITING,
            "custody_id": new.custody_id,
            "created_by": new.creator_id,
            "sender_name": new.requester_name,
            "form_id": new.form_id,
            "label": new.label,
            "instruction": new.purpose,
            "code_required": False,
            "code_waiver_reason": None,
            "created_at": new.created_at,
            "expires_at": new.submit_until,
            "tries_allowed": TRIES_IN_ALL,
            "replaces_id": new.replaces_id,
            "link_key_hash": link_key_hash(new.share_id, new.retrieval_key),
            "seal_header": None,
            "outer_ciphertext": None,
        }

    def _unused_reference(self) -> str:
        while True:
            reference = new_reference(REFERENCE_PREFIX)
            if self.rows.connection.execute(statements.reference_is_taken, {"reference": reference}).first() is None:
                return reference
