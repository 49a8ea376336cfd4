"""What is counted while the service works, with prometheus-client.

Every label comes from a closed list of the program itself: names of events, of endpoints, of errors, of limits. Nothing
that a person typed or that a link holds can become one, and so the number of series is bounded too.

Imported only where figures are read. The library decides at its own import whether several processes add up:
`PROMETHEUS_MULTIPROC_DIR` must be set before, and `directory` say the same
(https://prometheus.github.io/client_python/multiprocess/).
"""

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from sharelink.audit.log import PendingEvent
from sharelink.metrics.readings import Reading
from sharelink.metrics.transitions import transition_of

NO_ENDPOINT = "none"
"""Stands for every address that is no page of ours."""

_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Counters:
    """The counters of one application.

    Args:
        version: of the program, as an installed package.
        directory: where the processes of this machine add up their figures; None for one process.
    """

    def __init__(self, version: str, directory: Path | None = None) -> None:
        self._directory = directory
        self._version = version
        self._registry = own = CollectorRegistry()
        self._events = Counter("sharelink_events", "Events written to the audit.", ["event"], registry=own)
        self._transitions = Counter(
            "sharelink_share_transitions", "Shares that came into a state.", ["kind", "state"], registry=own
        )
        self._refusals = Counter("sharelink_refusals", "Requests refused, by the code of why.", ["code"], registry=own)
        self._limited = Counter("sharelink_rate_limited", "Requests beyond a rate limit.", ["limit"], registry=own)
        self._responses = Counter(
            "sharelink_responses", "Answers given, by class of status.", ["endpoint", "status"], registry=own
        )
        self._seconds = Histogram(
            "sharelink_request_seconds", "Time to an answer.", ["endpoint"], registry=own, buckets=_BUCKETS_SECONDS
        )
        self._task_failures = Counter(
            "sharelink_task_failures", "Turns of background work that failed.", ["task"], registry=own
        )
        self._connections = Gauge(
            "sharelink_database_connections_in_use",
            "Connections to the database in use.",
            registry=own,
            multiprocess_mode="livesum",
        )
        if directory is None:
            ProcessCollector(registry=own)
            PlatformCollector(registry=own)

    def committed(self, events: Sequence[PendingEvent]) -> None:
        """Count events that were just committed, and the shares that they moved."""
        for event in events:
            self._events.labels(event.event.value).inc()
            moved = transition_of(event)
            if moved is not None:
                kind, state = moved
                self._transitions.labels(kind.value, state.value).inc()

    def refused(self, code: str) -> None:
        """Count a request that was refused with a named fact; `code` is the fact's own."""
        self._refusals.labels(code).inc()

    def limited(self, name: str) -> None:
        """Count a request beyond the rate limit called `name`."""
        self._limited.labels(name).inc()

    def answered(self, endpoint: str | None, status: int, seconds: float) -> None:
        """Count an answer: by the name of the page's function, never by its address."""
        name = endpoint or NO_ENDPOINT
        self._responses.labels(name, f"{status // 100}xx").inc()
        self._seconds.labels(name).observe(seconds)

    def task_failed(self, name: str) -> None:
        """Count a turn of background work that failed."""
        self._task_failures.labels(name).inc()

    def connection_taken(self) -> None:
        """Count a connection that left the pool."""
        self._connections.inc()

    def connection_given_back(self) -> None:
        """Count a connection that came back to the pool, or was dropped."""
        self._connections.dec()

    def exposition(self, readings: Iterable[Reading]) -> bytes:
        """Return all figures in Prometheus' text format, of this process or of all that share the directory.

        Args:
            readings: what was just read from the database and the keyring.
        """
        now = CollectorRegistry()
        now.register(_Readings([*readings, _build(self._version)]))
        if self._directory is None:
            return generate_latest(self._registry) + generate_latest(now)
        _forget_dead_processes(self._directory)
        MultiProcessCollector(now, str(self._directory))  # type: ignore[no-untyped-call]
        return generate_latest(now)


class _Readings(Collector):
    """Gauges whose values were read for this one answer."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterable[Any]:
        families: dict[str, GaugeMetricFamily] = {}
        for reading in self._readings:
            name = f"sharelink_{reading.name}"
            if name not in families:
                families[name] = GaugeMetricFamily(name, reading.meaning, labels=list(reading.labels))
            families[name].add_metric(list(reading.labels.values()), reading.value)
        return families.values()


def _build(version: str) -> Reading:
    labels: Mapping[str, str] = {"version": version, "python": platform.python_version()}
    return Reading("build_info", "Which program this is.", 1, labels)


def _forget_dead_processes(directory: Path) -> None:
    """Let go of the connections that a process had in use when it was killed; what it has counted stays."""
    for path in directory.glob("gauge_live*_*.db"):
        number = int(path.stem.rpartition("_")[2])
        if not _lives(number):
            mark_process_dead(number, str(directory))  # type: ignore[no-untyped-call]


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
