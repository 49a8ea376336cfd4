"""Sharelink as people run it: the shipped command, in a folder of its own, on a free port of this machine."""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pyotp import TOTP

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = Path(sys.executable).with_name("sharelink")
ORGANISATION = "Example Reseller"
SUPPORT = "support@reseller.example"
STOP_SECONDS = 20
TYPING_SECONDS = 20
"""How long it may take from reading a code to its check, on a busy machine."""
_SET_UP_LINK = re.compile(r"^\s*(http://\S+/set-up#\S+)\s*$")


@dataclass
class AuthenticatorApp:
    """The app on somebody's phone. It waits for a code that was not used yet, as people do."""

    key: str = ""
    last_step: int = 0

    def next_code(self) -> str:
        """Return a code that the service takes now and has not seen."""
        app = TOTP(self.key)
        # The service takes the code before the present one, too; by the time it reads this one, that may be another.
        self.last_step = max(self.last_step + 1, app.timecode(time.time() + TYPING_SECONDS) - 1)
        while app.timecode(time.time()) + 1 < self.last_step:
            time.sleep(0.5)
        return app.generate_otp(self.last_step)


@dataclass(frozen=True)
class Account:
    """Somebody who can sign in."""

    name: str
    email: str
    password: str
    app: AuthenticatorApp = field(default_factory=AuthenticatorApp, compare=False)


def new_account(name: str) -> Account:
    """Return an account to be made, with a password that nobody chose."""
    mark = secrets.token_hex(4)
    return Account(name, f"{name.split(maxsplit=1)[0].lower()}.{mark}@reseller.example", secrets.token_urlsafe(24))


@dataclass(frozen=True)
class RunningService:
    """A service that answers, and the set-up link that it printed on its terminal."""

    address: str
    set_up_link: str
    environment: dict[str, str]
    directory: Path

    def create_account(self, name: str, *roles: str) -> Account:
        """Make an account by `sharelink user create`, with the roles of a first account unless others are named."""
        account, wanted = new_account(name), roles or ("administrator", "staff", "custodian")
        command = [COMMAND, "user", "create", "--name", account.name, "--email", account.email, "--password-stdin"]
        command += [part for role in wanted for part in ("--role", role)]
        if "custodian" in wanted:
            command += ["--group", "Custodians"]
        subprocess.run(
            command,
            input=account.password,
            cwd=self.directory,
            env=self.environment,
            text=True,
            capture_output=True,
            check=True,
        )
        return account


@contextmanager
def running_service(directory: Path, **settings: str) -> Iterator[RunningService]:
    """Run `sharelink run` in `directory` until the block ends; `settings` are added to its environment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = {name: text for name, text in os.environ.items() if not name.startswith("SHARELINK_")}
    environment |= {"SHARELINK_PORT": str(port), "SHARELINK_ORGANISATION_NAME": ORGANISATION}
    environment |= {"SHARELINK_SUPPORT_CONTACT": SUPPORT, **settings}
    log = directory / "service.log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [COMMAND, "run"],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield RunningService(f"http://localhost:{port}", _printed_link(process, log), environment, directory)
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _printed_link(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := _SET_UP_LINK.match(line):
            return found[1]
    raise AssertionError(f"the service printed no set-up link: {log.read_text(errors='replace')[-2000:]}")
