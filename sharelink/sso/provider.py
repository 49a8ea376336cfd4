"""What single sign-on asks of a provider, and what an installation asks of what the provider says.

Needs none of the optional libraries; `openid` is the one that talks to real providers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sharelink.accounts.states import Role
from sharelink.sso.errors import Refusal, SignOnRefused

CALLBACK_PATH = "/sign-in/sso/callback"

LEEWAY = timedelta(seconds=30)
"""How far the provider's clock may be off."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a checked ID token says of a person."""

    issuer: str
    subject: str
    email: str
    email_is_verified: bool
    name: str
    methods: tuple[str, ...]
    level: str
    authenticated_at: datetime | None
    values: frozenset[str]


class Provider(Protocol):
    """An OpenID Connect provider."""

    def authorization_address(self, *, state: str, nonce: str, verifier: str, fresh: bool, now: datetime) -> str:
        """Return where to send the browser; with `fresh` people must prove anew who they are.

        Raises:
            ProviderUnavailable: the provider does not answer.
        """

    def claims(self, *, code: str, nonce: str, verifier: str, now: datetime) -> Claims:
        """Exchange a code and return what the ID token says, checked.

        Raises:
            ProviderUnavailable: the provider does not answer.
            SignOnRefused: the code or the token is not good.
        """


@dataclass(frozen=True, slots=True)
class Requirements:
    """How people must have signed in at the provider: with all of `methods`, and at one of `levels` if there are any.

    With neither, the provider's word opens the door, but is no fresh proof before sensitive acts.
    """

    methods: frozenset[str] = frozenset()
    levels: frozenset[str] = frozenset()

    @property
    def are_strong(self) -> bool:
        """Whether the word of a provider that meets them is a strong proof."""
        return bool(self.methods or self.levels)

    def check(self, claims: Claims) -> None:
        """Make sure that the person signed in as required.

        Raises:
            SignOnRefused: they did not.
        """
        if not self.methods <= set(claims.methods) or (self.levels and claims.level not in self.levels):
            raise SignOnRefused(Refusal.METHODS, "the provider did not ask for what is required here")


@dataclass(frozen=True, slots=True)
class MappedRole:
    """What people are whose roles claim holds `value`."""

    value: str
    roles: frozenset[Role]
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class RoleMap:
    """Which roles and groups follow from claims. It owns those that it names; all others are administered here."""

    rules: tuple[MappedRole, ...] = ()

    @property
    def owned_roles(self) -> frozenset[Role]:
        """The roles that the map names."""
        return frozenset[Role]().union(*(rule.roles for rule in self.rules))

    @property
    def owned_groups(self) -> frozenset[str]:
        """The groups that the map names."""
        return frozenset[str]().union(*(rule.groups for rule in self.rules))

    def roles(self, claims: Claims) -> frozenset[Role]:
        """Return the roles that follow from the claims."""
        return frozenset[Role]().union(*(rule.roles for rule in self.rules if rule.value in claims.values))

    def groups(self, claims: Claims) -> frozenset[str]:
        """Return the names of the groups that follow from the claims."""
        return frozenset[str]().union(*(rule.groups for rule in self.rules if rule.value in claims.values))


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """Single sign-on as this installation has it."""

    provider: Provider
    issuer: str
    requirements: Requirements
    role_map: RoleMap
    joins_just_in_time: bool


def claim_at(claims: Mapping[str, Any], name: str) -> Any:
    """Return the claim called `name`; if there is none, its dots lead into nested claims. None if nothing is there."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
