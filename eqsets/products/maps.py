r"""The linear maps between the points of a first factor, read off the weights of its own layer.

A layer with one channel on either side that is linear in its weights is

.. math:: L_\theta = \sum_k \theta_k B_k,

so the layer with one weight at 1 and the others at 0 *is* the map :math:`B_k`. Nothing else is
asked of the symmetry: solved bases, convolutions and maps along edges are all read in this way.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.constants import Constants
from eqsets.errors import FeatureTypeError, ShapeError
from eqsets.features import FeatureType
from eqsets.solve.weights import split_weights, weighted, without_parameters
from eqsets.symmetry import ElementSymmetry

__all__ = ["UnitMaps", "dense_maps"]

_MOST = 4_096  # weights of a layer with one channel: beyond, they are no basis to work with


def dense_maps(module: nn.Module, in_type: FeatureType, owner: ElementSymmetry) -> Tensor:
    """Return the maps as matrices ``(K, P_out, P_in)`` in float64.

    Arguments:
        module: a linear layer with one channel on either side, without bias.
        in_type: its input type, of a fixed layout.
        owner: whose layer it is, for messages.

    Raises:
        FeatureTypeError: the layer is not linear in its weights.
    """
    module = module.double()
    count = _count(module, owner)
    shape = [size for size in in_type.layout if isinstance(size, int)]
    points = torch.Size(shape).numel()
    basis = torch.eye(points, dtype=torch.float64).reshape(points, *shape)
    with torch.no_grad():
        rows = [weighted(module, unit)(basis).flatten(1).mT for unit in torch.eye(count).double()]
        maps = torch.stack(rows)
        weights = _trial(count).double()
        _require_linear(
            weighted(module, weights)(basis).flatten(1).mT,
            torch.einsum("k,koi->oi", weights, maps),
            owner,
        )
    return maps


class UnitMaps(nn.Module):
    """The maps of a layer that takes elements of any size, or edges: one module for each weight.

    Arguments:
        module: a linear layer with one channel on either side, without bias.
        in_type: its input type.
        owner: whose layer it is, for messages.

    Raises:
        FeatureTypeError: the layer is not linear in its weights. Where it needs side information
            to be tried (edges), that is said when it is first called.
    """

    def __init__(self, module: nn.Module, in_type: FeatureType, owner: ElementSymmetry) -> None:
        super().__init__()
        units = torch.eye(_count(module, owner), dtype=torch.float64)
        self.maps = nn.ModuleList()
        exact: dict[str, Tensor] = {}
        positions: list[tuple[str, nn.Module, str]] = []
        for number, unit in enumerate(units):
            one, parts = without_parameters(module)
            self.maps.append(one)
            for (part, name, shape), value in zip(parts, split_weights(unit, parts), strict=True):
                key = f"{number}.{len(positions)}"
                exact[key] = value.reshape(shape)
                positions.append((key, part, name))
        self.constants = Constants(**exact)
        for index in positions:
            self.constants.attach(*index)
        self._untried: tuple[nn.Module] | None = (module,)  # a tuple: no part of this module
        self._owner = owner
        sample = in_type.sample(2, generator=torch.Generator().manual_seed(0))
        try:
            self._verify(sample, None)
        except ShapeError:  # it does not work without edges: tried when there are some
            if not owner.structured:
                raise

    def forward(self, x: Tensor, structure: Any = None) -> list[Tensor]:
        """Map ``x: (E, *in_type.layout)`` by each of the maps."""
        readable = x.device.type != "meta" and not torch.compiler.is_compiling()
        if self._untried is not None and readable:
            self._verify(x, structure)
        self.constants.follow(x)
        return [_run(one, x, structure) for one in self.maps]

    def _verify(self, like: Tensor, structure: Any) -> None:
        """Try all weights at once, on noise of the shape of ``like`` and on its opposite."""
        if self._untried is None:
            return
        # Half precision would round away what is looked for.
        wide = like.to(torch.promote_types(like.dtype, torch.float32))
        noise = torch.randn(like.shape, generator=torch.Generator().manual_seed(0)).to(wide)
        with torch.no_grad(), torch.autocast(like.device.type, enabled=False):
            module = copy.deepcopy(self._untried[0]).to(wide)
            weights = _trial(len(self.maps)).to(wide)
            mixed = weighted(module, weights)
            units = [weighted(module, unit) for unit in torch.eye(len(self.maps)).to(wide)]
            for x in (noise, -noise):
                parts = [
                    weight * _run(one, x, structure)
                    for weight, one in zip(weights, units, strict=True)
                ]
                expected = torch.stack(parts).sum(0)
                _require_linear(_run(mixed, x, structure), expected, self._owner)
        self._untried = None


def _run(module: nn.Module, x: Tensor, structure: Any) -> Tensor:
    y: Tensor = module(x) if structure is None else module(x, structure)
    return y


def _count(module: nn.Module, owner: ElementSymmetry) -> int:
    count = sum(parameter.numel() for parameter in module.parameters())
    if not 0 < count <= _MOST:
        raise FeatureTypeError(
            f"the linear layer of {owner!r} has {count} weights between one channel and one, "
            f"expected 1 to {_MOST}: each is a map of the product. Choose types of the first "
            "factor between which there are equivariant maps, or fewer points."
        )
    return count


def _trial(count: int) -> Tensor:
    """Return weights to try at once: none is zero, signs differ."""
    signs = 1 - 2 * (torch.arange(count) % 2)
    return signs * torch.linspace(0.5, 1.5, count)


def _require_linear(actual: Tensor, expected: Tensor, owner: ElementSymmetry) -> None:
    exact = expected.dtype == torch.float64
    if not torch.allclose(actual, expected, rtol=1e-2, atol=1e-9 if exact else 1e-2):
        raise FeatureTypeError(
            f"the layer of {owner!r} is not linear in its weights, so it has no finite basis for a "
            "product, expected one such as conv='graph' or the solved layer. Choose another layer "
            "for the first factor, or make it the second."
        )
