"""`python -m tests.deploy.confined <unit> <command>`: become `command` under the unit's filter of system calls.

What systemd does before it starts the program, as far as it is about the kernel's filters: SystemCallFilter=,
MemoryDenyWriteExecute= and NoNewPrivileges=. Uses libseccomp, as systemd does.
"""

import ctypes
import errno
import os
import re
import subprocess
import sys
from pathlib import Path

PR_SET_NO_NEW_PRIVS, PR_SET_MDWE = 38, 65
SCMP_ACT_ERRNO, SCMP_ACT_ALLOW = 0x00050000, 0x7FFF0000


def calls_of(group: str) -> set[str]:
    """Return the system calls of a group, as systemd itself lists them."""
    listed = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    found: set[str] = set()
    for name in re.findall(r"^\s+(@?[a-z0-9_-]+)", listed.stdout, re.MULTILINE):
        found |= calls_of(name) if name.startswith("@") else {name}
    return found


def allowed_calls(unit: Path) -> set[str]:
    """Return the system calls that the unit leaves: lines add up, and those with a tilde take away."""
    allowed: set[str] = calls_of("@default")
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit.read_text(), re.MULTILINE):
        groups = {call for group in line.lstrip("~").split() for call in calls_of(group)}
        allowed = allowed - groups if line.startswith("~") else allowed | groups
    return allowed | {"execve"}


def confine(unit: Path) -> None:
    """Put this process, and whatever it becomes, under the filters of the unit."""
    names = allowed_calls(unit)
    libc, seccomp = ctypes.CDLL(None, use_errno=True), ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(SCMP_ACT_ERRNO | errno.EPERM))
    for name in names:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            assert seccomp.seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 0) == 0, name
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    # Kernels before 6.3 do not know it; the filter of calls is the rest.
    libc.prctl(PR_SET_MDWE, 1, 0, 0, 0)
    assert seccomp.seccomp_load(context) == 0


if __name__ == "__main__":
    confine(Path(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - becoming the given program is what this is for
