"""compose.yaml says what docs/operations.md promises: one open door, secrets as files, few places to write."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sharelink.settings import SECRET_BEARING, Settings, variable_name
from tests.attacks.servers import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {"set-up", "web-1", "web-2", "worker"}
SERVICE_KEYS = {
    *("build", "cap_drop", "command", "depends_on", "entrypoint", "environment", "healthcheck", "image", "init"),
    *("logging", "mem_limit", "networks", "pids_limit", "ports", "read_only", "restart", "secrets", "security_opt"),
    *("shm_size", "stop_grace_period", "stop_signal", "tmpfs", "user", "volumes"),
}
"""The words of the Compose Specification that are used here: one that is mistyped would do nothing."""

each_service = pytest.mark.parametrize("name", sorted(SERVICES))


def test_every_word_is_one_of_the_specification() -> None:
    assert COMPOSE.keys() - {key for key in COMPOSE if key.startswith("x-")} == {
        *("name", "services", "networks", "volumes", "secrets")
    }
    for name, service in SERVICES.items():
        assert service.keys() <= SERVICE_KEYS, name
        for other, condition in service.get("depends_on", {}).items():
            assert other in SERVICES
            assert condition["condition"] in {"service_healthy", "service_completed_successfully"}
            if condition["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other] or other in OURS
        assert set(service["networks"]) <= COMPOSE["networks"].keys(), name
        assert set(service.get("secrets", ())) <= COMPOSE["secrets"].keys(), name
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", ())}
    assert used == COMPOSE["secrets"].keys()


@each_service
def test_a_service_can_write_nowhere_but_where_it_must_and_has_no_privilege(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"]
    assert service["mem_limit"]
    assert "privileged" not in service
    # The image of ours names its user itself.
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service.get("user", "10001:10001"))
    writable = [volume for volume in service.get("volumes", ()) if not volume.endswith(":ro")]
    allowed = {"database": ["database:/var/lib/postgresql/data"]}
    allowed |= {ours: [f"{name}:/var/lib/sharelink/{name}" for name in ("keyring", "checkpoints")] for ours in OURS}
    assert writable == allowed.get(name, [])


def test_only_the_proxy_is_reached_from_outside_and_it_reaches_only_the_nodes() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"proxy"}
    assert SERVICES["proxy"]["ports"] == ["443:8443"]
    assert {name for name, service in SERVICES.items() if "edge" in service["networks"]} == {"proxy"}
    assert {name for name, service in SERVICES.items() if "outside" in service["networks"]} == {"worker"}
    assert {name for name, network in COMPOSE["networks"].items() if network.get("internal")} == {"front", "back"}
    for name in ("database", "redis"):
        assert SERVICES[name]["networks"] == ["back"]
    assert "back" not in SERVICES["proxy"]["networks"]


@each_service
def test_no_environment_and_no_command_holds_a_secret(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    for secret in SECRET_BEARING:
        assert variable_name(secret) not in environment
    for variable, value in environment.items():
        assert "PASSWORD" not in variable or str(value).startswith("/run/secrets/"), variable
    assert not re.search(r"://[^/\s]*:[^/\s]*@", str(SERVICES[name]))


@each_service
def test_images_come_from_nowhere_in_particular_and_are_pinned_to_a_version(name: str) -> None:
    image = SERVICES[name]["image"]
    assert re.fullmatch(r"[a-z]+:(local|[0-9.]+)", image), image
    assert ("build" in SERVICES[name]) == (name == "set-up")


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_ours_are_told_are_settings_that_start(name: str, tmp_path: Path) -> None:
    told = {key: str(value) for key, value in SERVICES[name]["environment"].items()}
    subprocess.run(["cp", "-r", ROOT / "deploy" / "make-secrets", tmp_path], check=True)
    subprocess.run([tmp_path / "make-secrets", "share.example.com"], check=True)
    secrets = tmp_path / "secrets"
    assert secrets.stat().st_mode & 0o777 == 0o700
    wanted = {Path(source["file"]).name for source in COMPOSE["secrets"].values()}
    assert {path.name for path in secrets.iterdir()} == wanted
    for variable, value in told.items():
        if variable.endswith("_FILE"):
            told[variable] = str(secrets / Path(value).name)
    told |= {"SHARELINK_METRICS_DIRECTORY": str(tmp_path), "SHARELINK_BASE_URL": "https://share.example.com"}
    told = {key: "" if value.endswith(":-}") else value for key, value in told.items()}
    settings = Settings.from_environment(told)
    assert settings.https
    assert settings.has_metrics
    assert not settings.counts_in_memory
    assert settings.trusted_proxy_hops == 1
    assert not settings.embedded_database
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    subprocess.run([tmp_path / "make-secrets", "share.example.com"], check=True)
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before
    assert (
        f"requirepass {settings.rate_limit_store.split(':')[2].split('@')[0]}\n"
        in (secrets / "redis_configuration").read_text()
    )


def test_the_proxy_has_room_in_memory_for_whatever_a_node_takes() -> None:
    """Larger than the largest form, so that nothing spills; smaller than what a node's settings could ever allow."""
    text = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text()
    kilobytes = {name: int(value) for name, value in re.findall(r"(client_\w+_size) (\d+)k;", text)}
    largest_form = Settings(instance_directory=Path()).request_max_bytes
    assert largest_form < kilobytes["client_max_body_size"] * 1024 < kilobytes["client_body_buffer_size"] * 1024
    assert kilobytes["client_max_body_size"] > 1024


def test_secrets_made_for_it_are_never_in_the_repository_or_the_image() -> None:
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    assert [line for line in ignored if line.startswith("!deploy")] == ["!deploy/gunicorn.conf.py"]
