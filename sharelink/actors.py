"""Who acts. Every service call and every audit event names an `Actor`."""

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """The kinds of actor that an audit leaf may name."""

    STAFF = "staff"
    PUBLIC = "public"
    SYSTEM = "system"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever acts, with what is known of them at this moment.

    `session_ref` is a keyed hash of the session id, never the id. `ip` and `agent` are personal: they enter the
    audit as erasable disclosures only.
    """

    kind: ActorKind
    account_id: bytes | None = None
    name: str | None = None
    session_ref: str | None = None
    amr: tuple[str, ...] = ()
    ip: str | None = None
    agent: str | None = None

    @classmethod
    def system(cls) -> "Actor":
        """Return the actor for what the service does by itself, such as expiry."""
        return cls(ActorKind.SYSTEM, name="Sharelink")

    @classmethod
    def operator(cls) -> "Actor":
        """Return the actor for a command that was typed on the machine itself."""
        return cls(ActorKind.OPERATOR, name="Operator (command line)")

    @classmethod
    def public(cls, ip: str | None, agent: str | None) -> "Actor":
        """Return the actor for a visitor without an account."""
        return cls(ActorKind.PUBLIC, ip=ip, agent=agent)
