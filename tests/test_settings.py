"""Settings: read from an environment, checked as a whole, never echoed, and documented."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from sharelink.errors import UnsafeStart
from sharelink.settings import SECRET_BEARING, HttpsMode, LogFormat, Settings, variable_name
from sharelink.settings_audit import AuditSettings
from sharelink.settings_keys import KeySettings
from sharelink.settings_mail import MailSettings
from sharelink.settings_monitoring import MonitoringSettings
from sharelink.settings_single_sign_on import RoleRule, SingleSignOnSettings, parse_role_map
from sharelink.settings_witnessing import WitnessingSettings

DOCUMENT = Path(__file__).parent.parent / "docs" / "settings.md"
CANARY = "hunter2-canary"
TAKES_ANY_TEXT = {"host", "instance_directory", "audit_checkpoint_file", "keyring_directory", "master_keys"}
"""Whether these can be used is found out by using them."""


def problems_of(**variables: str) -> list[str]:
    """Return what is wrong with an environment, given without the common prefix."""
    with pytest.raises(UnsafeStart) as refused:
        Settings.from_environment({f"SHARELINK_{name}": value for name, value in variables.items()})
    return refused.value.problems


def settings_of(**variables: str) -> Settings:
    return Settings.from_environment({f"SHARELINK_{name}": value for name, value in variables.items()})


def test_an_empty_environment_gives_a_private_installation_on_this_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = settings_of()
    assert settings.database_url == f"sqlite:///{tmp_path}/instance/sharelink.db"
    assert settings.keyring_directory == tmp_path / "instance" / "keyring"
    assert (settings.host, settings.port, settings.base_url) == ("127.0.0.1", 8000, "http://localhost:8000")
    assert settings.counts_in_memory
    assert settings.embedded_database
    assert not settings.https
    assert settings.trusted_proxy_hops == 0


def test_every_problem_is_told_at_once_by_the_name_of_its_variable():
    found = problems_of(
        PORT="eighty",
        DEBUG="perhaps",
        LOG_FORMAT="xml",
        RATE_LIMIT_REVEAL="now and then",
        LIFETIME_DEFAULT_SECONDS="99999999",
        ORGANISATION_NAME="two\nlines",
        BASE_URL="share.example.com",
        DATABASE_URL="mysql://localhost/x",
        RATE_LIMIT_STORE="memcached://localhost",
    )
    assert [problem.partition(":")[0].removeprefix("SHARELINK_") for problem in found] == [
        "DATABASE_URL",
        "PORT",
        "BASE_URL",
        "DEBUG",
        "RATE_LIMIT_STORE",
        "RATE_LIMIT_REVEAL",
        "LIFETIME_DEFAULT_SECONDS",
        "ORGANISATION_NAME",
        "LOG_FORMAT",
    ]


@pytest.mark.parametrize("field", sorted(Settings.model_fields.keys() - TAKES_ANY_TEXT))
def test_no_problem_repeats_the_value_that_caused_it(field):
    """A value with a NUL, a line end and a scheme nobody knows is wrong almost everywhere."""
    value = f"{CANARY}\x00\n://[{CANARY}"
    with pytest.raises(UnsafeStart) as refused:
        Settings.from_environment({variable_name(field): value})
    assert CANARY not in str(refused.value)
    assert CANARY not in "".join(refused.value.problems)
    assert refused.value.__cause__ is None


def test_what_may_hold_a_password_is_not_part_of_the_settings_own_text():
    settings = settings_of(
        DATABASE_URL=f"postgresql://u:{CANARY}@localhost/x", RATE_LIMIT_STORE=f"redis://:{CANARY}@localhost/0"
    )
    assert CANARY in settings.database_url
    assert CANARY in settings.rate_limit_store
    assert CANARY not in repr(settings)
    assert CANARY not in str(settings)


def test_a_secret_can_come_from_a_file(tmp_path):
    file = tmp_path / "database_url"
    file.write_text("postgresql://u:p%40ss@localhost/x\n")
    assert settings_of(DATABASE_URL_FILE=str(file)).database_url == "postgresql+psycopg://u:p%40ss@localhost/x"


@pytest.mark.parametrize("field", sorted(SECRET_BEARING))
def test_a_secret_given_twice_or_by_an_unreadable_or_empty_file_is_refused(field, tmp_path):
    empty = tmp_path / "empty"
    empty.write_text("\n")
    name = field.upper()
    assert "set twice" in problems_of(**{name: "memory://", f"{name}_FILE": str(empty)})[0]
    assert "cannot be read" in problems_of(**{f"{name}_FILE": str(tmp_path / "missing")})[0]
    assert "empty file" in problems_of(**{f"{name}_FILE": str(empty)})[0]


def test_a_misspelt_protection_is_refused_and_a_stranger_is_left_alone():
    (problem,) = problems_of(TRUSTED_PROXY_HOP="1")
    assert problem == "SHARELINK_TRUSTED_PROXY_HOP: is not a setting; did you mean SHARELINK_TRUSTED_PROXY_HOPS?"
    assert settings_of(SERVICE_HOST="10.0.0.1", PORT_8000_TCP_ADDR="10.0.0.1").port == 8000


def test_an_empty_variable_counts_as_unset():
    assert settings_of(PORT="", BASE_URL="").base_url == "http://localhost:8000"


@pytest.mark.parametrize(
    ("variables", "variable"),
    [
        ({"DEBUG": "true", "HOST": "192.0.2.1"}, "DEBUG"),
        ({"DEBUG": "true", "BASE_URL": "https://share.example.com"}, "DEBUG"),
        ({"BASE_URL": "http://share.example.com"}, "BASE_URL"),
        ({"BASE_URL": "http://localhost", "HTTPS_MODE": "on"}, "BASE_URL"),
        ({"BASE_URL": "https://share.example.com", "HTTPS_MODE": "off"}, "BASE_URL"),
        ({"BASE_URL": "https://share.example.com/path"}, "BASE_URL"),
        ({"BASE_URL": "https://u:p@share.example.com"}, "BASE_URL"),
        ({"BASE_URL": "https://share.example.com:99999"}, "BASE_URL"),
        ({"BASE_URL": "ftp://share.example.com"}, "BASE_URL"),
        ({"LIFETIME_MIN_SECONDS": "60", "LIFETIME_MAX_SECONDS": "30"}, "LIFETIME_MAX_SECONDS"),
        ({"LIFETIME_MAX_SECONDS": "60"}, "LIFETIME_DEFAULT_SECONDS"),
        ({"LIFETIME_MIN_SECONDS": "0"}, "LIFETIME_MIN_SECONDS"),
        ({"SESSION_ABSOLUTE_SECONDS": "600"}, "SESSION_ABSOLUTE_SECONDS"),
        ({"RATE_LIMIT_SIGN_IN": """ ;"""}, "RATE_LIMIT_SIGN_IN"),
        ({"RATE_LIMIT_SIGN_IN": "0 per minute"}, "RATE_LIMIT_SIGN_IN"),
        ({"DATABASE_URL": "sqlite://"}, "DATABASE_URL"),
        ({"DATABASE_URL": "sqlite:///:memory:"}, "DATABASE_URL"),
        ({"DATABASE_URL": "sqlite:///x.db?mode=ro"}, "DATABASE_URL"),
        ({"SECRET_MAX_BYTES": "65537"}, "SECRET_MAX_BYTES"),
        ({"TRUSTED_PROXY_HOPS": "-1"}, "TRUSTED_PROXY_HOPS"),
        ({"TEMPORARY_DIRECTORY": "/no/such/folder"}, "TEMPORARY_DIRECTORY"),
        ({"PRIVACY_URL": "javascript:alert(1)"}, "PRIVACY_URL"),
        ({"SUPPORT_CONTACT": "x" * 201}, "SUPPORT_CONTACT"),
    ],
)
def test_an_unsafe_combination_is_refused(variables, variable):
    assert [problem.partition(":")[0] for problem in problems_of(**variables)] == [f"SHARELINK_{variable}"]


def test_plain_http_for_others_must_be_said_aloud():
    settings = settings_of(BASE_URL="http://share.intranet", HTTPS_MODE="off")
    assert settings.https_mode is HttpsMode.OFF
    assert not settings.https


def test_https_follows_the_base_url_which_is_brought_into_one_spelling():
    settings = settings_of(BASE_URL="https://Share.Example.com/")
    assert settings.base_url == "https://share.example.com"
    assert settings.https


def test_debug_is_allowed_where_only_this_machine_can_reach_it():
    assert settings_of(DEBUG="true", HOST="::1", BASE_URL="http://localhost:8000").debug


def test_a_relative_database_path_is_taken_from_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert settings_of(DATABASE_URL="sqlite:///here/x.db").database_url == f"sqlite:///{tmp_path}/here/x.db"


def test_a_secret_of_line_ends_only_fits_into_the_largest_request():
    settings = settings_of()
    as_a_form_sends_it = "secret=" + "%0D%0A" * settings.secret_max_bytes
    assert len(as_a_form_sends_it) < settings.request_max_bytes


def test_settings_cannot_be_changed_and_know_no_other_name():
    settings = settings_of()
    with pytest.raises(ValidationError):
        settings.port = 9000
    with pytest.raises(ValidationError):
        Settings(no_such_setting=1)


def test_settings_made_by_keyword_never_look_at_the_real_environment(monkeypatch):
    monkeypatch.setenv("SHARELINK_LOG_FORMAT", "json")
    assert Settings().log_format is LogFormat.TEXT


def documented_row(name: str, field: FieldInfo) -> str:
    """Return the row that docs/settings.md must hold for a setting."""
    shown = field.json_schema_extra["shown_default"] if isinstance(field.json_schema_extra, dict) else None
    if shown is None:
        value = field.default
        shown = "empty" if value == "" else f"`{str(value).lower() if isinstance(value, bool) else value}`"
    variable = f"`{variable_name(name)}`" + (" or `…_FILE`" if name in SECRET_BEARING else "")
    return f"| {variable} | {shown} | {field.description} |"


def test_the_table_in_the_documentation_is_the_code():
    # Parts that are kept in files of their own come first in the code and last in the table.
    kept_apart = (
        *(SingleSignOnSettings, MailSettings, AuditSettings, WitnessingSettings),
        *(KeySettings, MonitoringSettings),
    )
    parts = [name for part in kept_apart for name in part.model_fields]
    names = [name for name in Settings.model_fields if name not in parts] + parts
    wanted = [documented_row(name, Settings.model_fields[name]) for name in names]
    found = re.findall(r"^\| `SHARELINK_.*$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert found == wanted


SSO = {"SSO_ISSUER": "https://login.example.com", "SSO_CLIENT_ID": "us", "SSO_CLIENT_SECRET": CANARY}
MAPPED = SSO | {"SSO_ROLES_CLAIM": "groups", "SSO_ROLE_MAP": "a=staff"}


@pytest.mark.parametrize(
    ("variables", "variables_told"),
    [
        ({"SSO_ISSUER": "https://login.example.com"}, ["SSO_CLIENT_ID", "SSO_CLIENT_SECRET"]),
        ({"SSO_CLIENT_ID": "us"}, ["SSO_CLIENT_ID"]),
        (SSO | {"SSO_ISSUER": "http://login.example.com"}, ["SSO_ISSUER"]),
        (SSO | {"SSO_ISSUER": "https://login.example.com?x=y"}, ["SSO_ISSUER"]),
        (SSO | {"SSO_ISSUER": "https://u:p@login.example.com"}, ["SSO_ISSUER"]),
        (SSO | {"SSO_SCOPES": "email profile"}, ["SSO_SCOPES"]),
        (SSO | {"SSO_ROLES_CLAIM": "groups"}, ["SSO_ROLE_MAP"]),
        (SSO | {"SSO_ROLE_MAP": "a=staff"}, ["SSO_ROLE_MAP"]),
        (SSO | {"SSO_JOIN": "just_in_time"}, ["SSO_JOIN"]),
        (SSO | {"SSO_JOIN": "everybody"}, ["SSO_JOIN"]),
        (MAPPED | {"SSO_ROLE_MAP": "a=wizard"}, ["SSO_ROLE_MAP"]),
        (MAPPED | {"SSO_ROLE_MAP": "staff"}, ["SSO_ROLE_MAP"]),
        (MAPPED | {"SSO_ROLE_MAP": "a=staff,"}, ["SSO_ROLE_MAP"]),
        (MAPPED | {"SSO_ROLE_MAP": "a=staff@"}, ["SSO_ROLE_MAP"]),
        (MAPPED | {"SSO_ROLE_MAP": "=staff"}, ["SSO_ROLE_MAP"]),
        ({"SSO_REQUIRED_AMR": "mfa"}, ["SSO_REQUIRED_AMR"]),
        ({"LOCAL_PASSWORDS": "off"}, ["LOCAL_PASSWORDS"]),
        (
            {"SSO_ISSUER": "https://login.example.com", "SSO_ROLE_MAP": "a=wizard", "SSO_JOIN": "x"},
            ["SSO_CLIENT_ID", "SSO_CLIENT_SECRET", "SSO_ROLE_MAP", "SSO_JOIN"],
        ),
    ],
)
def test_incomplete_single_sign_on_is_refused(variables, variables_told):
    found = problems_of(**variables)
    assert [problem.partition(":")[0] for problem in found] == [f"SHARELINK_{name}" for name in variables_told]
    assert CANARY not in "".join(found)


def test_single_sign_on_is_refused_without_its_libraries(monkeypatch):
    monkeypatch.setattr("sharelink.settings_single_sign_on.find_spec", lambda _name: None)
    (problem,) = problems_of(**SSO)
    assert problem == "SHARELINK_SSO_ISSUER: needs more libraries: install sharelink[sso]"
    assert not settings_of().has_single_sign_on


def test_whole_single_sign_on_is_accepted_and_its_secret_can_come_from_a_file(tmp_path):
    file = tmp_path / "secret"
    file.write_text(f"{CANARY}\n")
    variables = MAPPED | {"SSO_CLIENT_SECRET": "", "SSO_CLIENT_SECRET_FILE": str(file), "LOCAL_PASSWORDS": "off"}
    settings = settings_of(**variables)
    assert (settings.sso_client_secret, settings.local_passwords) == (CANARY, False)
    assert CANARY not in repr(settings)


def test_a_role_map_takes_names_of_directories_and_gives_roles_groups_or_both():
    rules = parse_role_map("CN=Admins,OU=x=administrator; eu = staff, custodian@EU  desk ,@Night;eu=auditor;")
    assert rules == (
        RoleRule("CN=Admins,OU=x", frozenset({"administrator"}), frozenset()),
        RoleRule("eu", frozenset({"staff", "custodian"}), frozenset({"EU desk", "Night"})),
        RoleRule("eu", frozenset({"auditor"}), frozenset()),
    )


@pytest.mark.parametrize(
    ("variables", "variable"),
    [
        ({"METRICS_TOKEN": "x" * 31}, "METRICS_TOKEN"),
        ({"METRICS_TOKEN": "x" * 31 + " y"}, "METRICS_TOKEN"),
        ({"METRICS_TOKEN": "ü" * 32}, "METRICS_TOKEN"),
        ({"METRICS_DIRECTORY": "/"}, "METRICS_DIRECTORY"),
        ({"METRICS_TOKEN": "x" * 32, "METRICS_DIRECTORY": "/nowhere"}, "METRICS_DIRECTORY"),
        ({"MONITOR_HOST": "0.0.0.0"}, "MONITOR_PORT"),  # noqa: S104 - an address that a container needs
    ],
)
def test_monitoring_that_would_be_open_or_do_nothing_is_refused(variables, variable):
    (problem,) = problems_of(**variables)
    assert problem.startswith(f"SHARELINK_{variable}: ")
