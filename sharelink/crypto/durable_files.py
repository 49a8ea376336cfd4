"""Files that are whole or absent, and that survive a power loss once their maker was told so."""

import os
import secrets
from pathlib import Path


def create_durably(path: Path, content: bytes) -> bool:
    """Make `path` with `content`, mode 0600; return False, changing nothing, if it exists already.

    The content is written to a temporary file and synced; `link` then gives it its name without ever replacing another
    file, so that racing processes agree on the first one's; at last the directory is synced and the file read back.

    Raises:
        OSError: the file could not be made or did not read back; nothing half-written has the name `path`.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        try:
            _write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
    finally:
        temporary.unlink()
    sync_directory(path.parent)
    if path.read_bytes() != content:
        raise OSError(f"{path.name} did not read back as it was written")
    return True


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
