"""Processes whose wall clock a test moves while they run (libfaketime); their monotonic clock stays the real one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.services import faketime_library


@dataclass(frozen=True)
class FakeTime:
    """The clock of one or several processes: the real one, moved by an offset."""

    file: Path

    @property
    def variables(self) -> Mapping[str, str]:
        """Return what a process must find in its environment to live in this time."""
        found = faketime_library()
        if found is None:
            pytest.skip("libfaketime moves the clocks of Linux programs only")
        return {
            "LD_PRELOAD": str(found),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, offset_seconds: int) -> None:
        """Let the clock jump to `offset_seconds` from the real one; no process ever reads half an offset."""
        fresh = self.file.with_suffix(".fresh")
        fresh.write_text(f"{offset_seconds:+d}\n")
        fresh.rename(self.file)
