"""Convolutions in groups of fields: which channels belong to a group.

With several blocks, ``"8 trivial + 4 irrep(1)"``, a group has its share of each block, and channels
of a group do not lie side by side: they are brought together before the convolution, and back
behind it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets import FeatureTypeError
from eqsets.constants import Constants, on_cpu
from eqsets_planar.fields.features import PlanarFields
from eqsets_planar.steerable.options import ConvOptions

__all__ = ["Grouping"]


class Grouping(nn.Module):
    """A convolution in ``options.groups`` groups, between fields of two types.

    Raises:
        FeatureTypeError: a block has a number of fields that the groups do not divide.
    """

    def __init__(self, in_type: PlanarFields, out_type: PlanarFields, options: ConvOptions) -> None:
        super().__init__()
        self.options = options
        for one in (in_type, out_type):
            for count, representation in one.blocks:
                if count % options.groups:
                    raise FeatureTypeError(
                        f"a convolution in groups={options.groups} got {count} {representation} of "
                        f"{one}, expected numbers of fields that {options.groups} divides. Choose "
                        "other numbers of fields, or another number of groups."
                    )
        self.moves = options.groups > 1 and max(len(in_type.blocks), len(out_type.blocks)) > 1
        with on_cpu():
            inputs, outputs = (_grouped(one, options.groups) for one in (in_type, out_type))
            self.constants = Constants(inputs=inputs, outputs=outputs, back=outputs.argsort())

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve ``x: (E, C_in, H, W)`` with ``weight: (C_out, C_in / groups, k, k)``."""
        if not self.moves:
            return self.options.convolve(x, weight, bias)
        outputs = self.constants.get("outputs", x)
        y = self.options.convolve(
            x.index_select(1, self.constants.get("inputs", x)),
            weight.index_select(0, outputs),
            None if bias is None else bias.index_select(0, outputs),
        )
        return y.index_select(1, self.constants.get("back", x))

    def dense(self, weight: Tensor) -> Tensor:
        """Return the filter ``(C_out, C_in, k, k)`` without groups: zero between groups."""
        if self.options.groups == 1:
            return weight
        inputs = self.constants.get("inputs", weight).reshape(self.options.groups, -1)
        share = weight.shape[0] // self.options.groups
        owner = self.constants.get("back", weight) // share
        columns = inputs[owner][:, :, None, None].expand_as(weight)
        full = weight.new_zeros(weight.shape[0], inputs.numel(), *weight.shape[2:])
        return full.scatter(1, columns, weight)


def _grouped(fields: PlanarFields, groups: int) -> Tensor:
    """Return the channels of the first group, of the second ..."""
    parts = [torch.arange(block.start, block.stop).reshape(groups, -1) for block in fields.slices()]
    return torch.cat(parts, 1).flatten()
