"""The settings of being watched from outside, as a part of all settings."""

from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from sharelink.addresses import is_loopback
from sharelink.environment import PREFIX

TOKEN_CHARACTERS_MIN = 32
"""Enough that nobody guesses it, so that no tries need counting."""


class MonitoringSettings(BaseSettings):
    """Who may read the figures, and where a worker answers monitors. Without a token nothing is counted."""

    metrics_token: str = Field(
        default="",
        max_length=500,
        repr=False,
        description="What a monitor shows as its bearer token to read `/metrics`; empty: there is no `/metrics`.",
    )
    metrics_directory: Path | None = Field(
        default=None,
        description="Folder, in memory, where several processes of one machine add their figures up.",
        json_schema_extra={"shown_default": "empty"},
    )
    monitor_host: str = Field(
        default="127.0.0.1",
        min_length=1,
        max_length=253,
        description="Address on which `sharelink worker` answers monitors.",
    )
    monitor_port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="Port on which `sharelink worker` answers `/healthz`, `/readyz` and `/metrics`; 0: on none.",
    )

    @property
    def has_metrics(self) -> bool:
        """Whether somebody may read figures, so that they are worth counting."""
        return bool(self.metrics_token)

    @field_validator("metrics_token")
    @classmethod
    def _not_guessable(cls, value: str) -> str:
        if value and (len(value) < TOKEN_CHARACTERS_MIN or not value.isascii() or not value.isprintable()):
            raise ValueError(f"must be {TOKEN_CHARACTERS_MIN} or more plain characters; openssl rand -hex 32 makes one")
        if any(character.isspace() for character in value):
            raise ValueError("must not hold a space")
        return value

    @field_validator("metrics_directory")
    @classmethod
    def _existing_folder(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None:
            return None
        value = value.expanduser().absolute()
        if not value.is_dir():
            raise ValueError("must be a folder that exists")
        if info.data.get("metrics_token") == "":
            raise ValueError(f"does nothing without {PREFIX}METRICS_TOKEN")
        return value

    @field_validator("monitor_port")
    @classmethod
    def _only_readers_with_a_token(cls, value: int, info: ValidationInfo) -> int:
        host = info.data.get("monitor_host")
        if value == 0 and host is not None and not is_loopback(host):
            raise ValueError(f"must be set, because {PREFIX}MONITOR_HOST is")
        return value
