"""Bundles as ZIP files: one flat folder, the same bytes for the same content."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Download:
    """A file for somebody: its name, and what is in it."""

    file_name: str
    content: bytes


def zipped(files: Mapping[str, bytes], made_at: datetime) -> bytes:
    """Return a ZIP file of `files`, by their names; all carry the time `made_at`."""
    moment = made_at.astimezone(UTC)
    stamp = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, stamp)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return packed.getvalue()
