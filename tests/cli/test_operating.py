"""`sharelink serve`, `worker`, `sweep`, `database`, `keys` and `check`, as an operator uses them."""

import urllib.error
import urllib.request
from pathlib import Path
from shutil import copytree

import pytest

from sharelink.persistence.schema import newest_revision
from sharelink.tlog.cosignatures import Ed25519Cosigner
from tests.cli.programs import free_port, running, sharelink, wait_until_ready
from tests.services import fresh_database

OWN = {
    "SUPPORT_CONTACT": "support@example.com",
    "PRIVACY_URL": "https://example.com/privacy",
    "SEPARATION_OF_DUTIES": "true",
}


@pytest.fixture(scope="module")
def new_instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with keys and a migrated SQLite database, to be copied."""
    folder = tmp_path_factory.mktemp("new")
    assert sharelink(folder, "keys", "create").returncode == 0
    assert sharelink(folder, "database", "upgrade").returncode == 0
    return folder / "instance"


@pytest.fixture
def installation(tmp_path: Path, new_instance: Path) -> Path:
    """Return a folder with keys and a migrated SQLite database."""
    copytree(new_instance, tmp_path / "instance")
    return tmp_path


def test_serving_without_keys_is_refused_and_says_how_to_make_them(tmp_path):
    done = sharelink(tmp_path, "serve", PORT=str(free_port()))
    assert done.returncode == 1
    assert "sharelink keys create" in done.stderr
    assert "Traceback" not in done.stderr


def test_keys_are_made_once_and_listed_without_being_shown(tmp_path):
    first, second = sharelink(tmp_path, "keys", "create"), sharelink(tmp_path, "keys", "create")
    assert "master.1.key" in first.stdout
    assert "Nothing to do" in second.stdout
    listed = sharelink(tmp_path, "keys", "list").stdout
    assert "master.1 (current)" in listed
    for path in (tmp_path / "instance" / "keyring").glob("*.key"):
        assert path.read_text().strip() not in first.stdout + listed


def test_another_database_is_never_upgraded_by_serving(tmp_path, postgresql_server):
    with fresh_database(postgresql_server) as url:
        variables = {"DATABASE_URL": url, "PORT": str(free_port())}
        sharelink(tmp_path, "keys", "create", **variables)
        refused = sharelink(tmp_path, "serve", **variables)
        assert refused.returncode == 1
        assert "sharelink database upgrade" in refused.stderr
        upgraded = sharelink(tmp_path, "database", "upgrade", **variables)
        assert f"from nothing to {newest_revision()}" in upgraded.stdout
        again = sharelink(tmp_path, "database", "upgrade", **variables)
        assert "the newest already" in again.stdout
        with running(tmp_path, "serve", "--no-worker", **variables) as service:
            service.wait_for("Sharelink serves")
            with pytest.raises(urllib.error.HTTPError) as answer:
                urllib.request.urlopen(f"http://127.0.0.1:{variables['PORT']}/readyz", timeout=10)
            assert answer.value.code == 503
            assert b'"sweeper":false' in answer.value.read()
            answer.value.close()
            with running(tmp_path, "worker", **variables) as worker:
                worker.wait_for("The worker works")
                wait_until_ready(variables["PORT"])
                assert worker.end() == 0
            assert service.end() == 0


def test_a_database_that_cannot_be_reached_is_told_without_its_password(tmp_path):
    url = f"postgresql://someone:hunter2@127.0.0.1:{free_port()}/nowhere"
    sharelink(tmp_path, "keys", "create", DATABASE_URL=url)
    for command in (["serve"], ["check"], ["database", "upgrade"], ["sweep"]):
        done = sharelink(tmp_path, *command, DATABASE_URL=url, PORT=str(free_port()))
        assert done.returncode == 1, command
        assert "hunter2" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_a_sound_installation_passes_the_check(installation):
    done = sharelink(installation, "check", **OWN)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PROBLEM" not in done.stdout
    assert "advice" not in done.stdout


def test_the_check_warns_while_separation_of_duties_is_off(installation):
    done = sharelink(installation, "check", **(OWN | {"SEPARATION_OF_DUTIES": "false"}))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "advice   separation of duties is off" in done.stdout


def test_the_check_finds_who_has_both_duties_and_that_nobody_can_approve(installation):
    typed = "tapioca violin marsh eleven"
    create = ["user", "create", "--name", "Anna", "--email", "anna@example.com", "--role", "administrator"]
    assert sharelink(installation, *create, "--role", "custodian", "--password-stdin", typed=typed).returncode == 0
    done = sharelink(installation, "check", **OWN)
    assert done.returncode == 1
    assert "PROBLEM  duties" in done.stdout
    assert "anna@example.com" in done.stdout
    roles = sharelink(installation, "user", "roles", "anna@example.com", "--role", "administrator", **OWN)
    assert roles.returncode == 0, roles.stderr
    done = sharelink(installation, "check", **OWN)
    assert done.returncode == 0, done.stdout
    assert "no second administrator" in done.stdout


def test_the_check_finds_keys_that_others_can_read_and_a_broken_head(installation):
    keyring = installation / "instance" / "keyring"
    (keyring / "master.1.key").chmod(0o644)
    done = sharelink(installation, "check", **OWN)
    assert done.returncode == 1
    assert "chmod go= " in done.stdout
    (keyring / "master.1.key").chmod(0o600)
    (keyring / "token.1.key").write_bytes((keyring / "audit.1.key").read_bytes())
    done = sharelink(installation, "check", **OWN)
    assert done.returncode == 1
    assert "equal" in done.stdout


def test_the_check_tells_what_goes_wrong_for_those_who_watch_the_log(installation):
    done = sharelink(installation, "check", **(OWN | {"AUDIT_SINK": "file:///nowhere/audit.jsonl"}))
    assert done.returncode == 1
    assert "PROBLEM  audit sink: file:///nowhere/audit.jsonl cannot be written (enoent)" in done.stdout
    key = Ed25519Cosigner.from_seed("customer.example/witness", bytes(32)).key.text()
    witnesses = f"{key} https://w.example/add-checkpoint"
    watched = {"AUDIT_SINK": f"file://{installation}/audit.jsonl", "AUDIT_WITNESSES": witnesses}
    done = sharelink(installation, "check", **(OWN | watched))
    assert (done.returncode, "ok       audit sink" in done.stdout) == (0, True)
    assert "advice   the witness customer.example/witness has not cosigned the log for 24 hours." in done.stdout
    assert "advice   no quorum of witnesses is set" in done.stdout


def test_the_check_finds_a_schema_of_another_version(tmp_path):
    sharelink(tmp_path, "keys", "create")
    (tmp_path / "instance" / "sharelink.db").touch(mode=0o600)
    done = sharelink(tmp_path, "check", **OWN)
    assert done.returncode == 1
    assert "sharelink database upgrade" in done.stdout


def test_sweeping_once_tells_what_it_did(installation):
    done = sharelink(installation, "sweep")
    assert done.returncode == 0, done.stderr
    assert "0 shares expired, 0 epoch keys destroyed." in done.stdout


def test_commands_work_beside_a_running_service_but_a_second_service_is_refused(installation):
    port = str(free_port())
    with running(installation, "serve", PORT=port) as service:
        service.wait_for("Sharelink serves")
        assert sharelink(installation, "check", PORT=port, **OWN).returncode == 0
        assert sharelink(installation, "audit", "verify", PORT=port).returncode == 0
        second = sharelink(installation, "serve", PORT=str(free_port()))
        assert second.returncode == 1
        assert "another process serves this installation" in second.stderr
        assert service.end() == 0
