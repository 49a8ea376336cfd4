"""`python -m tests.tools.system_packages`: install what the tests need from the system.

Chromium, PostgreSQL, Redis, OpenSSL, libfaketime and nginx come from the system's packages. On Debian and its
relatives they are installed when missing; elsewhere one line says what to install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.services import (
    UNPACKED_NGINX,
    ServiceMissing,
    chromium_path,
    faketime_library,
    nginx_program,
    openssl_program,
    postgresql_program,
    redis_program,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# Fonts: without any, a page is rendered as empty boxes and its screenshots say nothing.
DEBIAN_FONTS = ("fonts-dejavu-core", "fonts-noto-core", "fonts-noto-color-emoji")
NEEDED: tuple[tuple[str, Callable[[], object], tuple[str, ...]], ...] = (
    ("Chromium", chromium_path, ("chromium-headless-shell", *DEBIAN_FONTS)),
    ("PostgreSQL", lambda: postgresql_program("initdb"), ("postgresql",)),
    ("Redis", redis_program, ("redis-server",)),
    ("OpenSSL", openssl_program, ("openssl",)),
    ("libfaketime", faketime_library, ("faketime",)),
    ("nginx", nginx_program, ()),
)


def missing() -> dict[str, tuple[str, ...]]:
    """Return what is not installed: its name and the Debian packages that bring it."""
    absent = {}
    for name, find, packages in NEEDED:
        try:
            find()
        except ServiceMissing:
            absent[name] = packages
    return absent


def install(packages: list[str]) -> bool:
    """Install Debian packages without a question; False when that is not possible here."""
    if not shutil.which("apt-get"):
        return False
    if os.geteuid() == 0:
        prefix = ["env"]
    elif shutil.which("sudo") and _succeeds(["sudo", "--non-interactive", "true"]):
        prefix = ["sudo", "--non-interactive", "env"]
    else:
        return False
    apt = [*prefix, "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    _succeeds([*apt, "update"])
    return _succeeds([*apt, "install", "--yes", "--no-install-recommends", *packages])


def unpack_nginx() -> None:
    """Fetch Debian's nginx and unpack it beside the environment, without installing it: nothing is started."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return
    with tempfile.TemporaryDirectory() as folder:
        if _succeeds(["apt-get", "-qq", "download", "nginx"], folder):
            for package in Path(folder).glob("nginx_*.deb"):
                _succeeds(["dpkg-deb", "--extract", str(package), str(UNPACKED_NGINX.parents[2])])


def _succeeds(command: list[str], folder: str | None = None) -> bool:
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=folder)
    return done.returncode == 0


def main() -> int:
    """Install what is missing; return 1 with one clear line when something stays so."""
    absent = missing()
    if absent:
        print(f"Installing {', '.join(absent)} for the tests ...", flush=True)
        install([package for packages in absent.values() for package in packages])
        if "nginx" in absent:
            unpack_nginx()
        absent = missing()
    if absent:
        print(
            f"The tests need {', '.join(absent)}, which could not be installed here; please "
            "install by hand (Debian: apt-get install, macOS: brew install).",
            file=sys.stderr,
        )
    return 1 if absent else 0


if __name__ == "__main__":
    sys.exit(main())
