"""A process's keyring while it serves: follows the versions that the database names, without a restart.

Who seals with what while keys change (docs/keys.md): a new version is staged first. Every process looks at the versions
at least every `REFRESH_SECONDS` before it works, and takes a staged key into its keyring. Only `SETTLE_SECONDS` later
is the version made current, so whatever is sealed or signed with it meets processes that know it.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, select
from structlog import get_logger

from sharelink.crypto.errors import KeyUnusable
from sharelink.crypto.key_purposes import KeyName
from sharelink.crypto.key_source import KeySource
from sharelink.crypto.keyring import Keyring, check_value
from sharelink.errors import UnsafeStart
from sharelink.keys.models import KeyVersion
from sharelink.keys.states import KeyState

REFRESH_SECONDS = 2.0
SETTLE_SECONDS = 10.0
"""How long a version is staged at least. Five times what a process needs, for those that were just paused."""

_versions = select(KeyVersion.purpose, KeyVersion.version, KeyVersion.state, KeyVersion.check_value).order_by(
    KeyVersion.purpose, KeyVersion.version
)

_log = get_logger("sharelink.keys")


@dataclass(frozen=True, slots=True)
class _Known:
    name: KeyName
    state: KeyState
    check_value: bytes


class LiveKeyring:
    """The keys of one process. Not a value: `keyring` is, and a unit of work keeps to the one that it began with."""

    def __init__(self, source: KeySource, *, refresh_seconds: float = REFRESH_SECONDS) -> None:
        """Load every key of `source`.

        Args:
            source: where the keys are.
            refresh_seconds: how old the process's knowledge of the versions may be.

        Raises:
            UnsafeStart: see `KeySource.load`.
        """
        self.source = source
        self.keyring = Keyring.load(source)
        self.refresh_seconds = refresh_seconds
        self._lock = threading.Lock()
        self._due_at = -math.inf
        self._seen: tuple[_Known, ...] = ()
        self._is_whole = True
        self._listeners: list[Callable[[Keyring], None]] = []

    def when_changed(self, listener: Callable[[Keyring], None]) -> None:
        """Call `listener` with the new keyring whenever it changed."""
        self._listeners.append(listener)

    @property
    def is_due(self) -> bool:
        """Whether the versions must be looked at before any work."""
        return time.monotonic() >= self._due_at

    def refresh(self, connection: Connection) -> None:
        """Look at the versions that the database names, and take or drop keys accordingly.

        Whoever comes while another thread looks waits for it: nobody works with knowledge that is too old.
        """
        with self._lock:
            if not self.is_due:
                return
            began_at = time.monotonic()
            rows = connection.execute(_versions).all()
            seen = tuple(_Known(KeyName(row.purpose, row.version), row.state, row.check_value) for row in rows)
            if seen != self._seen or not self._is_whole:
                self._follow(seen)
            self._due_at = began_at + self.refresh_seconds

    def agrees_with_source(self) -> bool:
        """Tell whether every key that is needed is held here, and can still be read where it comes from."""
        try:
            return self._is_whole and Keyring.load(self.source).includes(self.keyring)
        except UnsafeStart:
            return False

    def _follow(self, seen: tuple[_Known, ...]) -> None:
        held = {purpose: dict(versions) for purpose, versions in self.keyring.keys.items()}
        is_whole = True
        for known in seen:
            versions = held[known.name.purpose]
            if known.state is KeyState.RETIRED:
                # The last key of a purpose stays: without any, nothing would tell what is wrong.
                if len(versions) > 1:
                    versions.pop(known.name.version, None)
            elif known.name.version not in versions:
                is_whole = self._take(known, versions) and is_whole
        current = {known.name.purpose: known.name.version for known in seen if known.state is KeyState.CURRENT}
        self.keyring = Keyring(
            {purpose: _in_order(versions, current.get(purpose)) for purpose, versions in held.items()}
        )
        self._seen, self._is_whole = seen, is_whole
        for listener in self._listeners:
            listener(self.keyring)

    def _take(self, known: _Known, versions: dict[int, bytes]) -> bool:
        try:
            key = self.source.read(known.name)
        except KeyUnusable as error:
            _log.error("a key cannot be taken", key=known.name.file_name, why=str(error))
            return False
        if check_value(known.name, key) != known.check_value:
            _log.error("a key is not the one that the database knows", key=known.name.file_name)
            return False
        versions[known.name.version] = key
        return True


def _in_order(versions: dict[int, bytes], current: int | None) -> dict[int, bytes]:
    """Return the versions oldest first, but the current one last; the highest is it where the database names none."""
    in_order = dict(sorted(versions.items()))
    if current in in_order:
        in_order[current] = in_order.pop(current)
    return in_order
