"""The settings of where master keys come from, as a part of all settings."""

import re
from importlib.util import find_spec
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from sharelink.addresses import is_web_address
from sharelink.environment import PREFIX

_OneLine = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class KeySettings(BaseSettings):
    """Master keys from the environment, and AWS KMS as their wrapper. Off: they lie in the keyring, in clear."""

    master_keys: str = Field(
        default="",
        max_length=100_000,
        repr=False,
        description=(
            "Master keys that are not in the keyring, `<version>:<key>` each, with spaces, commas or line ends between."
        ),
    )
    kms_key_id: _OneLine = Field(
        default="",
        description="Key, ARN or alias of AWS KMS that wraps master keys; switches the wrapping on.",
    )
    kms_installation: _OneLine = Field(
        default="",
        description="What this installation is called in the encryption context of its wrapped keys; never change it.",
    )
    kms_region: str = Field(
        default="",
        max_length=60,
        pattern=r"^[a-z0-9-]*$",
        description="Region of AWS KMS; when empty, the one that the AWS environment names.",
    )
    kms_endpoint_url: str = Field(
        default="", max_length=500, description="Address of AWS KMS where it is not the public one."
    )

    @property
    def has_kms(self) -> bool:
        """Whether master keys are wrapped by AWS KMS."""
        return bool(self.kms_key_id)

    @field_validator("kms_key_id")
    @classmethod
    def _has_its_library(cls, value: str) -> str:
        if value and not find_spec("boto3"):
            raise ValueError("needs a library that is not installed: install sharelink[kms]")
        if value and not re.fullmatch(r"[A-Za-z0-9:/_+=,.@-]+", value):
            raise ValueError("must be the id, the ARN or an alias of a key")
        return value

    @field_validator("kms_installation")
    @classmethod
    def _named_with_a_key(cls, value: str, info: ValidationInfo) -> str:
        if bool(value) != bool(info.data.get("kms_key_id", value)):
            raise ValueError(f"must be set exactly when {PREFIX}KMS_KEY_ID is")
        return value

    @field_validator("kms_region", "kms_endpoint_url")
    @classmethod
    def _only_with_a_key(cls, value: str, info: ValidationInfo) -> str:
        if value and not info.data.get("kms_key_id", value):
            raise ValueError(f"does nothing without {PREFIX}KMS_KEY_ID")
        return value

    @field_validator("kms_endpoint_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not is_web_address(value):
            raise ValueError("must be an http or https address")
        return value
