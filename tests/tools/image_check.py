"""`make image-check`: do what the Dockerfile says in an empty Debian root, and start what comes out. Needs root.

There may be no container engine, but every step of the Dockerfile is a plain command on a tree of files. debootstrap
makes the tree (Debian's own Python takes the place of the base image's), each RUN runs in it by chroot, each COPY
copies what .dockerignore leaves. Then the result starts as compose.yaml starts it: as the image's user, the tree
mounted read-only, with its volume and its folders in memory, and the image's own health probe must succeed.
"""

import ast
import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

ROOT = Path(__file__).resolve().parents[2]
SUITE = "bookworm"
PACKAGES = "python3,python3-venv,passwd"
VOLUME = Path("var/lib/sharelink")
USER = 10001
START_SECONDS = 60.0


@dataclass
class Stage:
    """One FROM of a Dockerfile, as a folder."""

    root: Path
    environment: dict[str, str] = field(
        default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
    )
    folder: str = "/"
    user: str = "0:0"
    command: list[str] = field(default_factory=list)
    probe: list[str] = field(default_factory=list)


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction of a Dockerfile with its arguments, continued lines joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        name, _space, rest = line.strip().partition(" ")
        yield name.upper(), rest.strip()


def left_by_dockerignore(path: Path) -> bool:
    """Tell whether a file of the repository is part of what an image is built from."""
    left = True
    relative = path.relative_to(ROOT).as_posix()
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        bare = pattern.removeprefix("!")
        parts = [relative, *(str(parent) for parent in Path(relative).parents)]
        if any(fnmatch.fnmatch(part, bare) or fnmatch.fnmatch(f"/{part}", bare) for part in parts):
            left = pattern.startswith("!")
    return left


class Builder:
    """Does the instructions of a Dockerfile, stage by stage, in folders."""

    def __init__(self, base: Path, place: Path, shared: list[Path]) -> None:
        self._base, self._place, self._shared = base, place, shared
        self._stages: dict[str, Stage] = {}
        self.stage = Stage(base)

    def build(self) -> Stage:
        """Do all instructions and return the last stage."""
        for name, rest in instructions((ROOT / "Dockerfile").read_text()):
            print(f"  {name} {rest[:100]}", flush=True)
            getattr(self, f"_{name.lower()}")(rest)
        return self.stage

    def _from(self, rest: str) -> None:
        image, _as, name = rest.partition(" AS ")
        root = self._place / f"stage-{len(self._stages)}"
        subprocess.run(["cp", "--archive", "--reflink=auto", self._base, root], check=True)
        self.stage = self._stages[name or image] = Stage(root)

    def _workdir(self, rest: str) -> None:
        self.stage.folder = rest
        (self.stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def _env(self, rest: str) -> None:
        for pair in shlex.split(rest):
            name, _equals, value = pair.partition("=")
            self.stage.environment[name] = Template(value).substitute(self.stage.environment)

    def _user(self, rest: str) -> None:
        self.stage.user = rest

    def _volume(self, rest: str) -> None:
        assert rest == f"/{VOLUME}"

    def _expose(self, rest: str) -> None:
        assert rest.isdigit()

    def _healthcheck(self, rest: str) -> None:
        self.stage.probe = json.loads(rest.partition(" CMD ")[2])

    def _cmd(self, rest: str) -> None:
        self.stage.command = json.loads(rest)

    def _copy(self, rest: str) -> None:
        words = rest.split()
        source_root = ROOT
        if words[0].startswith("--from="):
            source_root = self._stages[words.pop(0).removeprefix("--from=")].root
        *sources, target = words
        into = self.stage.root / (Path(self.stage.folder) / target).as_posix().lstrip("/")
        for source in sources:
            self._copy_one(source_root, source, into, is_folder=target.endswith("/") or len(sources) > 1)

    def _copy_one(self, source_root: Path, source: str, into: Path, *, is_folder: bool) -> None:
        found = source_root / source.lstrip("/")
        into.parent.mkdir(parents=True, exist_ok=True)
        if source_root != ROOT:
            subprocess.run(["cp", "--archive", found, into], check=True)
            return
        files = [found] if found.is_file() else [path for path in sorted(found.rglob("*")) if path.is_file()]
        left = [path for path in files if left_by_dockerignore(path)]
        assert left, f".dockerignore leaves nothing of {source}"
        for path in left:
            inside = path.relative_to(found) if found.is_dir() else Path(path.name if is_folder else "")
            target = into / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)

    def _run(self, rest: str) -> None:
        with mounted(self.stage.root, self._shared):
            command = ["chroot", self.stage.root, "sh", "-ec", f"cd {shlex.quote(self.stage.folder)} && {rest}"]
            subprocess.run(command, env=self.stage.environment | pip_variables(), check=True, stdout=subprocess.DEVNULL)


def pip_variables() -> dict[str, str]:
    """Return where pip of this machine is told to look; the chroot's is told the same."""
    told = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_CERT", "REQUESTS_CA"))}
    return told | {"PIP_ROOT_USER_ACTION": "ignore"}


def shared_with_the_root() -> list[Path]:
    """Return what a chroot needs to reach what pip reaches here: its settings, certificates, local folders."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    values = [ast.literal_eval(line.partition("=")[2]) for line in listed.stdout.splitlines() if "=" in line]
    words = [word for value in values for word in str(value).split()]
    local = {word.removeprefix("file://") for word in words if "://" not in word or word.startswith("file://")}
    named = {Path(word) for word in local if word.startswith("/")}
    named |= {
        Path(name) for name in ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/xdg/pip", "/etc/ssl/certs")
    }
    named |= {Path("/usr/share/ca-certificates"), Path("/usr/local/share/ca-certificates")}
    return sorted(path for path in named if path.exists())


@contextmanager
def mounted(root: Path, shared: list[Path]) -> Iterator[None]:
    """Mount what a command in `root` needs, for as long as it runs."""
    with ExitStack() as stack:
        for kind, target in (("proc", "proc"), ("tmpfs", "tmp")):
            stack.enter_context(_mount(["-t", kind, kind], root / target))
        stack.enter_context(_mount(["--rbind", "/dev"], root / "dev"))
        for path in shared:
            inside = root / str(path).lstrip("/")
            if path.is_dir():
                inside.mkdir(parents=True, exist_ok=True)
            else:
                inside.parent.mkdir(parents=True, exist_ok=True)
                inside.touch()
            stack.enter_context(_mount(["--bind", str(path)], inside))
        yield


@contextmanager
def _mount(what: list[str], where: Path) -> Iterator[None]:
    subprocess.run(["mount", *what, where], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--recursive", "--lazy", where], check=False)


def base_root(place: Path) -> Path:
    """Make an empty Debian with Python, and the name that the official image gives it."""
    root = place / "base"
    given = os.environ.get("IMAGE_CHECK_BASE")
    if given:
        subprocess.run(["cp", "--archive", "--reflink=auto", given, root], check=True)
    else:
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    link = root / "usr/local/bin/python"
    if not link.is_symlink():
        link.symlink_to("/usr/bin/python3")
    return root


def start(
    stage: Stage, command: list[str], variables: Mapping[str, str], *, quiet: bool = False
) -> "subprocess.Popen[bytes]":
    """Start `command` as the image's user in the tree, which is mounted read-only."""
    user, _colon, group = stage.user.partition(":")
    inside = ["env", "-i", *(f"{name}={value}" for name, value in (stage.environment | dict(variables)).items())]
    changed = ["chroot", f"--userspec={user}:{group}", str(stage.root), *inside]
    return subprocess.Popen(
        [*changed, "sh", "-c", f'cd {stage.folder} && exec "$@"', "sh", *command],
        stderr=subprocess.DEVNULL if quiet else None,
    )


def probe(stage: Stage, variables: Mapping[str, str]) -> bool:
    """Run the image's health probe once, as the image's user."""
    return start(stage, stage.probe, variables, quiet=True).wait(20) == 0


def check_start(stage: Stage, command: list[str], variables: Mapping[str, str], keep: Path) -> None:
    """Start a command of compose.yaml or the image, until its probe succeeds; end it, and look at what it wrote."""
    print(f"  starting {' '.join(command)}", flush=True)
    with ExitStack() as stack:
        stack.enter_context(_mount(["--bind", str(stage.root)], stage.root))
        subprocess.run(["mount", "-o", "remount,bind,ro", stage.root], check=True)
        stack.enter_context(_mount(["-t", "proc", "proc"], stage.root / "proc"))
        stack.enter_context(_mount(["--rbind", "/dev"], stage.root / "dev"))
        stack.enter_context(_mount(["-t", "tmpfs", "tmpfs"], stage.root / "tmp"))
        stack.enter_context(_mount(["--bind", str(keep)], stage.root / VOLUME))
        refused = start(stage, ["sh", "-c", "touch /opt/sharelink/x /usr/x /etc/x 2>/dev/null"], {}).wait()
        assert refused != 0, "the tree can be written"
        process = start(stage, command, variables)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not probe(stage, variables):
                assert process.poll() is None, f"it ended with {process.returncode}"
                assert time.monotonic() < deadline, "the health probe never succeeded"
                time.sleep(0.5)
            owner = Path(f"/proc/{process.pid}").stat().st_uid
            assert owner == USER, owner
        finally:
            process.terminate()
            ended = process.wait(60)
        assert ended == 0, f"it ended with {ended}"
    written = [path for path in keep.rglob("*") if path.is_file()]
    assert written
    assert all(path.stat().st_uid == USER and path.stat().st_mode & 0o077 == 0 for path in written)


def main() -> int:
    """Build and start; return 1 with one line when this machine cannot."""
    if os.geteuid() != 0 or not (shutil.which("debootstrap") or os.environ.get("IMAGE_CHECK_BASE")):
        print("This needs root and debootstrap (Debian: apt-get install debootstrap).", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="sharelink-image-") as folder:
        place = Path(folder)
        print("Making an empty root ...", flush=True)
        stage = Builder(base_root(place), place, shared_with_the_root()).build()
        assert stage.user == f"{USER}:{USER}"
        keep = place / "volume"
        subprocess.run(["cp", "--archive", stage.root / VOLUME, keep], check=True)
        assert (keep.stat().st_uid, keep.stat().st_mode & 0o777) == (USER, 0o700)
        variables = {"SHARELINK_PORT": "18080", "SHARELINK_HOST": "127.0.0.1"}
        check_start(stage, ["sh", "-c", "sharelink keys create && exec sharelink serve"], variables, keep)
        check_start(stage, stage.command, variables, keep)
        node = ["gunicorn", "--config", "/opt/sharelink/gunicorn.conf.py", "--chdir", "/opt/sharelink", "wsgi:app"]
        # One process: this root has no Redis to count in.
        bind = {"SHARELINK_NODE_BIND": "127.0.0.1:18080", "SHARELINK_NODE_WORKERS": "1"}
        instance = {"SHARELINK_INSTANCE_DIRECTORY": f"/{VOLUME}/instance"}
        check_start(stage, node, variables | bind | instance, keep)
    print("The Dockerfile's steps work in an empty root, and what comes out starts read-only as its own user.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
