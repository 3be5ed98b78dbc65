"""Activations of torch by name, and a gate for types on which they would break the symmetry."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets.errors import FeatureTypeError, choices
from eqsets.features import FeatureType

__all__ = ["InvariantGate", "pointwise_activation"]

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "leaky-relu": nn.LeakyReLU,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
}


def pointwise_activation(name: str) -> nn.Module:
    """Return the torch activation called ``name``.

    Raises:
        FeatureTypeError: the name is unknown.
    """
    if name not in _ACTIVATIONS:
        raise FeatureTypeError(f"unknown nonlinearity {name!r}: {choices(name, _ACTIVATIONS)}")
    return _ACTIVATIONS[name]()


class InvariantGate(nn.Module):
    r"""Scale every channel by a gate that only sees invariants.

    .. math:: y_c = x_c \, \sigma(A u(x) + a)_c

    A nonlinearity for types on which componentwise ones would break the symmetry.
    """

    def __init__(self, in_type: FeatureType, invariant: nn.Module) -> None:
        super().__init__()
        self.in_type, self.invariant = in_type, invariant
        features = invariant.features
        if not isinstance(features, int):
            raise FeatureTypeError(
                f"the invariants of {in_type!r} have features={features!r}, expected their number. "
                "Set the attribute features on the module that invariant() returns."
            )
        self.gate = nn.Linear(features, in_type.channels)

    def forward(self, x: Tensor) -> Tensor:
        """Gate ``x: (E, *element)``."""
        gate = torch.sigmoid(self.gate(self.invariant(x)))
        axis = self.in_type.channel_axis
        lead = [1] * (x.dim() - 2 if axis is None else x.dim() + axis - 1)
        tail = [] if axis is None else [1] * (-axis - 1)
        return x * gate.reshape(x.shape[0], *lead, self.in_type.channels, *tail)
