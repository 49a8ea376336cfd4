"""Whom and when the examples of the demonstration are made by: its people, its visitors, and moments of the past."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sharelink.actors import Actor, ActorKind
from sharelink.unit_of_work import UnitOfWork

BROWSER = "Mozilla/5.0 (demonstration)"
ADDRESSES = ("203.0.113.5", "198.51.100.23", "192.0.2.77")


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account, with the password that was made for it."""

    account_id: bytes
    name: str
    email: str
    described_as: str
    password: str = field(repr=False)

    @property
    def actor(self) -> Actor:
        """The person, as the services see them."""
        return Actor(ActorKind.STAFF, account_id=self.account_id, name=self.name, ip="198.51.100.4", agent=BROWSER)


@dataclass(frozen=True, slots=True)
class Stage:
    """The unit of work, at any moment of the past."""

    unit_of_work: UnitOfWork
    now: datetime

    def ago(self, **length: float) -> UnitOfWork:
        """Return a unit of work whose clock stands that long before now."""
        moment = self.now - timedelta(**length)
        return replace(self.unit_of_work, clock=lambda: moment)
