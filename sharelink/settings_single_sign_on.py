"""The settings of single sign-on, as a part of all settings, and the text format of the role map."""

from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from sharelink.addresses import host_of, is_loopback, is_web_address
from sharelink.environment import PREFIX

ROLE_NAMES = frozenset({"staff", "custodian", "approver", "auditor", "administrator"})
"""The roles as the role map names them; a test compares them with the roles there are."""

_GROUP_NAME_MAX = 120
_LIBRARIES = ("authlib", "joserfc", "requests")
_OpaqueText = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class SsoJoin(StrEnum):
    """Who gets an account at the first sign-in by the provider."""

    INVITED = "invited"
    JUST_IN_TIME = "just_in_time"


@dataclass(frozen=True, slots=True)
class RoleRule:
    """What people are whose roles claim holds `value`."""

    value: str
    roles: frozenset[str]
    groups: frozenset[str]


class SingleSignOnSettings(BaseSettings):
    """How people sign in by an OpenID Connect provider. Off while there is no issuer."""

    sso_issuer: _OpaqueText = Field(
        default="",
        description="Address of the OpenID Connect provider, exactly as it calls itself; switches single sign-on on.",
    )
    sso_client_id: _OpaqueText = Field(default="", description="What the provider calls this service.")
    sso_client_secret: _OpaqueText = Field(
        default="", repr=False, description="By what this service proves to the provider who it is."
    )
    sso_scopes: str = Field(
        default="openid email profile",
        max_length=500,
        pattern=r"^[\x21-\x7e]+( [\x21-\x7e]+)*$",
        description="What the provider is asked for, with spaces between; `openid` must be among it.",
    )
    sso_roles_claim: _OpaqueText = Field(
        default="", description="Claim of the ID token that holds groups or roles; dots lead into nested claims."
    )
    sso_role_map: str = Field(
        default="",
        max_length=10_000,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description=(
            "What the values of that claim mean: `admins=administrator;eu-desk=staff,custodian@Custodians`. It owns "
            "the roles and groups that it names."
        ),
    )
    sso_join: SsoJoin = Field(
        default=SsoJoin.INVITED,
        description="`invited`: only who was invited gets an account; `just_in_time`: whoever has a mapped role.",
    )
    sso_required_amr: str = Field(
        default="",
        max_length=500,
        pattern=r"^[\x20-\x7e]*$",
        description="Methods (`amr`) that the provider must all have used, with spaces between, such as `mfa`.",
    )
    sso_required_acr: str = Field(
        default="",
        max_length=500,
        pattern=r"^[\x20-\x7e]*$",
        description="Assurance levels (`acr`), with spaces between, of which the provider must tell one.",
    )
    local_passwords: bool = Field(
        default=True,
        description="Whether people may sign in here by themselves; `off`: only by the provider, and break-glass.",
    )

    @property
    def has_single_sign_on(self) -> bool:
        """Whether people can sign in by a provider."""
        return bool(self.sso_issuer)

    @property
    def sso_role_rules(self) -> tuple[RoleRule, ...]:
        """The role map, parsed."""
        return parse_role_map(self.sso_role_map)

    @field_validator("sso_issuer")
    @classmethod
    def _issuer_is_safe(cls, value: str) -> str:
        if not value:
            return value
        if not is_web_address(value):
            raise ValueError("must be an https address such as https://login.example.com")
        parts = urlsplit(value)
        if parts.query or parts.fragment or parts.username or parts.password:
            raise ValueError("must be an address without query, fragment, user and password")
        if parts.scheme != "https" and not is_loopback(host_of(value) or ""):
            raise ValueError("must be https: what the provider says would otherwise be anybody's word")
        if not all(find_spec(library) for library in _LIBRARIES):
            raise ValueError("needs more libraries: install sharelink[sso]")
        return value

    @field_validator("sso_client_id", "sso_client_secret")
    @classmethod
    def _complete(cls, value: str, info: ValidationInfo) -> str:
        issuer = info.data.get("sso_issuer")
        if issuer and not value:
            raise ValueError(f"must be set, because {PREFIX}SSO_ISSUER is")
        return _only_with_issuer(value, info)

    @field_validator("sso_roles_claim", "sso_role_map", "sso_required_amr", "sso_required_acr")
    @classmethod
    def _not_alone(cls, value: str, info: ValidationInfo) -> str:
        return _only_with_issuer(value, info)

    @field_validator("sso_scopes")
    @classmethod
    def _asks_for_identity(cls, value: str) -> str:
        if "openid" not in value.split():
            raise ValueError("must hold openid")
        return value

    @field_validator("sso_role_map")
    @classmethod
    def _means_something(cls, value: str, info: ValidationInfo) -> str:
        parse_role_map(value)
        claim = info.data.get("sso_roles_claim")
        if claim is not None and bool(claim) != bool(value):
            raise ValueError(f"and {PREFIX}SSO_ROLES_CLAIM need each other")
        return value

    @field_validator("sso_join")
    @classmethod
    def _has_roles_to_give(cls, value: SsoJoin, info: ValidationInfo) -> SsoJoin:
        if value is SsoJoin.JUST_IN_TIME and info.data.get("sso_role_map") == "":
            raise ValueError(f"`just_in_time` needs {PREFIX}SSO_ROLE_MAP: an account has at least one role")
        return value

    @field_validator("local_passwords")
    @classmethod
    def _one_way_in_is_left(cls, value: bool, info: ValidationInfo) -> bool:
        if not value and info.data.get("sso_issuer") == "":
            raise ValueError(f"`off` needs {PREFIX}SSO_ISSUER: nobody could sign in")
        return value


def parse_role_map(text: str) -> tuple[RoleRule, ...]:
    """Return the rules of a role map: `value=role,role@Group,@Group;value=role`.

    A value may hold `=` and `,` (names of a directory do): the last `=` divides. `role@Group` is the role and the
    membership of the group, `@Group` the membership alone. A value that stands twice has both meanings.

    Raises:
        ValueError: a part cannot be understood; the text says which, by its number.
    """
    rules = []
    for number, entry in enumerate((part.strip() for part in text.split(";")), start=1):
        if not entry:
            continue
        value, sign, meaning = entry.rpartition("=")
        targets = [target.strip().partition("@") for target in meaning.split(",")]
        roles = frozenset(role for role, _at, _group in targets if role)
        groups = frozenset(" ".join(group.split()) for _role, at, group in targets if at)
        is_whole = all(role or at for role, at, _group in targets) and all(groups)
        if not sign or not value.strip() or not is_whole or max(map(len, groups), default=0) > _GROUP_NAME_MAX:
            raise ValueError(f"part {number} must read `value=role` or `value=role@Group`")
        if not roles <= ROLE_NAMES:
            raise ValueError(
                f"part {number} names a role that does not exist; there are {', '.join(sorted(ROLE_NAMES))}"
            )
        rules.append(RoleRule(value.strip(), roles, groups))
    return tuple(rules)


def _only_with_issuer(value: str, info: ValidationInfo) -> str:
    if value.strip() and info.data.get("sso_issuer") == "":
        raise ValueError(f"does nothing without {PREFIX}SSO_ISSUER")
    return value
