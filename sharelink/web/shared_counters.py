"""Counters that the processes of a fleet share: in Redis. Loaded only where the settings name one."""

from collections.abc import Collection
from typing import Any

from limits.storage import RedisStorage, storage_from_string
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

ANSWER_SECONDS = 1.0
"""A store that takes longer is gone."""

_COUNT_TOGETHER = b"""
local count = redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
return count
"""
"""In one step: were it interrupted, a hash without an end would stay for ever."""


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
        self._count_together = made.get_connection().register_script(_COUNT_TOGETHER)

    def add(self, key: str, window_seconds: int, amount: int = 1, *, together_as: str = "") -> int:
        """Count `amount` for `key`, and return how many that makes in its window.

        Args:
            key: what is counted.
            window_seconds: from the first count on; for counters that are kept together, from the first of any of them.
            amount: how many to add.
            together_as: what the counters have in common that `forget` is to erase together, all of one window; `key`
                itself, or nothing: this one stands alone.

        Raises:
            ConnectionError: the store did not count; the text is the name of the cause and holds no address.
        """
        try:
            if together_as in {"", key}:
                return int(self._storage.incr(key, window_seconds, amount))
            return int(self._count_together([self._storage.prefixed_key(together_as)], [key, amount, window_seconds]))
        except (RedisError, OSError) as error:
            raise ConnectionError(type(error).__name__) from None

    def forget(self, names: Collection[str]) -> None:
        """Erase all counters that are kept together under one of `names`, in one question to the store.

        Raises:
            ConnectionError: as above; the counters end with their window.
        """
        try:
            self._storage.get_connection().delete(*(self._storage.prefixed_key(name) for name in names))
        except (RedisError, OSError) as error:
            raise ConnectionError(type(error).__name__) from None
