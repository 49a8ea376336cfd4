"""`sharelink keys` as an operator uses it, with keys in the keyring and in the environment; nothing shows one."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from shutil import copytree

import pytest

from sharelink.crypto.link_keys import link_key_text, new_link_key
from tests.cli.programs import environment, free_port, running, sharelink
from tests.cli.test_operating import OWN


@pytest.fixture(scope="module")
def new_instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with keys and a migrated SQLite database, to be copied."""
    folder = tmp_path_factory.mktemp("new")
    assert sharelink(folder, "keys", "create").returncode == 0
    assert sharelink(folder, "database", "upgrade").returncode == 0
    return folder / "instance"


@pytest.fixture
def installation(tmp_path: Path, new_instance: Path) -> Path:
    copytree(new_instance, tmp_path / "instance")
    return tmp_path


def keyring(installation: Path) -> Path:
    return installation / "instance" / "keyring"


def test_a_master_key_in_the_environment_needs_no_file_and_is_shown_nowhere(installation):
    text = (keyring(installation) / "master.1.key").read_text().strip()
    (keyring(installation) / "master.1.key").unlink()
    missing = sharelink(installation, "check", **OWN)
    assert "master.1.key is missing" in missing.stdout
    given = {"MASTER_KEYS": f"1:{text}"}
    for arguments in (["check"], ["keys", "list"], ["keys", "create"]):
        done = sharelink(installation, *arguments, **OWN, **given)
        assert done.returncode == 0, done.stdout + done.stderr
        assert text not in done.stdout + done.stderr
    assert "master.1 (current, from the environment)" in sharelink(installation, "keys", "list", **given).stdout
    assert not list(keyring(installation).glob("master.*"))
    secret_file = installation / "master-keys"
    secret_file.write_text(f"1:{text}\n")
    from_file = sharelink(installation, "check", **OWN, MASTER_KEYS_FILE=str(secret_file))
    assert from_file.returncode == 0, from_file.stdout


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("canary-canary", "entry 1 is not <version>:<key>"),
        ("0:canary", "entry 1 is not <version>:<key>"),
        ("2:canary-short", "master.2.key does not hold 32 bytes"),
        ("2:" + "A" * 43, "master.2.key holds a placeholder"),
        ("2:canary 2:canary", "version 2 is given twice"),
        ("2:kms:canary", "master.2.key is wrapped by AWS KMS; set SHARELINK_KMS_KEY_ID"),
    ],
)
def test_a_wrong_master_key_in_the_environment_is_told_and_not_shown(installation, text, problem):
    done = sharelink(installation, "serve", MASTER_KEYS=text, PORT=str(free_port()))
    assert done.returncode == 1
    assert problem in done.stderr
    assert "canary" not in done.stdout + done.stderr
    assert "A" * 43 not in done.stderr


def test_one_version_with_two_keys_is_refused(installation):
    other = link_key_text(new_link_key())
    done = sharelink(installation, "check", **OWN, MASTER_KEYS=f"1:{other}")
    assert done.returncode == 1
    assert "master.1.key is not the key of that version in SHARELINK_MASTER_KEYS" in done.stdout
    assert other not in done.stdout


def test_a_service_with_the_keys_of_another_environment_does_not_start(installation):
    port = str(free_port())
    with running(installation, "serve", PORT=port) as service:
        service.wait_for("Sharelink serves")
        assert service.end() == 0
    path = keyring(installation) / "master.1.key"
    right = path.read_text()
    path.write_text(link_key_text(new_link_key()) + "\n")
    for command in (["serve"], ["worker"], ["keys", "rotate"]):
        refused = sharelink(installation, *command, PORT=port)
        assert refused.returncode == 1, command
        assert "master.1.key is not the key that th" in refused.stderr
        assert path.read_text().strip() not in refused.stderr
        assert "Traceback" not in refused.stderr
    assert "PROBLEM  key versions" in sharelink(installation, "check", **OWN).stdout
    assert not (keyring(installation) / "master.2.key").exists()
    path.write_text(right)
    assert sharelink(installation, "check", **OWN).returncode == 0


def readiness(port: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_keys_of_the_environment_are_rotated_by_giving_the_next_one_to_every_process_first(installation):
    first, second = (keyring(installation) / "master.1.key").read_text().strip(), link_key_text(new_link_key())
    (keyring(installation) / "master.1.key").unlink()
    port = str(free_port())
    # One port for all: the log's name follows the address.
    old, new = {"MASTER_KEYS": f"1:{first}", "PORT": port}, {"MASTER_KEYS": f"1:{first},2:{second}", "PORT": port}
    too_early = sharelink(installation, "keys", "rotate", "--yes", **old)
    assert too_early.returncode == 1
    assert "add version 2 to SHARELINK_MASTER_KEYS of every process first" in too_early.stderr
    with running(installation, "serve", **old) as forgotten:
        forgotten.wait_for("Sharelink serves")
        unsure = sharelink(installation, "keys", "rotate", typed="n\n", **new)
        assert unsure.returncode == 1
        assert "Does every process have master.2" in unsure.stdout
        # The process that was forgotten says so before anything is sealed with a key that it has not.
        deadline = time.monotonic() + 30
        while '"keyring":false' not in readiness(port)[1]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert forgotten.end() == 0
    rotated = sharelink(installation, "keys", "rotate", "--yes", **new)
    assert "master.2 is in use instead of version 1" in rotated.stdout
    behind = sharelink(installation, "serve", **old)
    assert behind.returncode == 1
    assert "master.2.key is missing" in behind.stderr
    retired = sharelink(installation, "keys", "retire", "master", "1", **new)
    assert "Take it out of SHARELINK_MASTER_KEYS" in retired.stdout
    assert sharelink(installation, "check", **OWN, MASTER_KEYS=f"2:{second}", PORT=port).returncode == 0
    for done in (too_early, unsure, rotated, behind, retired):
        assert not {first, second} & set((done.stdout + done.stderr).split())
        assert first not in done.stdout + done.stderr
        assert second not in done.stdout + done.stderr


def test_the_arguments_of_a_process_that_replaces_keys_show_none(installation):
    text = (keyring(installation) / "master.1.key").read_text().strip()
    command = subprocess.Popen(
        [sys.executable, "-m", "sharelink.cli", "keys", "rotate"],
        cwd=installation,
        env=environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    path = keyring(installation) / "master.2.key"
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    new = path.read_text().strip()
    arguments = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    # Killed while every process learns of the key: nothing uses it yet, and the next run takes it up.
    command.kill()
    said = command.communicate()[0]
    for key in (text, new):
        assert key not in arguments
        assert key not in said
    assert sharelink(installation, "check", **OWN).returncode == 0
    again = sharelink(installation, "keys", "rotate")
    assert "master.2 is in use instead of version 1" in again.stdout
    assert path.read_text().strip() == new
    assert not (keyring(installation) / "master.3.key").exists()
    refused = sharelink(installation, "keys", "rotate", "audit")
    assert refused.returncode == 1
    assert "pseudonyms" in refused.stderr
