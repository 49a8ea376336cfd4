"""Counters that the processes of a fleet share: in Redis. Loaded only where the settings name one."""

from typing import Any

from limits.storage import RedisStorage, storage_from_string
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

ANSWER_SECONDS = 1.0
"""A store that takes longer is gone."""


class SharedCounters:
    """Counters of fixed windows in one Redis."""

    def __init__(self, address: str) -> None:
        """Prepare, without a connection.

        Args:
            address: of Redis, as a URL.
        """
        options: dict[str, Any] = {"socket_connect_timeout": ANSWER_SECONDS, "socket_timeout": ANSWER_SECONDS}
        # A request waits once, not again and again.
        options["retry"] = Retry(NoBackoff(), 0)
        made = storage_from_string(address, **options)
        if not isinstance(made, RedisStorage):
            raise TypeError("settings allow Redis only")
        self._storage = made

    def add(self, key: str, window_seconds: int, amount: int = 1) -> int:
        """Count `amount` for `key`, and return how many that makes in its window.

        Raises:
            ConnectionError: the store did not count; the text is the name of the cause and holds no address.
        """
        try:
            return int(self._storage.incr(key, window_seconds, amount))
        except (RedisError, OSError) as error:
            raise ConnectionError(type(error).__name__) from None
