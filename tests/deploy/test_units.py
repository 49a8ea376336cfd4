"""The units for systemd: accepted by it, hardly exposed, and the program works under their filters."""

import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from sharelink.crypto.keyring import create_missing_keys
from sharelink.settings import Settings, variable_name
from tests.attacks.servers import PROGRAM, ROOT, START_SECONDS, free_port, wait_until

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"), key=lambda unit: unit.stem)
EXPOSURE_TENTHS_MAX = 12

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="only systemd itself knows its units, and this machine has none"
)


def test_there_is_a_unit_for_one_machine_and_for_many() -> None:
    assert [unit.stem for unit in UNITS] == ["sharelink", "sharelink-node", "sharelink-worker"]


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_accepts_a_unit_and_finds_it_hardly_exposed(unit: Path, tmp_path: Path) -> None:
    # The program is not installed where the unit looks for it, and systemd would say so.
    copy = tmp_path / unit.name
    copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE))
    verified = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    threshold = f"--threshold={EXPOSURE_TENTHS_MAX}"
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", threshold, copy]
    assert subprocess.run(command, capture_output=True, text=True, check=False).returncode == 0


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_names_settings_that_exist_and_holds_no_secret(unit: Path) -> None:
    known = {variable_name(field) for field in Settings.model_fields}
    named = re.findall(r"^Environment=(\w+)=(.*)$", unit.read_text(), re.MULTILINE)
    assert {variable.removesuffix("_FILE") for variable, _value in named} <= known
    for variable, value in named:
        assert not variable.endswith("_FILE") or value.startswith("%d/")


@needs_systemd
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the filters are Linux's")
def test_the_program_starts_and_answers_under_the_filters_of_its_unit(tmp_path: Path) -> None:
    unit, port = UNITS[0], free_port()
    create_missing_keys(tmp_path / "keyring")
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
    environ |= {"SHARELINK_INSTANCE_DIRECTORY": str(tmp_path), "SHARELINK_PORT": str(port)}
    command = [sys.executable, "-m", "tests.deploy.confined", unit, PROGRAM, "serve"]
    with (tmp_path / "output").open("ab") as output:
        process = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=output, stderr=output)

    def answers() -> bool:
        assert process.poll() is None, (tmp_path / "output").read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    try:
        # Ready: the database is made and migrated, keys are read, the worker has swept.
        wait_until(answers, START_SECONDS, (tmp_path / "output").read_text)
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert re.search(r"^Seccomp:\s+2$", status, re.MULTILINE)
        assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    finally:
        process.terminate()
        assert process.wait(30) == 0
