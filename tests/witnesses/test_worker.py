"""The worker asks witnesses and sends to the second sink, each in a thread of its own."""

import threading
import time

from sharelink.jobs.worker import Worker
from sharelink.settings import Settings


def watched(settings, witness, tmp_path):
    return Settings(
        **settings.model_dump()
        | {
            "audit_witnesses": f"{witness.vkey} {witness.url}",
            "audit_quorum": 1,
            "audit_witness_allow_private": True,
            "audit_sink": f"file://{tmp_path}/audit.jsonl",
        }
    )


def test_one_turn_asks_the_witness_and_fills_the_sink(app, unit_of_work, settings, witness, grow, tmp_path):
    grow(3)
    worker = Worker(app, unit_of_work, watched(settings, witness, tmp_path))
    assert worker.run_due()
    # The worker's own heartbeat is among them.
    assert witness.seen()[0] > 3
    assert (tmp_path / "audit.jsonl").read_bytes().count(b"\n") == witness.seen()[0]


def test_a_witness_that_takes_its_time_keeps_nothing_else_waiting(app, unit_of_work, settings, witness, grow, tmp_path):
    grow(3)
    witness.delay_seconds = 2
    worker = Worker(app, unit_of_work, watched(settings, witness, tmp_path))
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        until = time.monotonic() + 10
        while not (witness.asked and (tmp_path / "audit.jsonl").exists()) and time.monotonic() < until:
            time.sleep(0.02)
        assert (tmp_path / "audit.jsonl").read_bytes().count(b"\n") >= 3
        assert witness.seen()[0] == 0
    finally:
        worker.stop()
        thread.join()
    assert witness.seen()[0] >= 3
