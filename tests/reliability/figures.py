"""What a run measured and counted, printed at its end: the figures of docs/reliability.md."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

PREFIX = "figure: "


@dataclass(frozen=True)
class Figures:
    """Writes figures into the report of one test."""

    node: pytest.Item

    def note(self, name: str, figure: object) -> None:
        """Record what was counted or measured."""
        self.node.user_properties.append((PREFIX + name, str(figure)))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which `percent` of `values` lie, by the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(len(ordered) * percent / 100))]
