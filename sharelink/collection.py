"""When Python looks for garbage: it asks every object there is, and a start makes 240,000 that stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """Look for no garbage while the block makes what stays: measured, that takes a sixth off the start."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def keep_for_good() -> None:
    """Never again ask the objects that there are now: a request must not wait for a look at all that the start made."""
    gc.freeze()
