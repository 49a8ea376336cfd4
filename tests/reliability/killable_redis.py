"""A Redis server that a test may kill and start again on the same port, empty."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis

from tests.attacks.servers import wait_until
from tests.services import free_port, private_directory, redis_program

START_SECONDS = 30.0


class KillableRedis:
    """One Redis server that keeps nothing on disk."""

    def __init__(self, directory: Path, account: dict[str, Any]) -> None:
        self._directory = directory
        self._account = account
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start the server and return when it answers."""
        command: list[str | Path] = [redis_program(), "--bind", "127.0.0.1", "--port", str(self._port)]
        command += ["--dir", self._directory, "--save", "", "--appendonly", "no"]
        with (self._directory / "redis.log").open("ab") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **self._account
            )
        wait_until(self._answers, START_SECONDS, "Redis did not start")

    def kill(self) -> None:
        """End the server as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        with suppress(redis.ConnectionError), redis.Redis(port=self._port, socket_connect_timeout=1) as client:
            return bool(client.ping())
        return False


@contextmanager
def killable_redis() -> Iterator[KillableRedis]:
    """Yield a new server; it ends with the block."""
    with private_directory("redis", "redis") as (directory, account):
        server = KillableRedis(directory, account)
        try:
            server.start()
            yield server
        finally:
            server.kill()
