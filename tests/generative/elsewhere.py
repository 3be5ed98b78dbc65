"""A device that is not the CPU, on machines that have none: what mixes the two fails as on CUDA.

Tensors say that they are on "meta", and hold their numbers on the CPU. Within :func:`elsewhere`,
an operation on tensors of both kinds raises, but for what CUDA allows: scalars, indices, copies.
Without gradients: a wrapped tensor has no history.
"""

from __future__ import annotations

from contextlib import contextmanager

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

THERE = torch.device("meta")
_ATEN = torch.ops.aten
_MAY_MIX = {
    _ATEN.index.Tensor,
    _ATEN.index_put_.default,
    _ATEN.index_put.default,
    _ATEN.copy_.default,
    _ATEN._to_copy.default,
}


class There(torch.Tensor):
    """A tensor of the other device."""

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), dtype=inner.dtype, device=THERE
        )

    def __init__(self, inner):
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        with _Operations():
            return func(*args, **(kwargs or {}))


@contextmanager
def elsewhere():
    """While it is entered, there is another device, :data:`THERE`."""
    with torch.no_grad(), _FromLists(), _Operations():
        yield


class _FromLists(TorchFunctionMode):
    """Tensors from lists are built on the CPU and moved, which no dispatch shows."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is torch.Tensor.new_tensor:
            like, data = args
            kwargs = {"dtype": like.dtype, "device": like.device, **kwargs}
            func, args = torch.tensor, (data,)
        if func is torch.tensor and kwargs.get("device") is not None:
            device = kwargs.pop("device")
            return func(*args, **kwargs).to(device)
        return func(*args, **kwargs)


class _Operations(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        tensors = [t for t in tree_flatten((args, kwargs))[0] if isinstance(t, torch.Tensor)]
        there = [t for t in tensors if isinstance(t, There)]
        here = [t for t in tensors if not isinstance(t, There) and t.dim() > 0]
        if there and here and func not in _MAY_MIX:
            raise RuntimeError(f"{func}: expected all tensors to be on the same device")
        device = kwargs.get("device")
        goes = bool(there) if device is None else torch.device(device) == THERE
        if device is not None:
            kwargs["device"] = torch.device("cpu")
        if func is _ATEN.copy_.default:
            goes = isinstance(args[0], There)
        if func is _ATEN.index.Tensor and not isinstance(args[0], There) and there:
            raise RuntimeError("indices should be on the CPU, as the indexed tensor is")
        if goes and kwargs.get("generator") is not None:
            raise RuntimeError(f"{func}: expected a generator of the device of the tensor")
        wrappers = {id(t.inner): t for t in there}

        def unwrap(one):
            return one.inner if isinstance(one, There) else one

        def wrap(one):
            if not goes or not isinstance(one, torch.Tensor):
                return one
            return wrappers[id(one)] if id(one) in wrappers else There(one)

        return tree_map(wrap, func(*tree_map(unwrap, args), **tree_map(unwrap, kwargs)))


def back(x):
    """Return a tensor of either device on the CPU."""
    return x.inner if isinstance(x, There) else x
