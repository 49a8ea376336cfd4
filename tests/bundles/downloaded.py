"""A downloaded bundle, as its reader has it: files by name, the commands of its README, and what openssl says of it."""

import io
import json
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sharelink.tlog.policies import Policy
from sharelink.tlog.proofs import InclusionProof

Files = Mapping[str, bytes]


def unpacked(content: bytes) -> dict[str, bytes]:
    """Return the files of a ZIP file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: Files) -> bytes:
    """Return a ZIP file of `files`, as anybody's tool would make it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def entry_names(files: Files) -> list[str]:
    """Return the names of the numbered entries, in their order."""
    return sorted(name for name in files if name[0].isdigit() and name.endswith(".json"))


def fields_of(files: Files, name: str) -> dict[str, Any]:
    """Return the fields of one entry."""
    fields: dict[str, Any] = json.loads(files[name])
    return fields


def policy_of(files: Files) -> Policy:
    """Return the policy of a bundle."""
    return Policy.parse(files["policy.txt"].decode())


def proof_of(files: Files, name: str) -> InclusionProof:
    """Return the proof beside an entry."""
    return InclusionProof.parse(files[name.removesuffix(".json") + ".tlog-proof"])


def commands_of(files: Files) -> str:
    """Return the commands of a bundle's README: its indented blocks, one after the other."""
    lines = files["README.txt"].decode().splitlines()
    return "\n".join(line[4:] for line in lines if line.startswith("    "))


def said_by_shell(files: Files, folder: Path) -> list[str]:
    """Unpack a bundle into `folder`, run the commands of its README in a plain shell, and return what they print."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    done = subprocess.run(
        ["sh", "-c", commands_of(files)],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout.splitlines()
