"""What a start waits for, and what it does not."""

import platform
import subprocess
import sys

import pytest
from alembic.script import ScriptDirectory
from click.testing import CliRunner

from sharelink.cli import main
from sharelink.persistence.schema import MIGRATIONS, newest_revision

RARE = ("alembic", "authlib", "joserfc", "mako", "psycopg", "redis", "segno", "webauthn", "xml.sax")
_LOADED = f"""
import sys
import sharelink.cli.serving
print(*sorted(name for name in {RARE!r} if name in sys.modules))
"""


def test_a_start_does_not_wait_for_libraries_that_few_processes_use() -> None:
    loaded = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


_THREADS = """
import ctypes, sys, threading
from sharelink.cli.server import share_one_arena
share_one_arena() if sys.argv[1] == "shared" else None
libc, together = ctypes.CDLL(None), threading.Barrier(8)
libc.malloc.restype, libc.fdopen.restype = ctypes.c_void_p, ctypes.c_void_p
def take():
    together.wait()
    assert libc.malloc(100_000)
    together.wait()
threads = [threading.Thread(target=take) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries have no arenas to share")
def test_the_threads_of_a_server_take_memory_from_one_place() -> None:
    def arenas(how: str) -> int:
        told = subprocess.run([sys.executable, "-c", _THREADS, how], capture_output=True, text=True, check=True)
        return told.stdout.count("<heap nr=")

    assert arenas("by itself") > 1
    assert arenas("shared") == 1


def test_the_newest_revision_is_the_one_that_alembic_finds() -> None:
    assert newest_revision() == ScriptDirectory(str(MIGRATIONS)).get_current_head()


def test_every_command_is_listed_with_what_it_does() -> None:
    listed = CliRunner().invoke(main, ["--help"]).output
    for name in ("run", "demo", "serve", "worker", "sweep", "check", "database", "keys", "user", "audit"):
        assert f"\n  {name} " in listed


def test_a_command_that_does_not_exist_is_refused() -> None:
    refused = CliRunner().invoke(main, ["reveal"])
    assert refused.exit_code == 2
    assert "No such command" in refused.output


@pytest.mark.parametrize("command", ["user", "audit", "keys", "database"])
def test_a_group_of_commands_is_found_by_its_name(command: str) -> None:
    assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0
