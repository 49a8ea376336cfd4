"""A time limit on a whole conversation with a provider, whatever it is that takes long.

The limits of sockets begin anew with every byte, and looking up a name has none: a provider that sends a byte now and
then would hold a visitor for hours. So the conversation has a thread of its own, which is left behind when time is up.
"""

from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import BoundedSemaphore, Thread
from typing import TypeVar

from sharelink.sso.errors import ProviderUnavailable

Result = TypeVar("Result")


class Patience:
    """Waits for so many seconds, and for so many conversations at once: a provider that hangs gathers no threads."""

    def __init__(self, seconds: float, most_at_once: int) -> None:
        self._seconds = seconds
        self._free = BoundedSemaphore(most_at_once)

    def wait_for(self, talk: Callable[[], Result]) -> Result:
        """Return what `talk` returns, or raise what it raises.

        Raises:
            ProviderUnavailable: it took too long, or too many others still wait.
        """
        if not self._free.acquire(blocking=False):
            raise ProviderUnavailable("too many wait for the provider already")
        told: Future[Result] = Future()

        def converse() -> None:
            try:
                told.set_result(talk())
            except Exception as error:  # noqa: BLE001 - told to whoever waits
                told.set_exception(error)
            finally:
                self._free.release()

        Thread(target=converse, name="provider", daemon=True).start()
        if not wait([told], timeout=self._seconds).done:
            raise ProviderUnavailable("the provider takes too long")
        return told.result()
