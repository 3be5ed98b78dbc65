"""The linear layer over a solved basis: complete, applied in the cheapest order."""

from __future__ import annotations

from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.constants import Constants, on_cpu
from eqsets.features import FeatureType
from eqsets.solve.action import Action, Channels
from eqsets.solve.basis import Basis
from eqsets.solve.invariants import fixed_vectors
from eqsets.solve.null_space import DENSE
from eqsets.solve.orbit_maps import OrbitMaps
from eqsets.tensors.difference import bias_difference

__all__ = ["EquivariantLinear"]


class EquivariantLinear(nn.Module):
    r"""Apply the most general linear map that commutes with the group.

    .. math:: y_{o c'} = \sum_{k} \sum_{i c} B^k_{o i} W^k_{c c'} x_{i c} + \sum_r b_{r c'} v^r_o

    with a basis :math:`B^k` of the equivariant maps between points and a basis :math:`v^r` of the
    vectors that the group fixes: *all* equivariant affine maps, ``c c' E(H)`` weights.

    References:
        On Learning Sets of Symmetric Elements, Maron, Litany, Chechik, Fetaya, ICML 2020.

    Arguments:
        in_type: type of the input.
        out_type: type of the output.
        basis: from :func:`~eqsets.solve.basis_between`.
        target: action on the output, which says what a bias may be.
        bias: whether to add one.
    """

    _version = 2  # 1: bases of more than DENSE unknowns were solved for in another way

    def __init__(
        self,
        in_type: FeatureType,
        out_type: FeatureType,
        basis: Basis,
        target: Action,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.in_type, self.out_type = in_type, out_type
        self._in, self._out = Channels.of(in_type), Channels.of(out_type)
        self.weight = nn.Parameter(torch.empty(basis.dimension, self._in.count, self._out.count))
        # With few orbits it is cheaper to move features along each orbit than to build the matrix.
        with on_cpu():
            fixed = fixed_vectors(target)
            self.orbits = None if basis.labels is None else OrbitMaps.of(basis.labels)
        labels = basis.labels if self.orbits is None else None
        self.constants = Constants(labels=labels, maps=basis.maps, fixed=fixed)
        self._permutes = basis.labels is not None
        count = len(fixed)
        self.bias = nn.Parameter(torch.empty(count, self._out.count)) if bias and count else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights as torch does for a dense layer: outputs keep the size of the inputs."""
        bound = 1 / sqrt(self._in.size * self._in.count)
        if not self._permutes and self.weight.shape[0]:
            bound = sqrt(self._out.size / (self.weight.shape[0] * self._in.count))
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    def can_subtract(self, other: nn.Module) -> bool:
        """Return whether :meth:`forward` takes another layer as ``minus``."""
        return (
            type(other) is type(self)
            and (other.bias is None or self.bias is not None)
            and (self.in_type, self.out_type) == (other.in_type, other.out_type)
        )

    def forward(self, x: Tensor, *, minus: EquivariantLinear | None = None) -> Tensor:
        """Map ``x: (E, *in_type.layout)`` to ``(E, *out_type.layout)``.

        Arguments:
            x: the input.
            minus: a layer between the same types whose output is subtracted.
        """
        flat = self._in.flatten(x)
        weight: Tensor = self.weight
        bias: Tensor | None = self.bias
        if minus is not None:
            weight, bias = weight - minus.weight, bias_difference(bias, minus.bias)
        y: Tensor
        if self.orbits is not None:
            y = self.orbits(flat, weight)
        else:
            rows = self._in.size * self._in.count
            y = flat.reshape(-1, rows) @ self._dense(weight).reshape(rows, -1)
            y = y.reshape(-1, self._out.size, self._out.count)
        if bias is not None:
            y = y + self.constants.get("fixed", bias).mT @ bias
        return self._out.unflatten(y)

    def _dense(self, weight: Tensor) -> Tensor:
        """Return the matrix ``(d_in, C, d_out, C')`` that the weights make."""
        if self._permutes:
            return weight[self.constants.get("labels", weight)].permute(1, 2, 0, 3)
        return torch.einsum("koi,kcf->icof", self.constants.get("maps", weight), weight)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        many = not self._permutes and self._in.size * self._out.size > DENSE
        if local_metadata.get("version") == 1 and many and prefix + "weight" in state_dict:
            error_msgs.append(
                f"{prefix}weight was saved by a version of eqsets that solved for another basis of "
                f"the maps {self.in_type} -> {self.out_type}, so its numbers mean other maps here. "
                "Train the layer again, or load it with eqsets 0.1."
            )
        super()._load_from_state_dict(
            state_dict,
            prefix,
            local_metadata,
            strict,
            missing_keys,
            unexpected_keys,
            error_msgs,
        )

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}, dimension={len(self.weight)}"
