"""The settings of the audit log, as a part of all settings."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings

_Origin = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9.:_/-]*$|^$")]


class AuditSettings(BaseSettings):
    """In whose name the audit log is signed, and where its newest checkpoint is kept outside of the database."""

    audit_origin: _Origin = Field(
        default="",
        description="Name in which the audit log is signed; people hold it to this name, so it stays for good.",
        json_schema_extra={
            "shown_default": "what the keyring says; at the first start the host of the base URL, then `/audit`"
        },
    )
    audit_checkpoint_file: Path | None = Field(
        default=None,
        description=(
            "File to which signed checkpoints are appended. Keep it apart from the database: a start on a log that is "
            "shorter than this file says is refused."
        ),
        json_schema_extra={"shown_default": "`checkpoints.txt` in the instance directory"},
    )
