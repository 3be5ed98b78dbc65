"""Delay Ctrl-C to the end of a training step, so that the checkpoint is exact."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["deferred_interrupt"]


@contextmanager
def deferred_interrupt(stop: threading.Event) -> Iterator[None]:
    """In this context, Ctrl-C only sets ``stop``; the previous handler is restored at exit.

    Outside of the main thread, where signals cannot be handled, the context does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, lambda number, frame: stop.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
