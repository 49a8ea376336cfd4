"""What processes cost, as the kernel counts it (/proc, Linux)."""

import os
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PARENT, _FIRST_TIME, _LAST_TIME = 1, 13, 15
"""Positions after the name (proc(5), /proc/pid/stat); the times are those of children that have ended."""


def family(roots: Collection[int]) -> set[int]:
    """Return the ids of these processes and of all that descend from them."""
    parents = {int(path.name): int(fields[_PARENT]) for path in _processes() if (fields := _fields(path))}
    found = set(roots) & set(parents)
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def cpu_seconds(roots: Collection[int]) -> float:
    """Return the processor time that these processes and their descendants have used, ended ones included."""
    used = 0.0
    for number in family(roots):
        if fields := _fields(Path(f"/proc/{number}")):
            used += sum(int(field) for field in fields[_FIRST_TIME:_LAST_TIME]) / _TICKS_PER_SECOND
            with suppress(OSError):
                used += time.clock_gettime(_cpu_clock(number))
    return used


def _cpu_clock(number: int) -> int:
    """Return the clock of a process's own time, in nanoseconds where /proc counts hundredths of seconds.

    What clock_getcpuclockid(3) returns on Linux: the complement of the id, and the kind of clock in three bits.
    """
    return (~number << 3) | 2


def resident_bytes(roots: Collection[int]) -> int:
    """Return the resident memory of these processes and their descendants; what several share is counted once."""
    kibibytes = 0
    for number in family(roots):
        for line in Path(f"/proc/{number}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                kibibytes += int(line.split()[1])
    return kibibytes * 1024


def _processes() -> list[Path]:
    return [path for path in Path("/proc").iterdir() if path.name.isdigit()]


def _fields(process: Path) -> list[str]:
    """Return the fields of a process after its name, which may hold anything; nothing if it has ended."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
