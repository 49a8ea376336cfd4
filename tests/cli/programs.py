"""Starts `sharelink` as a person or a service does: as a program of its own, in a folder of its own."""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 60.0


def free_port() -> int:
    """Return a port that nobody used a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_until_ready(port: int | str) -> dict[str, bool]:
    """Return what `/readyz` tells once every part works: the worker's first sweep comes after the first answer."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
                parts: dict[str, bool] = json.load(answer)
                return parts
        except urllib.error.HTTPError as error:
            with error:
                told = error.read()
        assert time.monotonic() < deadline, told
        time.sleep(0.05)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the settings of whoever runs the tests."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("SHARELINK_")}
    return kept | {f"SHARELINK_{name}": text for name, text in variables.items()}


def sharelink(folder: Path, *arguments: str, typed: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end, in `folder`, with settings given without their prefix."""
    return subprocess.run(
        [sys.executable, "-m", "sharelink.cli", *arguments],
        cwd=folder,
        env=environment(variables),
        input=typed,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


@dataclass
class Running:
    """A program that serves or works, and what it has printed."""

    program: subprocess.Popen[str]
    lines: "queue.Queue[str]" = field(default_factory=queue.Queue)
    seen: list[str] = field(default_factory=list)

    def wait_for(self, text: str) -> str:
        """Return the first line that holds `text`."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            line = self.lines.get(timeout=max(0.1, deadline - time.monotonic()))
            self.seen.append(line)
            if text in line:
                return line

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit code."""
        if self.program.poll() is None:
            self.program.send_signal(number)
        code = self.program.wait(30)
        while not self.lines.empty():
            self.seen.append(self.lines.get())
        return code


@contextmanager
def running(folder: Path, *arguments: str, **variables: str) -> Iterator[Running]:
    """Start a command that goes on until it is told to stop; it is killed at the end of the block if it still runs."""
    with subprocess.Popen(
        [sys.executable, "-m", "sharelink.cli", *arguments],
        cwd=folder,
        env=environment({**variables}) | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as program:
        found = Running(program)

        def read() -> None:
            assert program.stdout is not None
            for line in program.stdout:
                found.lines.put(line)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            yield found
        finally:
            if program.poll() is None:
                program.kill()
            program.wait(30)
            reader.join(5)
