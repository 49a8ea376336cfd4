"""The settings of telling people by mail and webhook, as a part of all settings."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from sharelink.addresses import is_loopback
from sharelink.environment import PREFIX

_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_OneLine = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class SmtpSecurityMode(StrEnum):
    """How the way to the mail server is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    OFF = "off"


class MailSettings(BaseSettings):
    """By which server people are told, and where webhooks may go. Without a mail server nothing is mailed."""

    smtp_host: _OneLine = Field(
        default="", description="Mail server that takes letters; switches letters on. Empty: nobody is told by e-mail."
    )
    smtp_port: int = Field(default=587, ge=1, le=65_535, description="Its port: 587 for `starttls`, 465 for `tls`.")
    smtp_security: SmtpSecurityMode = Field(
        default=SmtpSecurityMode.STARTTLS,
        description="`starttls`, `tls`, or `off` for a server on this machine. The certificate is always checked.",
    )
    smtp_ca_file: Path | None = Field(
        default=None,
        description="Certificates (PEM) to trust for the mail server instead of the system's.",
        json_schema_extra={"shown_default": "the system's"},
    )
    smtp_user: _OneLine = Field(default="", description="As whom this service signs in to the mail server.")
    smtp_password: _OneLine = Field(default="", repr=False, description="The password for that.")
    smtp_from: str = Field(
        default="", max_length=254, description="Address that letters come from, such as sharelink@example.com."
    )
    remind_unopened_hours: int = Field(
        default=48,
        ge=0,
        le=24 * 30,
        description="After how long a sender is reminded of a link that nobody has opened; 0 for never.",
    )
    webhook_allow_private: bool = Field(
        default=False,
        description="Whether webhooks may go to this machine and private networks, and by plain http.",
    )

    @property
    def has_mail(self) -> bool:
        """Whether there is a mail server."""
        return bool(self.smtp_host)

    @field_validator("smtp_security")
    @classmethod
    def _open_way_only_here(cls, value: SmtpSecurityMode, info: ValidationInfo) -> SmtpSecurityMode:
        host = info.data.get("smtp_host") or ""
        if value is SmtpSecurityMode.OFF and host and not is_loopback(host):
            raise ValueError("`off` is for a mail server on this machine: others could read along")
        return value

    @field_validator("smtp_ca_file")
    @classmethod
    def _existing_file(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        value = value.expanduser().absolute()
        if not value.is_file():
            raise ValueError("must be a file that exists")
        return value

    @field_validator("smtp_user", "smtp_password")
    @classmethod
    def _only_with_server(cls, value: str, info: ValidationInfo) -> str:
        if value and info.data.get("smtp_host") == "":
            raise ValueError(f"does nothing without {PREFIX}SMTP_HOST")
        return value

    @field_validator("smtp_password")
    @classmethod
    def _user_and_password(cls, value: str, info: ValidationInfo) -> str:
        user = info.data.get("smtp_user")
        if user is not None and bool(user) != bool(value):
            raise ValueError(f"and {PREFIX}SMTP_USER need each other")
        return value

    @field_validator("smtp_from")
    @classmethod
    def _sender_address(cls, value: str, info: ValidationInfo) -> str:
        host = info.data.get("smtp_host")
        if value and (_ADDRESS.fullmatch(value) is None or ".." in value):
            raise ValueError("must be one e-mail address")
        if host and not value:
            raise ValueError(f"must be set, because {PREFIX}SMTP_HOST is")
        if value and host == "":
            raise ValueError(f"does nothing without {PREFIX}SMTP_HOST")
        return value
