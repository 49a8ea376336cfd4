"""Settings: typed, frozen, checked as a whole before anything starts.

`Settings.from_environment` reads `SHARELINK_<NAME>` and, for values that may hold a password, `SHARELINK_<NAME>_FILE`.
It reports every problem at once and never repeats a value, because a value may be a secret. The table for people is
docs/settings.md; a test compares it with this file.
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from limits import parse_many
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import make_url

from sharelink.addresses import host_of, is_loopback, is_web_address
from sharelink.database_addresses import checked_database_url
from sharelink.environment import FILE_SUFFIX, PREFIX, MappingSource, misspelt_names, problem_text, with_files
from sharelink.errors import UnsafeStart
from sharelink.settings_audit import AuditSettings
from sharelink.settings_keys import KeySettings
from sharelink.settings_mail import MailSettings
from sharelink.settings_monitoring import MonitoringSettings
from sharelink.settings_single_sign_on import SingleSignOnSettings
from sharelink.settings_witnessing import WitnessingSettings

SECRET_BEARING = frozenset(
    {"database_url", "rate_limit_store", "sso_client_secret", "smtp_password", "master_keys", "metrics_token"}
)
"""Settings that may hold a password, so that a file can carry them instead of the environment."""

_DAY_SECONDS = 86_400
_FORM_OVERHEAD_BYTES = 16 * 1024
_FORM_GROWTH = 6
"""A line end, one byte of a secret, travels as `%0D%0A`: no other text grows more in a form."""


class HttpsMode(StrEnum):
    """Whether people reach the service by https: decides Secure cookies and HSTS."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class LogFormat(StrEnum):
    """How log lines are written to standard error."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """The least important lines that are still written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _described(default: str) -> dict[str, Any]:
    """Return the words that the table shows for a default that depends on other settings."""
    return {"shown_default": default}


def _instance(earlier: dict[str, Any]) -> Path:
    directory: Path = earlier["instance_directory"]
    return directory


def _database_default(earlier: dict[str, Any]) -> str:
    return f"sqlite:///{_instance(earlier)}/sharelink.db"


def _keyring_default(earlier: dict[str, Any]) -> Path:
    return _instance(earlier) / "keyring"


def _base_url_default(earlier: dict[str, Any]) -> str:
    # A name: browsers offer no passkeys where a service is reached by a number.
    return f"http://localhost:{earlier.get('port', 8000)}"


PlainText = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Settings(MonitoringSettings, KeySettings, WitnessingSettings, AuditSettings, MailSettings, SingleSignOnSettings):
    """Everything an operator can choose, never changed after it was made.

    Made by `from_environment`, or by keyword in tests.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    instance_directory: Path = Field(
        default=Path("instance"),
        description=(
            "Folder of this installation: holds the embedded database and the keyring, unless these are set apart."
        ),
    )
    database_url: str = Field(
        default_factory=_database_default,
        repr=False,
        description=(
            "Where everything is kept: `sqlite:///<path>` or `postgresql://user:password@host/name`; several hosts are "
            "parted by commas, and the one that takes writes is used."
        ),
        json_schema_extra=_described("`sharelink.db` in the instance directory (SQLite)"),
    )
    keyring_directory: Path = Field(
        default_factory=_keyring_default,
        description="Folder of the keys; writable, private, never in a backup or snapshot.",
        json_schema_extra=_described("`keyring` in the instance directory"),
    )
    host: str = Field(
        default="127.0.0.1", min_length=1, max_length=253, description="Address that `sharelink serve` listens on."
    )
    port: int = Field(default=8000, ge=1, le=65_535, description="Port that `sharelink serve` listens on.")
    https_mode: HttpsMode = Field(
        default=HttpsMode.AUTO,
        description=(
            "`auto` follows the base URL; `on`: Secure cookies and HSTS; `off` must be said aloud "
            "for a plain http address that other machines reach."
        ),
    )
    base_url: str = Field(
        default_factory=_base_url_default,
        description=("Address that links begin with, as recipients reach it; https, except on this machine."),
        json_schema_extra=_described("`http://localhost:<port>`"),
    )
    debug: bool = Field(
        default=False, description="Flask's debug mode; refused unless only this machine can reach the service."
    )
    trusted_proxy_hops: int = Field(
        default=0, ge=0, le=10, description="How many proxies in front may be believed about the client's address."
    )
    rate_limit_store: str = Field(
        default="memory://",
        repr=False,
        description=("Where requests are counted: `memory://` (one process) or `redis://user:password@host/0`."),
    )
    rate_limit_open: str = Field(
        default="300 per minute", description="How often one client may load the page of a link, or of a way in."
    )
    rate_limit_status: str = Field(default="60 per minute", description="How often one client may ask what a link is.")
    rate_limit_reveal: str = Field(default="20 per minute", description="How often one client may press *Reveal*.")
    rate_limit_submit: str = Field(default="20 per minute", description="How often one client may press *Send once*.")
    rate_limit_submit_per_link: str = Field(
        default="60 per hour", description="How often all clients together may answer or retrieve by one link."
    )
    rate_limit_sign_in: str = Field(default="10 per minute", description="How often one client may try to sign in.")
    rate_limit_create: str = Field(
        default="60 per minute", description="How often one client may send a form that makes something."
    )
    lifetime_min_seconds: int = Field(default=1, ge=1, description="The shortest life of a link that the form accepts.")
    lifetime_max_seconds: int = Field(
        default=30 * _DAY_SECONDS,
        ge=1,
        le=366 * _DAY_SECONDS,
        description="The longest life of a link that the form accepts.",
    )
    lifetime_default_seconds: int = Field(
        default=7 * _DAY_SECONDS, ge=1, description="The life of a link when nothing else is chosen."
    )
    secret_max_bytes: int = Field(
        default=65_536, ge=1, le=65_536, description="The largest secret, counted in UTF-8 bytes."
    )
    epoch_grace_seconds: int = Field(
        default=3600,
        ge=60,
        le=7 * _DAY_SECONDS,
        description=("How long after the end of a day its key is destroyed; then no copy can be read."),
    )
    session_idle_seconds: int = Field(default=1800, ge=60, description="How long a signed-in person may be idle.")
    session_absolute_seconds: int = Field(
        default=43_200, ge=60, le=7 * _DAY_SECONDS, description="How long a sign-in lasts at most."
    )
    separation_of_duties: bool = Field(
        default=False, description="Nobody is administrator and custodian; members and factors take two administrators."
    )
    organisation_name: PlainText = Field(
        default="Sharelink", min_length=1, description="Who runs this service, as recipients read it."
    )
    support_contact: PlainText = Field(
        default="", description="Whom recipients ask: an e-mail address or a telephone number."
    )
    privacy_url: str = Field(
        default="", max_length=500, description="Address of the privacy note; when empty, no note is linked."
    )
    log_format: LogFormat = Field(default=LogFormat.TEXT, description="`text` for people, `json` for log collectors.")
    log_level: LogLevel = Field(
        default=LogLevel.INFO, description="`debug`, `info`, `warning` or `error`. No level shows a secret."
    )
    temporary_directory: Path | None = Field(
        default=None,
        description="Folder for temporary files; no secret is written there.",
        json_schema_extra=_described("the system's"),
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from keywords only; the environment enters through `from_environment`."""
        return (init_settings,)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read and check all settings.

        Args:
            environ: the environment, usually `os.environ`.

        Raises:
            UnsafeStart: at least one setting cannot be used; `problems` names each variable,
                and no value.
        """
        secret_bearing = {variable_name(field) for field in SECRET_BEARING}
        known = {variable_name(field) for field in cls.model_fields}
        known |= {name + FILE_SUFFIX for name in secret_bearing}
        problems = misspelt_names(environ, PREFIX, known)
        values, unreadable = with_files(environ, secret_bearing)
        problems += unreadable
        try:
            settings = cls(**MappingSource(cls, values)())
        except ValidationError as error:
            problems += [
                problem_text(variable_name(str(details["loc"][0])), details)
                for details in error.errors(include_input=False)
                # The default of a setting that depends on a wrong one is no problem of its own.
                if details["type"] != "default_factory_not_called"
            ]
            raise UnsafeStart(problems) from None
        if problems:
            raise UnsafeStart(problems)
        return settings

    @property
    def https(self) -> bool:
        """Whether people reach the service by https."""
        return self.base_url.startswith("https:")

    @property
    def embedded_database(self) -> bool:
        """Whether the database is the file that this process itself owns (SQLite)."""
        return self.database_url.startswith("sqlite")

    @property
    def database_file(self) -> Path | None:
        """The file of the embedded database; None for any other database."""
        return Path(make_url(self.database_url).database or "") if self.embedded_database else None

    @property
    def counts_in_memory(self) -> bool:
        """Whether rate counters live in this one process, so that no second process may serve."""
        return self.rate_limit_store.startswith("memory:")

    @property
    def log_origin(self) -> str:
        """The name in which the audit log is signed, unless its keyring knows it by another."""
        return self.audit_origin or f"{urlsplit(self.base_url).netloc}/audit"

    @property
    def checkpoint_file(self) -> Path:
        """The file that holds checkpoints outside of the database."""
        return self.audit_checkpoint_file or self.instance_directory / "checkpoints.txt"

    @property
    def request_max_bytes(self) -> int:
        """The largest body of a request: the largest secret as a form carries it, and the rest."""
        return self.secret_max_bytes * _FORM_GROWTH + _FORM_OVERHEAD_BYTES

    @field_validator("instance_directory", "keyring_directory", "temporary_directory", "audit_checkpoint_file")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("temporary_directory")
    @classmethod
    def _existing(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError("must be a folder that exists")
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        return checked_database_url(value)

    @field_validator("base_url")
    @classmethod
    def _origin_only(cls, value: str) -> str:
        if not is_web_address(value):
            raise ValueError("must be an http or https address such as https://share.example.com")
        parts = urlsplit(value.rstrip("/"))
        if parts.path or parts.query or parts.fragment or parts.username or parts.password:
            raise ValueError("must end after the host and port")
        return f"{parts.scheme}://{parts.netloc.lower()}"

    @field_validator("base_url")
    @classmethod
    def _fits_https_mode(cls, value: str, info: ValidationInfo) -> str:
        mode, https = info.data.get("https_mode"), value.startswith("https:")
        if (mode is HttpsMode.ON and not https) or (mode is HttpsMode.OFF and https):
            raise ValueError(f"does not fit {PREFIX}HTTPS_MODE: `on` needs https, `off` needs http")
        if mode is HttpsMode.AUTO and not https and not is_loopback(host_of(value) or ""):
            raise ValueError(
                "must be https, or everybody on the way can read secrets; where plain http is "
                f"really wanted, set {PREFIX}HTTPS_MODE=off"
            )
        return value

    @field_validator("debug")
    @classmethod
    def _debug_stays_here(cls, value: bool, info: ValidationInfo) -> bool:
        reachable = (info.data.get("host"), host_of(info.data.get("base_url", "")))
        if value and not all(is_loopback(host) for host in reachable if host is not None):
            raise ValueError("is refused while others can reach the service: use 127.0.0.1")
        return value

    @field_validator("rate_limit_store")
    @classmethod
    def _known_store(cls, value: str) -> str:
        if value != "memory://" and not value.startswith(("redis://", "rediss://", "redis+unix://")):
            raise ValueError("must be memory:// or a redis:// address")
        return value

    @field_validator(
        "rate_limit_open",
        "rate_limit_status",
        "rate_limit_reveal",
        "rate_limit_submit",
        "rate_limit_submit_per_link",
        "rate_limit_sign_in",
        "rate_limit_create",
        "rate_limit_monitor",
    )
    @classmethod
    def _countable(cls, value: str) -> str:
        try:
            rules = parse_many(value)
        except ValueError:
            rules = []
        if not rules or any(rule.amount < 1 for rule in rules):
            raise ValueError("must be a limit such as `20 per minute` or `5/second;100/hour`")
        return value

    @field_validator("lifetime_max_seconds")
    @classmethod
    def _max_after_min(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("lifetime_min_seconds", value):
            raise ValueError(f"must not be less than {PREFIX}LIFETIME_MIN_SECONDS")
        return value

    @field_validator("lifetime_default_seconds")
    @classmethod
    def _default_between(cls, value: int, info: ValidationInfo) -> int:
        least = info.data.get("lifetime_min_seconds", value)
        most = info.data.get("lifetime_max_seconds", value)
        if not least <= value <= most:
            raise ValueError("must lie between the shortest and the longest life")
        return value

    @field_validator("session_absolute_seconds")
    @classmethod
    def _absolute_after_idle(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("session_idle_seconds", value):
            raise ValueError(f"must not be less than {PREFIX}SESSION_IDLE_SECONDS")
        return value

    @field_validator("privacy_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not is_web_address(value):
            raise ValueError("must be an http or https address, or empty")
        return value


def variable_name(field: str) -> str:
    """Return the environment variable of the setting `field`."""
    return PREFIX + field.upper()
