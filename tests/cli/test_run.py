"""`sharelink run` and `sharelink demo`, as a newcomer meets them."""

import hashlib
import json
import re
import signal
import socket
import stat
import urllib.request
from pathlib import Path

from sharelink.crypto.keyring import KeyPurpose
from tests.cli.programs import free_port, running, sharelink, wait_until_ready


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - always our own http address
        return str(answer.read().decode())


def test_a_first_run_makes_everything_and_a_second_finds_it_as_it_was(tmp_path):
    port = str(free_port())
    instance = tmp_path / "instance"
    with running(tmp_path, "run", PORT=port) as service:
        service.wait_for(f"http://localhost:{port}")
        first_link = service.wait_for("/set-up#").strip()
        assert json.loads(fetched(f"http://127.0.0.1:{port}/healthz")) == {"alive": True}
        assert all(wait_until_ready(port).values())
        assert "set" in fetched(f"http://127.0.0.1:{port}/set-up").lower()
        assert service.end() == 0
    # Hashes: a failure must not print keys.
    keys = {path.name: hashlib.sha256(path.read_bytes()).digest() for path in (instance / "keyring").glob("*.key")}
    assert sorted(name.partition(".")[0] for name in keys) == sorted(KeyPurpose)
    assert {mode(instance), mode(instance / "keyring")} == {"700"}
    assert {mode(path) for path in [*instance.glob("sharelink.db*"), *(instance / "keyring").glob("*.key")]} == {"600"}

    with running(tmp_path, "run", PORT=port) as service:
        second_link = service.wait_for("/set-up#").strip()
        assert service.end(signal.SIGINT) == 0
    assert second_link != first_link
    again = {path.name: hashlib.sha256(path.read_bytes()).digest() for path in (instance / "keyring").glob("*.key")}
    assert again == keys

    arguments = ["--name", "Anna Example", "--email", "anna@example.com", "--role", "administrator"]
    made = sharelink(tmp_path, "user", "create", *arguments, "--password-stdin", typed="correct-zebra-orbit-lantern\n")
    assert made.returncode == 0, made.stderr
    with running(tmp_path, "run", PORT=port) as service:
        service.wait_for(f"http://localhost:{port}")
        fetched(f"http://127.0.0.1:{port}/healthz")
        assert service.end() == 0
        assert not [line for line in service.seen if "set-up" in line]


def test_a_killed_service_starts_again_at_once(tmp_path):
    port = str(free_port())
    with running(tmp_path, "run", PORT=port) as service:
        service.wait_for("/set-up#")
        assert service.end(signal.SIGKILL) == -signal.SIGKILL
    with running(tmp_path, "run", PORT=port) as service:
        service.wait_for("/set-up#")
        assert json.loads(fetched(f"http://127.0.0.1:{port}/healthz")) == {"alive": True}


def test_a_port_that_is_taken_is_told_kindly_and_changes_nothing(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = sharelink(tmp_path, "run", PORT=str(port))
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert f"SHARELINK_PORT={port + 1}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "instance").exists()


def test_wrong_settings_are_all_told_without_a_traceback_or_a_value(tmp_path):
    done = sharelink(tmp_path, "run", PORT="hunter2", LOG_FORMAT="hunter2")
    assert done.returncode == 1
    assert "SHARELINK_PORT: must be a whole number" in done.stderr
    assert "SHARELINK_LOG_FORMAT: must be 'text' or 'json'" in done.stderr
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demonstration_shows_every_state_and_leaves_nothing_behind(tmp_path):
    with running(tmp_path, "demo", TEMPORARY_DIRECTORY="") as service:
        address = re.search(r"http://localhost:\d+", service.wait_for("The demonstration runs at"))
        assert address is not None
        link = service.wait_for("/s/").strip()
        service.wait_for("code: ")
        for path in ("/r/", "/retrieve/", "/statement/"):
            assert fetched(service.wait_for(path).strip().partition("#")[0])
        assert link.startswith(address[0] + "/s/")
        assert fetched(link.partition("#")[0])
        assert service.end(signal.SIGINT) == 0
    assert len([line for line in service.seen if "@reseller.example" in line]) == 6
    assert not list(tmp_path.iterdir())


def test_without_a_command_help_is_shown(tmp_path):
    told = sharelink(tmp_path)
    assert "Usage: sharelink" in told.stdout + told.stderr
    for command in ("run", "demo", "serve", "worker", "sweep", "check", "database", "keys", "user", "audit"):
        assert re.search(rf"^  {command} ", told.stdout + told.stderr, re.MULTILINE)
