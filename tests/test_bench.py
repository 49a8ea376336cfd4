"""The bench still runs: tiny numbers, all measures. How fast it is, `make bench` tells."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.figures import Figure, Spread, quantile, ratio
from bench.workshop import in_turns

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_measure_runs_to_its_end() -> None:
    command = [sys.executable, "-m", "bench", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stderr
    told = done.stdout
    assert "QUICK" in told
    for measured in (
        "start to first answer, SQLite",
        "transferred for the recipient's page, first visit",
        "CPU per cycle in bare-hello requests",
        "p99 / p50 at 8 users: Sharelink, PostgreSQL",
        "resident memory: Sharelink, SQLite, with worker",
        "reveal CPU with 300 live shares against 30, PostgreSQL",
        "sweep of 50: p99 of reveals against idle, SQLite",
    ):
        assert f"| {measured} | " in told


def test_contenders_take_turns_and_each_is_the_first_as_often_as_the_others() -> None:
    order: list[str] = []
    given = in_turns(3, {name: lambda name=name: order.append(name) for name in "abc"})
    assert "".join(order) == "abcbcacab"
    assert {name: len(rounds) for name, rounds in given.items()} == {"a": 3, "b": 3, "c": 3}


def test_a_median_beyond_what_must_be_is_said_aloud() -> None:
    def verdict(*samples: float) -> str:
        return Figure("", Spread.of(samples), must=2.0, goal=1.0).verdict

    assert verdict(0.5, 1.0, 9.0) == "goal met"
    assert verdict(1.5) == "met"
    assert verdict(0.1, 2.1, 2.2) == "NOT MET"


def test_ratios_are_of_the_same_round() -> None:
    assert ratio("", [2.0, 30.0], [1.0, 10.0], 1, 1).spread.samples == (2.0, 3.0)


def test_the_99th_of_100_is_the_last_but_none() -> None:
    assert quantile([float(number) for number in range(100)], 0.99) == 99.0
