"""Where requests are counted: in Redis, or in the memory of this process; bounded, and never out of order.

Two faults of other counters are kept out. When Redis is gone, or dies in the middle, the process counts by itself at
once: limited still, never open, never an error; a thread tries Redis again, so that no request has to wait for it. And
the number of counters in memory is bounded: whoever comes from ever new networks does not fill the memory. When it is
full, new clients share one counter, and those that are counted already keep theirs.

A counter may belong to an owner, such as a share: `<owner>:<which>` stands in its key where else a client does. Whoever
knows the owner can then erase all of its counters, and needs to know nothing else of them.
"""

import threading
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from limits.storage import Storage
from structlog import get_logger

if TYPE_CHECKING:
    from sharelink.web.shared_counters import SharedCounters

SCHEME = "bounded"
"""How Flask-Limiter is told to take `BoundedCounters`."""
MOST_COUNTERS = 100_000
"""About 30 MB of memory."""
RETRY_SECONDS = 5.0
SWEEP_SECONDS = 1.0
"""How often counters whose window is over are looked for, once the memory is full."""
_OF = ":"

_log = get_logger("sharelink.rate_limits")


class Counters:
    """Counters of fixed windows in the memory of this process; at most `most`, however many clients there are."""

    def __init__(self, most: int = MOST_COUNTERS, clock: Callable[[], float] = time.time) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: dict[str, tuple[int, float]] = {}
        self._swept_at = 0.0

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, key: str, window_seconds: float, amount: int = 1) -> int:
        """Count `amount` for `key`, and return how many that makes in its window."""
        with self._lock:
            now = self._clock()
            count, ends_at = self._counts.get(key, (0, 0.0))
            if ends_at <= now:
                count, ends_at = 0, now + window_seconds
                key = self._place(key, now)
                count, ends_at = self._counts.get(key, (count, ends_at))
            self._counts[key] = (count + amount, ends_at)
            return count + amount

    def read(self, key: str) -> tuple[int, float]:
        """Return the count of `key`, and when its window ends."""
        count, ends_at = self._counts.get(key, (0, 0.0))
        return (count, ends_at) if ends_at > self._clock() else (0, self._clock())

    def forget(self, key: str) -> None:
        """Begin again with `key`."""
        self._counts.pop(key, None)

    def forget_owned(self, names: Collection[str]) -> None:
        """Erase the counters of owners, by what `name_of_owner` returns for their keys."""
        # Found in a copy, which is made in one step: nobody waits while all counters are looked at.
        owned = [key for key in list(self._counts) if _OF in key and name_of_owner(key) in names]
        with self._lock:
            for key in owned:
                self._counts.pop(key, None)

    def forget_all(self) -> None:
        """Begin again with every key."""
        self._counts.clear()

    def _place(self, key: str, now: float) -> str:
        """Return where a key whose window begins now is counted: under its own name while there is room."""
        self._counts.pop(key, None)
        if len(self._counts) >= self._most and now >= self._swept_at + SWEEP_SECONDS:
            self._swept_at = now
            self._counts = {found: kept for found, kept in self._counts.items() if kept[1] > now}
        if len(self._counts) < self._most:
            return key
        # What is left out is the client; what stays is the purpose, and how often.
        return "all others/" + "/".join(key.split("/")[2:])


class BoundedCounters(Storage):
    """Counters for Flask-Limiter: in Redis as long as it answers, else in memory; told by `is_shared`.

    Args:
        uri: the scheme, as Flask-Limiter finds this class.
        store: address of Redis; nothing for memory alone.
    """

    STORAGE_SCHEME: list[str] | None = [SCHEME]  # noqa: RUF012 - the library's name and form

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, store: str = "", **_options: Any) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._memory = Counters()
        self._shared = _shared(store) if store else None
        self._gone = threading.Event()
        self._turn = threading.Lock()

    @property
    def is_shared(self) -> bool:
        """Whether counting is what the settings want: True unless Redis is wanted and gone."""
        return not self._gone.is_set()

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """Return what the store may raise; nothing of it leaves this class."""
        return ConnectionError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count `amount` for `key` in a window of `expiry` seconds, and return how many that makes."""
        if self._shared is not None and self.is_shared:
            try:
                return self._shared.add(key, int(expiry), amount, together_as=name_of_owner(key))
            except ConnectionError as error:
                self._take_over(error)
        return self._memory.add(key, expiry, amount)

    def forget_owned(self, names: Collection[str]) -> None:
        """Erase the counters of owners, by what `name_of_owner` returns for their keys; never raises.

        Those in a store that is gone, and in the memory of other processes meanwhile, end with their window.
        """
        self._memory.forget_owned(names)
        if self._shared is not None and self.is_shared:
            try:
                self._shared.forget(names)
            except ConnectionError as error:
                self._take_over(error)

    def get(self, key: str) -> int:
        """Return the count of `key` in memory: requests are counted, never only looked up."""
        return self._memory.read(key)[0]

    def get_expiry(self, key: str) -> float:
        """Return when the window of `key` in memory ends."""
        return self._memory.read(key)[1]

    def check(self) -> bool:
        """Return True: something always counts."""
        return True

    def reset(self) -> int | None:
        """Begin again in memory."""
        self._memory.forget_all()
        return None

    def clear(self, key: str) -> None:
        """Begin again with `key` in memory."""
        self._memory.forget(key)

    def _take_over(self, error: ConnectionError) -> None:
        with self._turn:
            if self._gone.is_set():
                return
            self._gone.set()
        # Once, not with every request: who floods must not fill the log.
        _log.error("the store of rate counters is gone; this process counts by itself", cause=str(error))
        threading.Thread(target=self._wait_for_store, name="rate counters", daemon=True).start()

    def _wait_for_store(self) -> None:
        while not self._answers():
            time.sleep(RETRY_SECONDS)
        self._gone.clear()
        _log.info("the store of rate counters is back")

    def _answers(self) -> bool:
        try:
            # Not a ping: a store that only reads, or has no memory left, answers those.
            return self._shared is None or self._shared.add("probe", 1) > 0
        except ConnectionError:
            return False


def owned(owner: str, which: str) -> str:
    """Return what stands for the client in the key of an owner's counter; no part may hold a colon or a slash."""
    return f"{owner}{_OF}{which}"


def name_of_owner(key: str) -> str:
    """Return the key without what tells an owner's counters apart; the whole key where it belongs to nobody."""
    before, _of, rest = key.partition(_OF)
    _which, slash, after = rest.partition("/")
    return before + slash + after


def _shared(address: str) -> "SharedCounters":
    # Redis's library is 5 MiB, and most processes have no Redis.
    from sharelink.web.shared_counters import SharedCounters  # noqa: PLC0415 - see above

    return SharedCounters(address)
