"""The settings of whoever watches the audit log: monitors, witnesses, the second sink. A part of all settings."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from sharelink.addresses import is_web_address
from sharelink.environment import PREFIX
from sharelink.tlog.cosignatures import Cosigner
from sharelink.tlog.errors import NoteMalformed
from sharelink.tlog.signed_notes import VerifierKey

WITNESS_GROUP = "witnesses"
"""What the group of all witnesses is called in policies, so no witness may be."""

_TAKEN_NAMES = frozenset({WITNESS_GROUP, "none"})
_ADD_CHECKPOINT = "/add-checkpoint"
_SYSLOG_PORT = 514
_SYSLOG_TCP_PORT = 601
_OneLine = Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]


class SinkKind(StrEnum):
    """By which way leaves go to the second sink."""

    UDP = "syslog"
    TCP = "syslog+tcp"
    UNIX = "syslog+unix"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class SinkAddress:
    """A second sink: `host` and `port` for a syslog server, or `path` of a socket or file."""

    text: str
    kind: SinkKind
    host: str = ""
    port: int = 0
    path: Path = Path()

    @classmethod
    def parse(cls, text: str) -> "SinkAddress":
        """Read an address of a sink.

        Raises:
            ValueError: it is none.
        """
        parts = urlsplit(text)
        kind = SinkKind(parts.scheme)
        if parts.query or parts.fragment or parts.username is not None or parts.password is not None:
            raise ValueError("neither user nor options")
        if kind in {SinkKind.UDP, SinkKind.TCP}:
            usual = _SYSLOG_PORT if kind is SinkKind.UDP else _SYSLOG_TCP_PORT
            if not parts.hostname or parts.path not in {"", "/"}:
                raise ValueError("a host, and at most a port")
            return cls(text, kind, host=parts.hostname, port=parts.port or usual)
        if parts.netloc or not parts.path.startswith("/") or parts.path.endswith("/"):
            raise ValueError("three slashes, then a path")
        return cls(text, kind, path=Path(parts.path))


class WitnessingSettings(BaseSettings):
    """Who sees the audit log besides this installation, so that it cannot be changed behind their backs."""

    audit_witnesses: _OneLine = Field(
        default="",
        description=(
            "Witnesses that cosign the audit log: key and address of each (`<vkey> https://…/add-checkpoint`), with "
            "`;` between them."
        ),
    )
    audit_quorum: int = Field(
        default=0, ge=0, le=100, description="How many of the witnesses must have cosigned what customers accept."
    )
    audit_witness_allow_private: bool = Field(
        default=False,
        description="Whether witnesses may be on this machine and private networks, and be reached by plain http.",
    )
    audit_sink: str = Field(
        default="",
        max_length=500,
        description=(
            "Where events are sent a second time: `syslog://host:514` (UDP), `syslog+tcp://host:601`, "
            "`syslog+unix:///dev/log` or `file:///path`. No personal field goes there."
        ),
    )
    rate_limit_monitor: str = Field(
        default="600 per minute", description="How often one client may fetch checkpoints and tiles of the audit log."
    )

    @property
    def witness_entries(self) -> tuple[tuple[VerifierKey, str], ...]:
        """Key and address of each witness."""
        return tuple((VerifierKey.parse(key), url) for key, url in _entries(self.audit_witnesses))

    @property
    def sink_address(self) -> SinkAddress | None:
        """Where events are sent a second time; None for nowhere."""
        return SinkAddress.parse(self.audit_sink) if self.audit_sink else None

    @field_validator("audit_witnesses")
    @classmethod
    def _known_witnesses(cls, value: str) -> str:
        names = []
        for key_text, url in _entries(value):
            try:
                key = Cosigner.of(VerifierKey.parse(key_text)).key
            except NoteMalformed as error:
                raise ValueError(f"holds a key that is none of a witness: {error}") from None
            if key.name in _TAKEN_NAMES or len(key.name) > 200:
                raise ValueError("holds a witness whose name cannot be used in policies")
            if not is_web_address(url) or not url.endswith(_ADD_CHECKPOINT):
                raise ValueError(f"needs an address that ends in {_ADD_CHECKPOINT} after each key")
            names.append(key.name)
        if len(set(names)) < len(names):
            raise ValueError("names a witness twice")
        return value

    @field_validator("audit_quorum")
    @classmethod
    def _reachable_quorum(cls, value: int, info: ValidationInfo) -> int:
        witnesses = info.data.get("audit_witnesses")
        if witnesses is not None and value > len(_entries(witnesses)):
            raise ValueError(f"must not be more than the witnesses in {PREFIX}AUDIT_WITNESSES")
        return value

    @field_validator("audit_sink")
    @classmethod
    def _known_sink(cls, value: str) -> str:
        try:
            if value:
                SinkAddress.parse(value)
        except ValueError:
            raise ValueError(
                "must be syslog://host:514, syslog+tcp://host:601, syslog+unix:///socket or file:///path"
            ) from None
        return value


def _entries(text: str) -> list[tuple[str, str]]:
    entries = [part.split() for part in text.replace("\n", ";").split(";") if part.strip()]
    if any(len(words) != 2 for words in entries):
        raise ValueError("needs a key and an address for each witness, and `;` between witnesses")
    return [(words[0], words[1]) for words in entries]
