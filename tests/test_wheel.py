"""The wheel carries its pages and style sheets.

An editable install finds templates/ and static/ beside the package, so only a wheel in an
empty environment, used from another directory, shows whether they were packed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent

FETCH_A_PAGE_AND_A_STATIC_FILE = """
import os
from pathlib import Path

import sharelink
from sharelink.app import create_app
from sharelink.assets import asset_directory
from sharelink.bundles.verifier_page import verifier_page
from sharelink.settings import Settings

package = Path(sharelink.__file__).parent
assert asset_directory("templates") == package / "templates", asset_directory("templates")
assert asset_directory("static") == package / "static", asset_directory("static")
assert b"crypto.subtle" in verifier_page()
assert len(list((package / "bundles" / "readme").glob("*.txt"))) == 5

client = create_app(Settings.from_environment(os.environ)).test_client()
page = client.get("/sign-in")
assert page.status_code == 200 and "<form" in page.text, (page.status_code, page.text[:200])
with client.get("/static/css/base.css") as answer:
    assert answer.status_code == 200, answer.status_code
    assert answer.data == (package / "static" / "css" / "base.css").read_bytes()
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, install it with the pinned packages and return the environment."""
    wheels = tmp_path_factory.mktemp("wheels")
    build = ["-m", "build", "--wheel", "--no-isolation", "--outdir"]
    _run([sys.executable, *build, wheels, ROOT], wheels)
    (wheel,) = wheels.glob("*.whl")
    environment = tmp_path_factory.mktemp("environment")
    locked = ["--require-hashes", "--requirement", ROOT / "requirements" / "runtime.txt"]
    python = environment / "bin" / "python"
    if uv := shutil.which("uv"):
        _run([uv, "venv", "--clear", "--python", sys.executable, environment], wheels)
        install: list[object] = [uv, "pip", "install", "--python", python]
    else:
        _run([sys.executable, "-m", "venv", environment], wheels)
        install = [python, "-m", "pip", "install", "--disable-pip-version-check"]
    _run([*install, *locked], wheels)
    _run([*install, "--no-deps", wheel], wheels)
    return environment


def test_the_wheel_prepares_itself_and_serves_a_page_and_a_static_file(installed: Path, tmp_path: Path) -> None:
    sharelink = installed / "bin" / "sharelink"
    _run([sharelink, "keys", "create"], tmp_path)
    _run([sharelink, "database", "upgrade"], tmp_path)
    _run([installed / "bin" / "python", "-c", FETCH_A_PAGE_AND_A_STATIC_FILE], tmp_path)


def test_every_template_and_static_file_is_in_the_wheel(installed: Path) -> None:
    (package,) = installed.glob("lib/python3*/site-packages/sharelink")
    for folder in ("templates", "static"):
        ours = {path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*.*")}
        packed = {path.relative_to(package / folder) for path in (package / folder).rglob("*.*")}
        assert ours, f"{folder}/ is empty"
        assert ours == packed


def _run(command: Sequence[object], directory: Path) -> None:
    """Run a command from `directory`, with its instance/ there and nothing of this checkout in its environment."""
    ours = ("PYTHON", "SHARELINK_", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=directory,
        env=kept,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
