"""Counting in memory is refused as soon as a second process would count for itself."""

import subprocess
import sys

import pytest
from flask import Flask

from sharelink.app import create_app
from sharelink.errors import UnsafeStart
from sharelink.settings import Settings
from sharelink.web.single_process import hold_single_process_lock, lock_path

HOLD = """
import sys
from flask import Flask
from sharelink.settings import Settings
from sharelink.web.single_process import hold_single_process_lock
settings = Settings(instance_directory=sys.argv[1], database_url=sys.argv[2])
hold_single_process_lock(Flask("holder"), settings)
print("held", flush=True)
sys.stdin.readline()
"""

FORK = """
import os, sys
from sharelink.app import create_app
from sharelink.settings import Settings
settings = Settings(instance_directory=sys.argv[1], database_url=sys.argv[2], base_url="http://localhost")
app = create_app(settings)
def status():
    return app.test_client().get("/healthz").status_code
parent = status()
child = os.fork()
if child == 0:
    os._exit(status() - 400)
print(parent, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) + 400)
"""


def start(script: str, settings: Settings) -> "subprocess.Popen[str]":
    arguments = [str(settings.instance_directory), settings.database_url]
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", script, *arguments], stdin=pipe, stdout=pipe, text=True)


def test_a_second_process_is_refused_until_the_first_is_gone_however_it_ended(settings):
    with start(HOLD, settings) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UnsafeStart, match="another process serves"):
            hold_single_process_lock(Flask("second"), settings, patience_seconds=0.3)
        holder.kill()
        holder.wait(10)
    hold_single_process_lock(Flask("third"), settings, patience_seconds=0.3)


def test_a_successor_waits_for_a_process_that_is_just_stopping(settings):
    with start(HOLD, settings) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        holder.stdin.write("\n")
        holder.stdin.flush()
        hold_single_process_lock(Flask("second"), settings, patience_seconds=30)


def test_one_process_may_build_the_application_twice(settings):
    for _ in range(2):
        hold_single_process_lock(Flask("mine"), settings, patience_seconds=0)


def test_a_child_that_was_forked_with_the_application_answers_nothing(settings):
    with start(FORK, settings) as program:
        statuses = program.communicate(timeout=60)[0].splitlines()[-1]
    assert statuses == "200 503"


def test_commands_and_counters_in_redis_need_no_lock(settings, redis_url):
    create_app(settings, serving=False)
    assert not lock_path(settings).exists()
    create_app(settings.model_copy(update={"rate_limit_store": redis_url}))
    assert not lock_path(settings).exists()


def test_the_lock_lies_beside_the_database_or_with_the_keys(settings):
    path = lock_path(settings)
    expected = settings.instance_directory if settings.embedded_database else settings.keyring_directory
    assert path.parent == expected


def test_a_place_that_cannot_be_written_is_told(settings, tmp_path):
    file = tmp_path / "a file, no folder"
    file.touch()
    elsewhere = {"database_url": f"sqlite:///{file}/sharelink.db"}
    with pytest.raises(UnsafeStart, match="cannot be written"):
        hold_single_process_lock(Flask("x"), settings.model_copy(update=elsewhere))
