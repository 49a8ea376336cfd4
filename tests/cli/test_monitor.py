"""A worker serves nobody, and still tells monitors that it lives, whether it is ready, and what it counted."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from flask import Flask

from sharelink.cli.monitor import answering_monitors
from sharelink.cli.server import bound_socket
from sharelink.settings import Settings
from tests.attacks.callers import Caller
from tests.attacks.installations import Installation, installed
from tests.attacks.servers import Server, free_port, wait_until

TOKEN = "a-monitor-that-holds-this-token-may-read"


@pytest.fixture
def installation(migrated_file: Path, tmp_path: Path) -> Iterator[Installation]:
    (tmp_path / "files").mkdir()
    database = tmp_path / "files" / "sharelink.db"
    shutil.copyfile(migrated_file, database)
    with installed(f"sqlite:///{database}", tmp_path) as made:
        yield made


def test_a_worker_answers_monitors_and_nobody_else(installation: Installation) -> None:
    port = free_port()
    output = installation.outputs / "worker"
    worker = Server(installation.settings, output, command=("worker",), metrics_token=TOKEN, monitor_port=port)
    installation.servers.append(worker)
    with Caller(port) as caller:

        def is_ready() -> bool:
            assert worker.process.poll() is None, worker.said()
            with suppress(OSError):
                return caller.get("/readyz").status == 200
            return False

        wait_until(is_ready, 60, worker.said)
        assert caller.get("/healthz").status == 200
        told = caller.get("/metrics", {"Authorization": f"Bearer {TOKEN}"})
        assert told.status == 200
        assert 'sharelink_ready{part="sweeper"} 1.0' in told.text
        assert [caller.get(path).status for path in ("/metrics", "/sign-in", "/", "/s/x")] == [404] * 4
        assert caller.post("/s/status", {"link": "x"}).status == 404
    assert worker.stop() == 0


def test_a_worker_whose_loop_hangs_is_not_alive(installation: Installation) -> None:
    app = Flask("of a worker")
    app.add_url_rule("/healthz", view_func=lambda: "alive")
    is_turning = True
    port = free_port()
    listener = bound_socket("127.0.0.1", port)
    settings: Settings = installation.settings
    with answering_monitors(app, settings, listener, lambda: is_turning), Caller(port) as caller:
        assert caller.get("/healthz").status == 200
        is_turning = False
        assert caller.get("/healthz").status == 503
