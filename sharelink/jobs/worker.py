"""The loop that does the background work, as a thread of `sharelink serve` or as a process of its own."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError
from structlog import get_logger

from sharelink.errors import SharelinkError
from sharelink.jobs.clock_watch import ClockWatch
from sharelink.jobs.deliveries import Post, deliver_once, remind_once
from sharelink.jobs.log_head import beat_once, keep_head_outside_once
from sharelink.jobs.log_sink import send_log_once
from sharelink.jobs.noise import NOISE_SECONDS, tell_noise
from sharelink.jobs.sweeper import (
    destroy_epochs_once,
    report_failed_sign_ins,
    show_life,
    sweep_once,
    void_lapsed_changes,
)
from sharelink.jobs.uses import expire_uses_once
from sharelink.jobs.verifications import verify_once
from sharelink.jobs.witnessing import ask_witnesses_once
from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from sharelink.webhooks.posting import Poster
from sharelink.witnesses.configured import Witnesses

SWEEP_SECONDS = 2.0
"""An expired share leaves the files within 5 s (promise 4)."""
LIFE_SECONDS = 15.0
CLOCK_SECONDS = 10.0
REPORT_SECONDS = 60.0
USES_SECONDS = 15.0
EPOCH_SECONDS = 60.0
DELIVERY_SECONDS = 2.0
REMINDER_SECONDS = 60.0
VERIFICATION_SECONDS = 2.0
HEAD_SECONDS = 10.0
"""How much of the log, at the most, an older copy of the database could hide from the file beside it."""
HEARTBEAT_SECONDS = 600.0
WITNESS_SECONDS = 10.0
SINK_SECONDS = 2.0
STUCK_SECONDS = 120.0
"""After so long without a turn of the loop the worker hangs: no turn takes a fraction of it."""

_log = get_logger("sharelink.jobs")


@dataclass(slots=True)
class _Task:
    name: str
    every_seconds: float
    run: Callable[[], object]
    due_at: float = field(default=0.0)
    is_failing: bool = field(default=False)


class Worker:
    """Does what is due, again and again, until it is told to stop; the item in hand is finished first.

    What waits for others has threads of its own, and so has verification of the log: neither a mail server or a witness
    that is slow nor a million events must keep an expired share in the files.
    """

    def __init__(
        self,
        app: Flask,
        unit_of_work: UnitOfWork,
        settings: Settings,
        *,
        on_failure: Callable[[str], None] | None = None,
    ) -> None:
        self._app = app
        self._on_failure = on_failure
        self._turned_at = time.monotonic()
        self._stop = threading.Event()
        grace = timedelta(seconds=settings.epoch_grace_seconds)
        watch = ClockWatch(unit_of_work)
        sweep = _Task("sweep", SWEEP_SECONDS, lambda: sweep_once(unit_of_work, is_stopping=self._stop.is_set))

        def show_that_sweeping_works() -> None:
            if not sweep.is_failing:
                show_life(unit_of_work)

        self._tasks = [
            _Task("clock", CLOCK_SECONDS, watch.look),
            sweep,
            _Task("sign of life", LIFE_SECONDS, show_that_sweeping_works),
            _Task("uses", USES_SECONDS, lambda: expire_uses_once(unit_of_work, is_stopping=self._stop.is_set)),
            _Task("epoch keys", EPOCH_SECONDS, lambda: destroy_epochs_once(unit_of_work, grace)),
            _Task("failed sign-ins", REPORT_SECONDS, lambda: report_failed_sign_ins(unit_of_work)),
            _Task("log head", HEAD_SECONDS, lambda: keep_head_outside_once(unit_of_work, settings.checkpoint_file)),
            _Task("log heartbeat", HEARTBEAT_SECONDS, lambda: beat_once(unit_of_work)),
            _Task("noise", NOISE_SECONDS, lambda: tell_noise(unit_of_work)),
            _Task("lapsed proposals", REPORT_SECONDS, lambda: void_lapsed_changes(unit_of_work)),
        ]
        post = Post.of(settings)
        verification = [
            _Task(
                "verification",
                VERIFICATION_SECONDS,
                lambda: verify_once(unit_of_work, settings.checkpoint_file, is_stopping=self._stop.is_set),
            )
        ]
        deliveries = [
            _Task("reminders", REMINDER_SECONDS, lambda: remind_once(unit_of_work)),
            _Task(
                "deliveries",
                DELIVERY_SECONDS,
                lambda: deliver_once(unit_of_work, post, is_stopping=self._stop.is_set),
            ),
        ]
        self._waiting_tasks = {
            "deliveries": deliveries,
            "verification": verification,
            **self._log_tasks(unit_of_work, settings),
        }

    def _log_tasks(self, unit_of_work: UnitOfWork, settings: Settings) -> dict[str, list[_Task]]:
        tasks: dict[str, list[_Task]] = {}
        if settings.audit_witnesses:
            witnesses = Witnesses.of(settings.witness_entries, settings.audit_quorum)
            poster = Poster(settings.audit_witness_allow_private)
            tasks["witnesses"] = [
                _Task(
                    "witnesses",
                    WITNESS_SECONDS,
                    lambda: ask_witnesses_once(unit_of_work, witnesses, poster, is_stopping=self._stop.is_set),
                )
            ]
        if (sink := settings.sink_address) is not None:
            tasks["log sink"] = [
                _Task(
                    "log sink",
                    SINK_SECONDS,
                    lambda: send_log_once(unit_of_work, sink, is_stopping=self._stop.is_set),
                )
            ]
        return tasks

    def run(self) -> None:
        """Work until `stop` is called."""
        threads = [
            threading.Thread(target=self._loop, args=(tasks,), name=name) for name, tasks in self._waiting_tasks.items()
        ]
        for thread in threads:
            thread.start()
        try:
            self._loop(self._tasks)
        finally:
            self.stop()
            for thread in threads:
                thread.join()

    def run_due(self) -> bool:
        """Do every task whose time has come, once; return False if one of them failed."""
        return self._do_due([*self._tasks, *chain.from_iterable(self._waiting_tasks.values())])

    def _loop(self, tasks: list[_Task]) -> None:
        while not self._stop.is_set():
            self._do_due(tasks)
            if tasks is self._tasks:
                self._turned_at = time.monotonic()
            next_at = min(task.due_at for task in tasks)
            self._stop.wait(max(0.0, next_at - time.monotonic()))

    def _do_due(self, tasks: list[_Task]) -> bool:
        with self._app.app_context():
            due = [task for task in tasks if task.due_at <= time.monotonic()]
            results = [_attempt(task, self._on_failure) for task in due if not self._stop.is_set()]
        return all(results)

    def is_turning(self) -> bool:
        """Tell whether the loop goes round, whatever its tasks meet."""
        return time.monotonic() - self._turned_at < STUCK_SECONDS

    def stop(self) -> None:
        """Let `run` return after the item in hand. May be called from a signal handler."""
        self._stop.set()


def _attempt(task: _Task, on_failure: Callable[[str], None] | None) -> bool:
    task.due_at = time.monotonic() + task.every_seconds
    try:
        task.run()
    except (SharelinkError, SQLAlchemyError, OSError):
        # Told once, not every two seconds; the next turn tries again.
        if not task.is_failing:
            _log.exception("background work failed", task=task.name)
        task.is_failing = True
        if on_failure is not None:
            on_failure(task.name)
        return False
    if task.is_failing:
        _log.info("background work recovered", task=task.name)
    task.is_failing = False
    return True
