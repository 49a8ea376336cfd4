"""The pinned packages are those that pyproject.toml allows, and they say nothing of where they were pinned."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {path.name: path for path in (ROOT / "requirements").glob("*.txt")}


def _pins(name: str) -> dict[str, set[str]]:
    """Return the versions of each package in a lock; a package may have one for each version of Python."""
    pins: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([\w.-]+)==([\w.+!-]+)", LOCKS[name].read_text(), re.MULTILINE):
        pins.setdefault(canonicalize_name(package), set()).add(version)
    return pins


def _allowed() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [Requirement(line) for line in project["dependencies"]]


@pytest.mark.parametrize("lock", sorted(LOCKS))
def test_a_lock_names_no_place_and_pins_every_package_with_hashes(lock: str) -> None:
    text = LOCKS[lock].read_text()
    assert not re.findall(r"://|file:|^-|@ ", text, re.MULTILINE)
    entries = re.findall(r"^[\w.-]+==.*?(?=^\w|\Z)", text, re.MULTILINE | re.DOTALL)
    assert entries
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", ["runtime.txt", "sso.txt", "kms.txt", "node.txt", "dev.txt"])
def test_a_lock_holds_a_version_that_the_project_allows(lock: str) -> None:
    pins = _pins(lock)
    stale = [
        str(requirement)
        for requirement in _allowed()
        if not any(requirement.specifier.contains(pin) for pin in pins.get(canonicalize_name(requirement.name), ()))
    ]
    assert stale == [], "run `make lock`"


def test_the_tests_run_with_the_packages_that_are_shipped() -> None:
    development = _pins("dev.txt")
    shipped = _pins("node.txt") | _pins("build.txt")
    assert {name: development.get(name) for name in shipped} == shipped


def test_the_lock_of_the_image_adds_all_that_is_optional_to_what_runs_without_it() -> None:
    single_sign_on, kms, image = _pins("sso.txt"), _pins("kms.txt"), _pins("node.txt")
    assert _pins("runtime.txt").items() <= single_sign_on.items()
    assert single_sign_on.items() <= image.items()
    assert kms.items() <= image.items()
    assert {"authlib", "joserfc", "requests"} <= set(single_sign_on)
    assert {"boto3", "botocore"} <= set(kms)
    assert "gunicorn" in image
    assert "--requirement requirements/node.txt" in (ROOT / "Dockerfile").read_text()
