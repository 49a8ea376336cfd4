"""What was measured, how it spreads, and whether that is enough."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """Samples of one quantity, one per round."""

    samples: tuple[float, ...]

    @classmethod
    def of(cls, samples: Iterable[float]) -> "Spread":
        """Return the spread of `samples`; there must be one at least."""
        return cls(tuple(samples))

    @property
    def median(self) -> float:
        """What the table judges."""
        return statistics.median(self.samples)

    def text(self, digits: int) -> str:
        """Return "smallest - median - largest"."""
        parts = (min(self.samples), self.median, max(self.samples))
        return " - ".join(f"{part:.{digits}f}" for part in parts)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `must` and `goal` are what the median may be at most, or at least where more is better."""

    name: str
    spread: Spread
    unit: str = ""
    must: float | None = None
    goal: float | None = None
    digits: int = 2
    more_is_better: bool = False

    @property
    def verdict(self) -> str:
        """Return how the median compares."""
        if self.must is None or self.goal is None:
            return ""
        median = round(self.spread.median, self.digits)
        sign = -1 if self.more_is_better else 1
        if sign * median <= sign * self.goal:
            return "goal met"
        return "met" if sign * median <= sign * self.must else "NOT MET"


def ratio(name: str, ours: Sequence[float], theirs: Sequence[float], must: float, goal: float) -> Figure:
    """Return how many times as much ours is, round for round: rounds share whatever else the machine was doing."""
    pairs = zip(ours, theirs, strict=True)
    return Figure(name, Spread.of(mine / other for mine, other in pairs), "x", must, goal)


def quantile(samples: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the samples lie."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(figures: Iterable[Figure]) -> str:
    """Return the figures as a Markdown table, which reads as text, too."""
    lines = ["| measure | min - median - max | must | goal | |", "|---|---|---|---|---|"]
    for figure in figures:
        must, goal = (_bound(figure, bound) for bound in (figure.must, figure.goal))
        measured = f"{figure.spread.text(figure.digits)} {figure.unit}".strip()
        lines.append(f"| {figure.name} | {measured} | {must} | {goal} | {figure.verdict} |")
    return "\n".join(lines)


def _bound(figure: Figure, value: float | None) -> str:
    return "" if value is None else f"{'>=' if figure.more_is_better else '<='} {value:g}"
