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
    try:
        _write_new(temporary, content)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)
    _read_back(path, content)
    return True


def replace_durably(path: Path, content: bytes) -> None:
    """Give `path` another content at once: whoever reads it meets the old one or the new one, also after a power loss.

    The old content is overwritten afterwards, where the file system writes in place.

    Raises:
        OSError: the file is as it was, or did not read back.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    old = os.open(path, os.O_WRONLY)
    try:
        try:
            _write_new(temporary, content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_directory(path.parent)
        _overwrite(old)
    finally:
        os.close(old)
    _read_back(path, content)


def overwrite_and_remove(path: Path) -> bool:
    """Overwrite `path` with random bytes and remove it, durably; return False if there was none.

    Overwriting is hygiene (a file system may keep the old block); the removal is what counts.

    Raises:
        OSError: the file is still there.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY)
    except FileNotFoundError:
        return False
    try:
        _overwrite(descriptor)
    finally:
        os.close(descriptor)
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    sync_directory(path.parent)
    return True


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        _write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _overwrite(descriptor: int) -> None:
    _write_all(descriptor, secrets.token_bytes(os.fstat(descriptor).st_size))
    os.fsync(descriptor)


def _read_back(path: Path, content: bytes) -> None:
    if path.read_bytes() != content:
        raise OSError(f"{path.name} did not read back as it was written")


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
