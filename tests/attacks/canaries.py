"""Canaries: texts that must not turn up anywhere, every way in which they could be spelled, and where to look."""

import base64
import html
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, quote_plus

from sqlalchemy import inspect, make_url, text

from tests.attacks.faults import outside
from tests.attacks.installations import Installation

SHORTEST_BYTES = 8
PIECE_BYTES = 16


def spellings(canary: str | bytes) -> set[bytes]:
    """Return every text by which `canary` could be recognised: plain, base64, hex, escaped for URL, JSON, HTML."""
    raw = canary if isinstance(canary, bytes) else canary.encode()
    found = {raw, raw.hex().encode(), raw.hex().upper().encode(), *base64_spellings(raw)}
    found |= {"".join(f"%{byte:02X}" for byte in raw).encode(), repr(raw)[2:-1].encode()}
    if isinstance(canary, str):
        escaped = (json.dumps(canary), json.dumps(canary, ensure_ascii=False), repr(canary), ascii(canary))
        found |= {spelled[1:-1].encode() for spelled in escaped}
        found |= {quote(canary, safe="").encode(), quote_plus(canary).encode(), html.escape(canary).encode()}
        found |= {canary.encode("utf-16-le"), canary.lower().encode(), canary.upper().encode()}
    return {spelled for spelled in found if len(spelled) >= SHORTEST_BYTES}


def base64_spellings(raw: bytes) -> Iterator[bytes]:
    """Yield what base64 makes of `raw` in the middle of something longer, at each of the three places it can begin."""
    for before in range(3):
        characters = base64.b64encode(bytes(before) + raw)
        # The first and last characters also depend on the neighbours.
        inner = characters[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6]
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))


def key_spellings(key: str) -> set[bytes]:
    """Return the spellings of a key that is written in base64url: of the text, and of the bytes behind it."""
    return spellings(key) | spellings(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)))


def code_spellings(code: str) -> set[bytes]:
    """Return the spellings of an access code, as it is spoken and as it is compared."""
    return spellings(code) | spellings(code.replace("-", ""))


def found_in(haystacks: Mapping[str, bytes], canaries: Mapping[str, set[bytes]]) -> list[str]:
    """Return which canary is in which haystack."""
    return [
        f"{name} in {place}"
        for place, content in haystacks.items()
        for name, spelled in canaries.items()
        if any(one in content for one in spelled)
    ]


def files_below(*folders: Path) -> dict[str, bytes]:
    """Return the content of every file in the folders; one that goes away meanwhile held nothing for long."""
    found = {}
    for folder in folders:
        for path in folder.rglob("*"):
            with suppress(OSError):
                found[str(path)] = path.read_bytes()
    return found


def rows_of(installation: Installation) -> dict[str, bytes]:
    """Return every value of every table, one haystack per table."""
    found = {}
    with outside(installation) as connection:
        for table in inspect(connection).get_table_names():
            values = (value for row in connection.execute(text(f"SELECT * FROM {table}")) for value in row)
            found[f"table {table}"] = b"\n".join(
                bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode() for value in values
            )
    return found


def log_of_the_database(installation: Installation) -> dict[str, bytes]:
    """Return what a PostgreSQL server of our own has logged; SQLite has no log."""
    folder = make_url(installation.settings.database_url).query.get("host")
    return {} if folder is None else files_below_only(Path(str(folder)) / "server.log")


def files_below_only(path: Path) -> dict[str, bytes]:
    """Return the content of one file, if there is one."""
    return {str(path): path.read_bytes()} if path.exists() else {}


class Watch:
    """Looks at folders again and again while something happens, for what is there only for a moment.

    Of a database only its `journal` may be looked at: closing a file takes away the locks that SQLite has on it.
    """

    def __init__(self, *folders: Path, journal: Path | None = None) -> None:
        self.seen: dict[str, bytes] = {}
        self._folders = folders
        self._journal = journal
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        looks, contents = 0, set[bytes]()
        while not self._over.wait(0.004):
            looks += 1
            found = files_below(*self._folders)
            if self._journal is not None:
                with suppress(OSError):
                    found |= files_below_only(self._journal)
            for name, content in found.items():
                if content and content not in contents:
                    contents.add(content)
                    self.seen[f"{name} at look {looks}"] = content


def pieces(ciphertext: bytes) -> list[bytes]:
    """Return pieces of a ciphertext, of which any longer remainder of it holds at least one whole."""
    return [
        ciphertext[start : start + PIECE_BYTES] for start in range(0, len(ciphertext) - PIECE_BYTES + 1, PIECE_BYTES)
    ]
