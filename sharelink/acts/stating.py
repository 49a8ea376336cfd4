"""What is done with a custody statement: give a contact its link; and at the link read, confirm, report.

A reading is committed as an event before the statement leaves this module.
"""

from dataclasses import dataclass

from sharelink.actors import Actor, ActorKind
from sharelink.errors import InvalidInput
from sharelink.shares.holds import HoldReason
from sharelink.statements.errors import NotTheCustomer
from sharelink.statements.links import StatementLink
from sharelink.statements.service import LinkFacts
from sharelink.statements.statement import Statement, custody_statement
from sharelink.unit_of_work import UnitOfWork

REPORT_MAX_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader sees: the statement, and the link's own facts. `is_preview`: somebody of ours looks at it."""

    facts: LinkFacts
    statement: Statement
    is_preview: bool


def read(unit_of_work: UnitOfWork, actor: Actor, link: StatementLink, page: int = 1) -> Reading:
    """Return the statement for the holder of a whole link, and record the reading: once per client and day.

    Raises:
        LinkUnavailable: there is nothing for this visitor; nothing was written.
        StatementLinkEnded: the link was right and is over; nothing was written.
    """
    is_preview = actor.kind is not ActorKind.PUBLIC
    with unit_of_work.read(actor) as work:
        facts = work.statements.find(link)
        is_new = work.statements.is_first_reading(facts)
    if is_new:
        with unit_of_work.write(actor) as work:
            work.statements.note_reading(link)
    with unit_of_work.read(actor) as work:
        # Once more: the link may have been revoked meanwhile.
        facts = work.statements.find(link)
        statement = custody_statement(work.session, facts.custody_id, work.now, page)
    return Reading(facts, statement, is_preview)


def confirm(unit_of_work: UnitOfWork, actor: Actor, link: StatementLink, entries: int) -> LinkFacts:
    """Record that the customer says: this is right, as far as `entries` of the log go.

    Raises:
        LinkUnavailable, StatementLinkEnded: as `read`.
        NotTheCustomer: somebody of ours is signed in.
    """
    _require_customer(unit_of_work, actor, link)
    with unit_of_work.write(actor) as work:
        work.statements.acknowledge(link, entries)
        # Before the commit: after it, a database that fails would make "nothing was changed" a lie.
        return work.statements.find(link)


def report(unit_of_work: UnitOfWork, actor: Actor, link: StatementLink, message: str) -> LinkFacts:
    """Record what the customer says is wrong, and put the record on hold.

    Raises:
        LinkUnavailable, StatementLinkEnded: as `read`.
        NotTheCustomer: somebody of ours is signed in.
        InvalidInput: in "message"; nothing was changed.
    """
    _require_customer(unit_of_work, actor, link)
    message = message.replace("\r\n", "\n").strip()
    if not message:
        raise InvalidInput({"message": "Write in a few words what is wrong."})
    if len(message) > REPORT_MAX_CHARACTERS or "\0" in message:
        raise InvalidInput({"message": f"Use at most {REPORT_MAX_CHARACTERS:,} ordinary characters."})
    with unit_of_work.write(actor) as work:
        facts = work.statements.report(link, message)
        work.holds.put(facts.custody_id, None, HoldReason.CUSTOMER)
    return facts


def _require_customer(unit_of_work: UnitOfWork, actor: Actor, link: StatementLink) -> None:
    with unit_of_work.read(actor) as work:
        # Without the writer's turn, so that strangers can never hold it.
        work.statements.find(link)
    if actor.kind is not ActorKind.PUBLIC:
        raise NotTheCustomer("somebody of ours looks at the customer's link")
