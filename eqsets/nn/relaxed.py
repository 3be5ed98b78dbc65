"""A layer plus a free map with a penalty: as symmetric as the data allow."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.construction import Construction
from eqsets.errors import FeatureTypeError, OptionError
from eqsets.features import FeatureType
from eqsets.layout import as_rows
from eqsets.modules import register_module
from eqsets.sets import SetBatch

__all__ = ["FreeLinear", "Relaxed"]


class FreeLinear(nn.Module):
    """Any affine map from elements to elements, zero at the start; no group commutes with it.

    Arguments:
        in_type: type of the input, of fixed sizes.
        out_type: type of the output, of fixed sizes.

    Raises:
        FeatureTypeError: a type leaves sizes open.
    """

    def __init__(self, in_type: FeatureType, out_type: FeatureType) -> None:
        super().__init__()
        sizes = []
        for feature_type in (in_type, out_type):
            layout = [size for size in feature_type.layout if isinstance(size, int)]
            if len(layout) < len(feature_type.layout):
                raise FeatureTypeError(
                    f"Relaxed got {feature_type!r}, whose layout {feature_type.layout} leaves "
                    "sizes open, and no free=, expected a fixed size or a module. Give one on "
                    "rows (E, *element), such as a torch.nn.Conv2d for rotated images."
                )
            sizes.append(tuple(layout))
        self.shape = sizes[1]
        self.linear = nn.Linear(prod(sizes[0]), prod(sizes[1]))
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x.flatten(1)).unflatten(-1, self.shape)
        return y


@register_module("Relaxed", container=True)
class Relaxed(nn.Module):
    r"""Add a free map of each element to an equivariant layer, at a price.

    .. math:: y_i = L(X)_i + F(x_i), \qquad \text{penalty} = \lVert F \rVert^2

    Only the element group is relaxed: the layer stays equivariant to reordering the set. With the
    penalty in the loss, the free map grows where the data need it: measure how symmetric a network
    has stayed with :func:`eqsets.equivariance_error` or :class:`eqsets.EquivarianceMonitor`.

    References:
        Residual Pathway Priors for Soft Equivariance Constraints, Finzi, Benton, Wilson, NeurIPS
        2021, https://arxiv.org/abs/2112.01388, section 4.

    Arguments:
        layer: a set module with ``in_type`` and ``out_type`` that keeps the set, such as DSS.
        free: module on rows ``(E, *in) -> (E, *out)``, such as ``nn.Conv2d``; by default any affine
            map, for elements of fixed size, zero at the start.

    Raises:
        FeatureTypeError: elements have open sizes and ``free`` is not given, or the layer reduces
            the set or declares no types.
        OptionError: ``free`` is no module.

    Example:
        >>> from eqsets import DSS, nn
        >>> layer = nn.Relaxed(DSS("trivial", 2, 4))
        >>> layer(torch.randn(3, 5, 2)).shape
        torch.Size([3, 5, 4])
        >>> float(layer.penalty().detach())
        0.0
    """

    keeps_set = True

    def __init__(self, layer: nn.Module, free: nn.Module | None = None) -> None:
        super().__init__()
        in_type, out_type = getattr(layer, "in_type", None), getattr(layer, "out_type", None)
        if not isinstance(in_type, FeatureType) or not isinstance(out_type, FeatureType):
            raise FeatureTypeError(
                f"Relaxed got {type(layer).__name__} with in_type={in_type!r} and out_type="
                f"{out_type!r}, expected a set module that declares its types, such as DSS."
            )
        if not getattr(layer, "keeps_set", True):
            raise FeatureTypeError(
                f"Relaxed got {type(layer).__name__}, which reduces the set, expected a module "
                "that keeps it: the free map gives one output for each element."
            )
        if free is not None and not isinstance(free, nn.Module):
            raise OptionError(
                f"Relaxed got free={free!r}, expected a torch.nn.Module on rows (E, *element), or "
                "None for any affine map."
            )
        self.layer = layer
        self.free = FreeLinear(in_type, out_type) if free is None else free
        self.in_type, self.out_type = in_type, out_type
        self.alignment = getattr(layer, "alignment", "shared")
        self.symmetry = getattr(layer, "symmetry", None)

    @property
    def construction(self) -> Construction:
        """How it is constructed: from the modules that it holds now."""
        own = isinstance(self.free, FreeLinear)
        return Construction(Relaxed, modules=(self.layer,) if own else (self.layer, self.free))

    def forward(
        self, x: Tensor | SetBatch, mask: Tensor | None = None, *, structure: Any = None
    ) -> Tensor | SetBatch:
        """Map ``x: (B, N, *element)`` or a SetBatch; padded positions of the output are zero.

        Raises:
            ShapeError: shape of ``x`` or ``mask`` do not fit, or a set is empty.
        """
        layout, rows = as_rows(x, mask, self.in_type, "Relaxed")
        side = {} if structure is None else {"structure": structure}
        y: Tensor | SetBatch = self.layer(x, mask, **side)
        return y + layout.restore(self.free(rows))

    def penalty(self) -> Tensor:
        """Return the sum of squares of the weights of the free map, to be added to the loss."""
        squares = [p.square().sum() for p in self.free.parameters()]
        return torch.stack(squares).sum() if squares else torch.zeros(())
