"""Ctrl-C at a moment that suits: after the step, so that a checkpoint can be exact."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["polite_interrupt"]


@contextmanager
def polite_interrupt(stop: threading.Event) -> Iterator[None]:
    """Within, Ctrl-C sets ``stop`` and no more; afterwards it is as before.

    Outside of the main thread, where signals cannot be handled, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: stop.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
