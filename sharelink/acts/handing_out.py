"""What leaves the house to be checked without us: the bundle of a statement, and receipts.

The issue of a statement is committed before its bundle is made, and the bundle reaches up to it. Proofs and files are
made outside of any transaction that writes; before they leave, the checkpoint is marked as handed out.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.orm import Session

from sharelink.actors import Actor, ActorKind
from sharelink.bundles import receipts
from sharelink.bundles.audiences import Audience
from sharelink.bundles.chain import Entry
from sharelink.bundles.contents import EVERY_NUMBERED, Evidence, Heading, OpenReading, bundle_files, evidence
from sharelink.bundles.kept import kept_checkpoint
from sharelink.bundles.packing import Download, zipped
from sharelink.bundles.statement_page import statement_page
from sharelink.bundles.statements import statement_scope
from sharelink.bundles.trust import trusted_policy, witnessed_before
from sharelink.crypto.identifiers import id_from_text, id_text, new_id
from sharelink.requests.links import SubmitLink
from sharelink.shares.errors import ShareNotFound
from sharelink.shares.links import OpenLink
from sharelink.shares.models import Share
from sharelink.statements.accesses import ALL_PAGES
from sharelink.statements.errors import NotTheCustomer
from sharelink.statements.links import StatementLink
from sharelink.statements.statement import Statement, custody_statement
from sharelink.tlog.policies import Policy
from sharelink.tlog.signed_notes import base64_text
from sharelink.unit_of_work import UnitOfWork
from sharelink.work import Work


@dataclass(frozen=True, slots=True)
class BundleOrder:
    """How a bundle is wanted.

    `render` makes the sheet that people read, as markup. `kept_text` is a checkpoint that the reader has kept, as the
    file of an earlier bundle; may be empty.
    """

    render: Callable[[Statement], str]
    kept_text: str = ""


def statement_for_staff(unit_of_work: UnitOfWork, actor: Actor, custody_id: bytes, order: BundleOrder) -> Download:
    """Issue a statement to somebody of ours, and return its bundle.

    Raises:
        RecordNotFound: there is no such record.
        InvalidInput: in "checkpoint".
    """
    return _issue(unit_of_work, actor, custody_id, None, order)


def statement_for_customer(unit_of_work: UnitOfWork, actor: Actor, link: StatementLink, order: BundleOrder) -> Download:
    """Issue a statement to the holder of a whole link, and return its bundle.

    Raises:
        LinkUnavailable, StatementLinkEnded: there is nothing for this visitor; nothing was written.
        NotTheCustomer: somebody of ours is signed in.
        InvalidInput: in "checkpoint".
    """
    with unit_of_work.read(actor) as work:
        facts = work.statements.find(link)
    if actor.kind is not ActorKind.PUBLIC:
        raise NotTheCustomer("somebody of ours looks at the customer's link")
    return _issue(unit_of_work, actor, facts.custody_id, link, order)


def receipt_of_share(unit_of_work: UnitOfWork, share_id: bytes) -> Download:
    """Return the receipt of a share for somebody who may read its record.

    Raises:
        ShareNotFound: there is no such share.
        NoReceipt: nothing has happened yet that could be attested.
    """
    with unit_of_work.read() as work:
        share = work.session.get(Share, share_id)
        if share is None:
            raise ShareNotFound("no such share")
        entries = receipts.share_receipt_entries(work.session, share)
    return _receipt(unit_of_work, entries, id_text(share_id))


def receipt_for_recipient(unit_of_work: UnitOfWork, actor: Actor, link: OpenLink) -> Download:
    """Return the receipt of a send to the holder of its whole link.

    Raises:
        LinkUnavailable: there is nothing for this visitor.
        NoReceipt: nothing has happened yet that could be attested.
    """
    with unit_of_work.read(actor) as work:
        share_id = work.shares.find(link).id
    return receipt_of_share(unit_of_work, share_id)


def receipt_by_acknowledgement(unit_of_work: UnitOfWork, actor: Actor, acknowledgement: str) -> Download:
    """Return the receipt of a send to the page that has just shown it, and holds no link any more.

    Raises:
        LinkUnavailable: there is nothing for this visitor.
    """
    with unit_of_work.read(actor) as work:
        share_id = work.shares.share_of_receipt(acknowledgement)
    return receipt_of_share(unit_of_work, share_id)


def receipt_for_submitter(unit_of_work: UnitOfWork, actor: Actor, link: SubmitLink) -> Download:
    """Return the receipt of an answered request to the holder of its submit link.

    Raises:
        LinkUnavailable: there is nothing for this visitor.
        NoReceipt: nothing has been submitted.
    """
    with unit_of_work.read(actor) as work:
        share_id = work.requests.find(link).id
    return receipt_of_share(unit_of_work, share_id)


def receipt_of_end(unit_of_work: UnitOfWork, custody_id: bytes) -> Download:
    """Return the receipt of the end of custody.

    Raises:
        NoReceipt: custody has not ended.
    """
    with unit_of_work.read() as work:
        entries = receipts.record_receipt_entries(work.session, custody_id)
    return _receipt(unit_of_work, entries, id_text(custody_id))


def receipt_for_customer(unit_of_work: UnitOfWork, actor: Actor, link: StatementLink, share_text: str) -> Download:
    """Return the receipt of a share of the record, or of the end of custody (""), to the holder of a statement's link.

    Raises:
        LinkUnavailable, StatementLinkEnded: there is nothing for this visitor.
        ShareNotFound: the record has no such share.
        NoReceipt: nothing has happened yet that could be attested.
    """
    with unit_of_work.read(actor) as work:
        custody_id = work.statements.find(link).custody_id
        share_id = _share_of(work, custody_id, share_text) if share_text else None
    return receipt_of_end(unit_of_work, custody_id) if share_id is None else receipt_of_share(unit_of_work, share_id)


def _share_of(work: Work, custody_id: bytes, share_text: str) -> bytes:
    try:
        share = work.session.get(Share, id_from_text(share_text))
    except ValueError:
        share = None
    if share is None or share.custody_id != custody_id:
        raise ShareNotFound("not a share of this record")
    return share.id


def _issue(
    unit_of_work: UnitOfWork, actor: Actor, custody_id: bytes, link: StatementLink | None, order: BundleOrder
) -> Download:
    audience = Audience.STAFF if link is None else Audience.CUSTOMER
    with unit_of_work.read(actor) as work:
        statement = custody_statement(work.session, custody_id, work.now, ALL_PAGES)
        kept = kept_checkpoint(work.session, unit_of_work.log_keys, order.kept_text)
    reference = statement.record.reference
    page = statement_page(order.render(statement), title=f"Custody statement {reference}", number=id_text(new_id()))
    digest = base64_text(hashlib.sha256(page).digest())
    with unit_of_work.write(actor) as work:
        # Once more: the link may have been revoked while the page was made.
        contact_name = None if link is None else work.statements.find(link).contact_name
        event_id = work.bundles.issue(custody_id, audience, digest, contact_name)
    with unit_of_work.read(actor) as work:
        scope = statement_scope(
            work.session, custody_id, event_id, audience, kept=kept, witnesses=unit_of_work.witnesses
        )
        made_at = work.now
    found = evidence(_reading(unit_of_work), scope.checkpoint, scope.entries, audience=audience, older=scope.older)
    about = (
        f"What the audit log holds about record {reference}, from its first entry to the\n"
        "issue of this statement: each entry to the letter, with the proof that it stands\n"
        "in the log."
    )
    heading = Heading(f"Custody statement {reference}", about, made_at)
    files = bundle_files(found, _trusted(unit_of_work), heading, shell_entries=EVERY_NUMBERED, page=page)
    download = Download(f"statement-{reference}-{made_at:%Y-%m-%d}.zip", zipped(files, made_at))
    return _handed_out(unit_of_work, found, download)


def _receipt(unit_of_work: UnitOfWork, entries: Mapping[str, Entry], number: str) -> Download:
    with unit_of_work.read() as work:
        checkpoint = receipts.receipt_checkpoint(work.session, entries, unit_of_work.witnesses)
        witnessed = witnessed_before(work.session, unit_of_work.witnesses, checkpoint)
        made_at = work.now
    # No disclosures: what a receipt attests stands in the entry, and where somebody came from is not for whoever holds
    # a link.
    found = evidence(_reading(unit_of_work), checkpoint, entries, audience=None, older=[witnessed] if witnessed else [])
    about = "Each entry of the audit log in here, with the proof that it stands in the log:\n" + _told(found.entries)
    names = " ".join(f"{name}.json" for name in found.entries)
    heading = Heading(f"Receipt {number}", about, made_at)
    files = bundle_files(found, _trusted(unit_of_work), heading, shell_entries=names)
    return _handed_out(unit_of_work, found, Download(f"receipt-{number}.zip", zipped(files, made_at)))


def _trusted(unit_of_work: UnitOfWork) -> Policy:
    return trusted_policy(unit_of_work.log_keys, unit_of_work.witnesses)


def _reading(unit_of_work: UnitOfWork) -> OpenReading:
    @contextmanager
    def reading() -> Iterator[Session]:
        with unit_of_work.read() as work:
            yield work.session

    return reading


def _told(entries: Mapping[str, Entry]) -> str:
    return "\n".join(f"  {name}.json: {receipts.WORDS[name]}" for name in entries)


def _handed_out(unit_of_work: UnitOfWork, found: Evidence, download: Download) -> Download:
    if found.checkpoint.handed_out_at is None:
        with unit_of_work.write(Actor.system()) as work:
            work.bundles.note_handed_out(found.checkpoint.size)
    return download
