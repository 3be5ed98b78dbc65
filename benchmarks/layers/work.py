"""The layers, inputs and steps that are timed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from eqsets import SetBatch

__all__ = ["bytes_of", "images", "on_ragged", "peak_bytes", "step"]


def images(rows: int, channels: int, size: int) -> Tensor:
    """Return random images ``(rows, C, size, size)``, channels last as between layers."""
    return torch.randn(rows, channels, size, size).to(memory_format=torch.channels_last)


def step(
    run: Callable[[Tensor], Tensor], x: Tensor, parameters: list[nn.Parameter]
) -> Callable[[], None]:
    """Return one forward and backward pass of a layer inside a network: ``x`` gets a gradient."""
    # with gradients on, so that a compiled layer is compiled once
    gradient = torch.randn_like(run(x.detach().requires_grad_()).detach())

    def once() -> None:
        for parameter in parameters:
            parameter.grad = None
        run(x.detach().requires_grad_()).backward(gradient)

    return once


def on_ragged(layer: nn.Module, batch: SetBatch, values: Tensor) -> Tensor:
    """Return the output rows of a layer for a ragged batch."""
    output: Tensor = layer(batch.replace(values)).values
    return output


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the messages of torch's profiler on stderr."""
    stderr, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)


def peak_bytes(run: Callable[[], object]) -> int:
    """Return the peak memory of a run in bytes, relative to the start.

    Counted by torch's allocator, so it is exact and reproducible.
    """
    run()
    with _quiet(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        run()
    held = peak = 0
    events = [e for e in record.profiler.kineto_results.events() if e.name() == "[memory]"]
    for event in sorted(events, key=lambda e: e.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def bytes_of(x: Tensor) -> int:
    """Return the size of a tensor."""
    return prod(x.shape) * x.element_size()
