"""What the audit says about accounts, for tests."""

from sharelink.audit.queries import RecordedEvent, chain_page
from sharelink.unit_of_work import UnitOfWork


def recorded(unit_of_work: UnitOfWork, chain: str = "system") -> list[RecordedEvent]:
    """Return the events of a chain, oldest first."""
    with unit_of_work.read() as work:
        return list(reversed(chain_page(work.session, chain).events))


def recorded_types(unit_of_work: UnitOfWork, chain: str = "system") -> list[str]:
    """Return the names of the events of a chain, oldest first."""
    return [event.type for event in recorded(unit_of_work, chain)]
