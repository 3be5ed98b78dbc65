"""Solved layers of direct sums, block by block: a layer of its own for each pair of parts."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from eqsets.constants import Constants
from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.features.direct_sum import DirectSum, parts_of
from eqsets.solve.action import Action, Channels
from eqsets.solve.invariants import dual_forms, fixed_vectors
from eqsets.solve.linear import EquivariantLinear
from eqsets.solve.readout import InvariantEmbedding, InvariantReadout

__all__ = ["SumEmbedding", "SumInvariant", "SumLinear"]


class SumLinear(nn.Module):
    r"""Apply the most general linear map between direct sums.

    .. math:: y_a = \sum_b L_{a b} x_b + \beta_a

    with the complete equivariant maps :math:`L_{a b}` of the parts, and a bias on the vectors that
    the group leaves invariant. A part of the output that no part of the input reaches is its bias.

    Arguments:
        in_type: type of the input.
        out_type: type of the output; one of the two is a direct sum.
        blocks: the layers without bias, by the numbers of the parts (output, input).
        targets: actions on the parts of the output.
        bias: whether to add one.
    """

    def __init__(
        self,
        in_type: FeatureType,
        out_type: FeatureType,
        blocks: dict[tuple[int, int], EquivariantLinear],
        targets: list[Action],
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.in_type, self.out_type = in_type, out_type
        self.blocks = nn.ModuleDict({f"{a}_{b}": block for (a, b), block in blocks.items()})
        self._pairs = list(blocks)
        biases = [
            _Bias(part, action) if bias and len(fixed_vectors(action)) else None
            for part, action in zip(parts_of(out_type), targets, strict=True)
        ]
        self.biases = nn.ModuleDict({str(a): one for a, one in enumerate(biases) if one})
        sizes = [torch.Size(_sizes(part)).numel() for part in parts_of(in_type)]
        with torch.no_grad():  # outputs keep the size of the inputs, from which part they come
            for (a, b), block in blocks.items():
                reached = sum(sizes[other] for row, other in blocks if row == a)
                block.weight.mul_(sqrt(sizes[b] / reached))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, *in_type.layout)`` to ``(E, *out_type.layout)``."""
        split = self.in_type.split(x) if isinstance(self.in_type, DirectSum) else [x]
        result: dict[int, Tensor] = {}
        for a, b in self._pairs:
            y = self.blocks[f"{a}_{b}"](split[b])
            result[a] = result[a] + y if a in result else y
        parts = []
        for a, part in enumerate(parts_of(self.out_type)):
            y = result[a] if a in result else x.new_zeros(x.shape[0], *_sizes(part))
            parts.append(self.biases[str(a)](y) if str(a) in self.biases else y)
        return self.out_type.join(parts) if isinstance(self.out_type, DirectSum) else parts[0]

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}"


class _Bias(nn.Module):
    """Add a learned combination of the vectors that the group leaves invariant."""

    def __init__(self, out_type: FeatureType, action: Action) -> None:
        super().__init__()
        self._out = Channels.of(out_type)
        fixed = fixed_vectors(action)
        self.constants = Constants(fixed=fixed)
        self.weight = nn.Parameter(torch.zeros(len(fixed), self._out.count))

    def forward(self, y: Tensor) -> Tensor:
        offset = self.constants.get("fixed", self.weight).mT @ self.weight
        return y + self._out.unflatten(offset[None])


class SumInvariant(nn.Module):
    r"""Read the invariants of each part, and the bilinear ones of two parts.

    .. math:: q_{s c c'} = x_{a, c}^T S^s x_{b, c'}

    such as the pairing of a vector with a dual vector. Pointwise parts have linear ones only.

    Arguments:
        in_type: type of the input.
        actions: of the group on the parts.

    Attributes:
        features: number of invariants of one element.
        linear: whether all of them are linear in ``x``.

    Raises:
        FeatureTypeError: no part has an invariant.
    """

    def __init__(self, in_type: DirectSum, actions: list[Action]) -> None:
        super().__init__()
        self.in_type = in_type
        self._channels = [Channels.of(part) for part in in_type.parts]
        reads: dict[str, nn.Module] = {}
        forms: dict[str, Tensor] = {}
        self.features, self.linear = 0, True
        for a, (part, action) in enumerate(zip(in_type.parts, actions, strict=True)):
            try:
                read = InvariantReadout(part, action, quadratic=not part.pointwise)
            except FeatureTypeError:  # none of its own
                continue
            reads[str(a)] = read
            self.features += read.features
            self.linear = self.linear and read.linear
        mixed = [a for a, part in enumerate(in_type.parts) if not part.pointwise]
        for a in mixed:
            for b in (later for later in mixed if later > a):
                between = dual_forms(actions[a], actions[b])
                if len(between):
                    forms[f"{a}_{b}"] = between
                    counts = self._channels[a].count * self._channels[b].count
                    self.features += len(between) * counts
                    self.linear = False
        if not self.features:
            raise FeatureTypeError(
                f"{in_type!r} has no linear and no quadratic invariant to read out, expected at "
                "least one. Add trivial channels to the type."
            )
        self.reads, self.constants = nn.ModuleDict(reads), Constants(**forms)
        self._crossed = [tuple(map(int, name.split("_"))) for name in forms]

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, dim)`` to the invariants ``(E, features)``."""
        split = self.in_type.split(x)
        parts = [read(split[int(a)]) for a, read in self.reads.items()]
        for a, b in self._crossed:
            forms = self.constants.get(f"{a}_{b}", x)
            one, two = self._channels[a].flatten(split[a]), self._channels[b].flatten(split[b])
            parts.append(torch.einsum("eic,sij,ejd->escd", one, forms, two).flatten(1))
        return torch.cat(parts, 1)

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.features} invariants"


class SumEmbedding(nn.Module):
    """Write invariants into the parts of a direct sum that have invariant vectors.

    Raises:
        FeatureTypeError: no part has any.
    """

    def __init__(self, features: int, out_type: DirectSum, actions: list[Action]) -> None:
        super().__init__()
        self.out_type = out_type
        self.parts = nn.ModuleDict(
            {
                str(a): InvariantEmbedding(features, part, action)
                for a, (part, action) in enumerate(zip(out_type.parts, actions, strict=True))
                if len(fixed_vectors(action))
            }
        )
        if not self.parts:
            raise FeatureTypeError(
                f"{out_type!r} has no vector that is invariant under the group, so {features} "
                "invariants cannot be written into it. Add trivial channels to the type."
            )

    def forward(self, invariants: Tensor, *, like: Tensor) -> Tensor:
        """Map ``(E, features)`` to features that broadcast against ``like: (E, dim)``."""
        split = self.out_type.split(like)
        rows = invariants.shape[0]
        parts = [
            self.parts[str(a)](invariants, like=split[a])
            if str(a) in self.parts
            else invariants.new_zeros(rows, *_sizes(part))
            for a, part in enumerate(self.out_type.parts)
        ]
        return self.out_type.join(parts)

    def extra_repr(self) -> str:
        return f"{self.out_type}"


def _sizes(part: FeatureType) -> list[int]:
    return [size for size in part.layout if isinstance(size, int)]
