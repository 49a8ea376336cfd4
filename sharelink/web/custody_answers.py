"""Answers to the facts of custody: records, uses, statements, and what is told to whom."""

from collections.abc import Mapping

from sharelink.access import errors as access
from sharelink.bundles import errors as bundles
from sharelink.cloudtrail import errors as cloudtrail
from sharelink.custody import errors as custody
from sharelink.errors import SharelinkError
from sharelink.outbox import errors as outbox
from sharelink.statements import errors as statements
from sharelink.web.answers import FORBIDDEN, NOT_FOUND, Answer

CUSTODY_ANSWERS: Mapping[type[SharelinkError], Answer] = {
    custody.RecordNotFound: NOT_FOUND,
    bundles.NoReceipt: Answer(
        409, "There is nothing to attest yet", "A receipt says what has happened.", "Come back when it has."
    ),
    custody.RecordArchived: Answer(
        409, "This record is archived", "Nothing can be added to it.", "Restore it first, or choose another record."
    ),
    custody.RecordChangedMeanwhile: Answer(
        409, "Somebody else changed this record", "Your changes were not saved.", "Look at the record and try again."
    ),
    custody.NoHold: Answer(409, "This record is not on hold", "The hold was lifted already.", "Look at the record."),
    custody.ActNotAllowed: Answer(
        409,
        "The record is not at that point",
        "Where it stands now, this cannot be done. Nothing was changed.",
        "Look at the record: its page says what comes next.",
    ),
    custody.ContactNotConfirmed: Answer(
        409,
        "This contact is not confirmed",
        "A second person must have confirmed the address first. Nothing was changed.",
        "Look at the record's contacts.",
    ),
    custody.ContactNotFound: Answer(409, "This contact is gone", "It was removed.", "Look at the record's contacts."),
    custody.ItemNotFound: Answer(409, "This item is gone", "It was removed.", "Look at the record's items."),
    custody.GroupsNotApart: Answer(
        409,
        "Nobody may be in both groups",
        "One group keeps the password, the other the second factor: no one person may hold both. Nothing was changed.",
        "Take the person out of one of the groups first, or choose another group.",
    ),
    custody.ProposalUnavailable: Answer(
        409,
        "This cannot be decided any more",
        "It was decided, is too old, or something that it is about has changed since. Nothing was changed now.",
        "Look at the record, and propose it once more if it is still wanted.",
    ),
    custody.ProposalWaits: Answer(
        409, "This was proposed before", "It waits for a second person.", "Ask a colleague to open the record."
    ),
    custody.OwnProposal: Answer(
        403, "You proposed this yourself", "A second person must confirm it.", "Ask a colleague to open the record."
    ),
    custody.CustodianNeeded: Answer(
        403,
        "A custodian of the record is needed",
        "One of the two people must be a custodian of the record's group. Nothing was changed.",
        "Ask a custodian to open the record.",
    ),
    custody.NothingToVerify: Answer(
        409, "There is no secret to speak of", "Nothing was changed.", "Look at the record: what was received?"
    ),
    custody.LiveSharesRemain: Answer(
        409, "Links of this record can still be opened", "So it cannot be archived yet.", "Wait until they have ended."
    ),
    access.UseNotFound: NOT_FOUND,
    access.AccessRefused: FORBIDDEN,
    access.OwnUse: Answer(
        403,
        "You declared this use yourself",
        "Nobody approves, denies or reviews their own. This try is on the record.",
        "Ask a colleague.",
    ),
    access.NotAnApprover: Answer(
        403,
        "You may not decide about this use",
        "Only approvers, the custodians of the record and, where its policy says so, the customer may. Nothing was "
        "changed, and this try is on the record.",
    ),
    access.UseChanged: Answer(
        409,
        "This is not what was declared",
        "What was approved, or shown to you, is not what is stored now. Nothing was done, and this is on the record.",
        "Load the page again. If it says the same, tell an auditor.",
    ),
    access.PolicyChanged: Answer(
        409,
        "The policy of the record has changed",
        "The use was declared under the earlier one, so it is not good any more. Nothing was done.",
        "Check it in or withdraw it, and declare it once more.",
    ),
    access.NotApproved: Answer(
        409,
        "This use is not approved",
        "It waits for approvals, or those who gave them may not decide any more, or too much time has passed. Nothing "
        "was done.",
        "Look at the page of the use: it says what is still needed.",
    ),
    access.WindowClosed: Answer(
        409,
        "This is outside of the window",
        "The time that was declared has not begun, or is over. Nothing was done.",
        "Wait for it, or declare the use once more.",
    ),
    access.NotItsUser: Answer(
        409,
        "This is not yours to use",
        "A use is begun, withdrawn and used by whoever declared it, as long as they are a custodian of the record.",
        "Declare one of your own, or ask whoever declared this one.",
    ),
    access.UseNeeded: Answer(
        409,
        "Declare a use first",
        "The policy of this record asks for a use that is declared, approved and checked out. Nothing was shown.",
        "Declare it on the page of the record.",
    ),
    access.RecordHeld: Answer(
        423,
        "This record is on hold",
        "Nothing of it is used until two people lift the hold. Nothing is lost.",
        "Look at the hold on the page of the record.",
    ),
    access.AlreadyDecided: Answer(
        409, "You have decided about this already", "One person is one word, and it is final. Nothing was changed."
    ),
    access.UseMovedOn: Answer(
        409,
        "This use has moved on",
        "Somebody was quicker, or its time is over, or it has not come so far yet. Nothing was changed.",
        "Load the page of the use again.",
    ),
    access.NobodyToApprove: Answer(
        409,
        "Nobody could approve this",
        "The policy of this record asks for approvals, and there are not enough people who could give them: approvers, "
        "other custodians, or a confirmed contact of the customer. Nothing was declared.",
        "Add them first. If it cannot wait, use break-glass.",
    ),
    access.TooManyCodes: Answer(
        429,
        "Enough codes were mailed",
        "No more are mailed for this link. Nothing was decided.",
        "Tell whoever declared the use. They can declare it once more, and you get a new link.",
    ),
    cloudtrail.ExportRejected: Answer(
        422, "The file was not taken", "Some of its rows cannot be read as they are. Nothing was changed.", "Try again."
    ),
    cloudtrail.NoAccountNumber: Answer(
        409,
        "The record names no such AWS account",
        "A file is read for the account number of the record. Nothing was changed.",
        "Enter the account number in the record's details, then bring the file in.",
    ),
    cloudtrail.MismatchNotFound: Answer(
        409,
        "There is nothing to explain here",
        "It is no mismatch of this record, or not any more. Nothing was changed.",
        "Look at the record's sign-ins.",
    ),
    outbox.DeliveryNotFailed: Answer(409, "This needs no other try", "It waits, or was accepted.", "Look once more."),
    outbox.EndpointNotFound: Answer(404, "This webhook does not exist", "It may have been removed."),
    statements.StatementLinkEnded: Answer(
        410,
        "This link has ended",
        "It was withdrawn, its time is over, or you are no longer named as a contact. It shows nothing any more.",
        "Ask us for a new link if you still need the statement.",
    ),
    statements.StatementLinkNotFound: Answer(
        409, "There is no such link on this record", "Nothing was changed.", "Look at the record's links."
    ),
    statements.NotTheCustomer: Answer(
        403,
        "You are signed in here",
        "Only the customer confirms or reports. Nothing was written.",
        "To try it yourself, sign out first, or use another browser.",
    ),
}
