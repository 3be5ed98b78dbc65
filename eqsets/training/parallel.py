"""Run jobs in parallel, one thread each, with one Ctrl-C for all.

Small networks gain little from several threads, which synchronise in every layer. So each job
computes on one thread, and several jobs run in parallel.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

import torch

from eqsets.training.interrupt import deferred_interrupt

__all__ = ["run_in_parallel"]


def run_in_parallel(
    jobs: Sequence[Callable[[], object]], stop: threading.Event, *, workers: int
) -> None:
    """Run jobs to their ends; raise what the first of them raises, after the others return.

    Args:
        jobs: they return early when ``stop`` is set; those not yet begun are not begun.
        stop: is set on Ctrl-C, and when a job raises.
        workers: jobs at a time.
    """

    def work(job: Callable[[], object]) -> None:
        if not stop.is_set():
            torch.set_num_threads(1)  # of this thread
            job()

    with deferred_interrupt(stop), ThreadPoolExecutor(max(1, workers)) as pool:
        futures = [pool.submit(work, job) for job in jobs]
        ended, _ = wait(futures, return_when=FIRST_EXCEPTION)
        if any(future.exception() for future in ended):
            stop.set()
        for future in futures:
            future.result()
