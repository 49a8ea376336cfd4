"""Commands of the program, run to their end beside a running installation."""

import subprocess
import sys
from collections.abc import Mapping, Sequence

from tests.attacks.installations import Installation
from tests.attacks.servers import PROGRAM, environment

COMMAND_SECONDS = 90


def run_command(
    installation: Installation, arguments: Sequence[str], variables: Mapping[str, str], script: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `sharelink ARGUMENTS`, or the same through a Python script that was broken on purpose."""
    program = [PROGRAM] if script is None else [sys.executable, "-c", script]
    return subprocess.run(
        [*program, *arguments],
        env=environment(installation.settings, {}) | dict(variables),
        cwd=installation.outputs,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
