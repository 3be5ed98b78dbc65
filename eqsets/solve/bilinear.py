"""Products of features that commute with the group, solved for like linear maps."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from eqsets.constants import Constants, on_cpu
from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.features.direct_sum import DirectSum, parts_of
from eqsets.solve.action import Action, Channels
from eqsets.solve.basis import basis_between

__all__ = ["EquivariantBilinear", "product_action"]


class EquivariantBilinear(nn.Module):
    r"""Apply an equivariant bilinear map to the features of an element and themselves.

    .. math:: y_c = \sum_{a \le b} \sum_{r m} W^{abc}_{r m}\,
              B^{abc}_r\big((M^a x_a)_m, (N^b x_b)_m\big)

    with bases :math:`B^{abc}` of all equivariant bilinear maps from one channel of parts a and b to
    one of part c, and learned mixtures :math:`M, N` of channels. Parts that no product reaches are
    zero. Products of vectors are tensors, inner and outer products of vectors, and so on: what
    linear maps and gates between such types cannot make.

    References:
        A Practical Method for Constructing Equivariant Multilayer Perceptrons for Arbitrary Matrix
        Groups, Finzi, Welling, Wilson, ICML 2021, https://arxiv.org/abs/2104.09459, section 5.

    Arguments:
        in_type: type of the input.
        out_type: type of the output.
        actions: on the parts of the input.
        targets: on the parts of the output.
        channels: number of products for each pair of parts; at least one.

    Raises:
        FeatureTypeError: no product of two parts reaches the output.
    """

    def __init__(
        self,
        in_type: FeatureType,
        out_type: FeatureType,
        actions: list[Action],
        targets: list[Action],
        *,
        channels: int,
    ) -> None:
        super().__init__()
        self.in_type, self.out_type = in_type, out_type
        self._in = [Channels.of(part) for part in parts_of(in_type)]
        self._out = [Channels.of(part) for part in parts_of(out_type)]
        self._triples: list[tuple[int, int, int]] = []
        bases: dict[str, Tensor] = {}
        self.weights = nn.ParameterDict()
        for a, first in enumerate(actions):
            for b in range(a, len(actions)):
                product = product_action(first, actions[b])
                for c, target in enumerate(targets):
                    with on_cpu():
                        maps = basis_between(product, target).dense()
                    if len(maps):
                        self._triples.append((a, b, c))
                        shape = (len(maps), target.size, first.size, actions[b].size)
                        bases[f"{a}_{b}_{c}"] = maps.reshape(shape)
                        weight = torch.empty(len(maps), channels, self._out[c].count)
                        self.weights[f"{a}_{b}_{c}"] = nn.Parameter(weight)
        if not self._triples:
            raise FeatureTypeError(
                f"no equivariant product of two features of {in_type!r} is in {out_type!r}, "
                "expected at least one. Add trivial channels, or tensors, to the output."
            )
        self.constants = Constants(**bases)
        used = {part for a, b, _ in self._triples for part in (a, b)}
        self.mixtures = nn.ParameterDict(
            {str(part): torch.empty(2, self._in[part].count, channels) for part in sorted(used)}
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights such that inputs of unit size give outputs of about unit size."""
        for mixture in self.mixtures.values():
            nn.init.normal_(mixture, std=1 / sqrt(mixture.shape[1]))
        for _, _, c in self._triples:
            reaching = [key for key in self.weights if key.endswith(f"_{c}")]
            count = sum(self.weights[key].shape[:2].numel() for key in reaching)
            for key in reaching:
                nn.init.normal_(self.weights[key], std=sqrt(self._out[c].size / count))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x: (E, *in_type.layout)`` to ``(E, *out_type.layout)``."""
        split = self.in_type.split(x) if isinstance(self.in_type, DirectSum) else [x]
        flat = [channels.flatten(part) for channels, part in zip(self._in, split, strict=True)]
        mixed = {
            part: torch.einsum("eic,scm->seim", flat[int(part)], mixture)
            for part, mixture in self.mixtures.items()
        }
        result: dict[int, Tensor] = {}
        for a, b, c in self._triples:
            weight = self.weights[f"{a}_{b}_{c}"]
            maps = self.constants.get(f"{a}_{b}_{c}", weight)
            products = torch.einsum("eim,ejm->eijm", mixed[str(a)][0], mixed[str(b)][1])
            y = torch.einsum("roij,eijm,rmk->eok", maps, products, weight)
            result[c] = result[c] + y if c in result else y
        parts = []
        for c, channels in enumerate(self._out):
            empty = x.new_zeros(x.shape[0], channels.size, channels.count)
            parts.append(channels.unflatten(result.get(c, empty)))
        return self.out_type.join(parts) if isinstance(self.out_type, DirectSum) else parts[0]

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.out_type}"


def product_action(first: Action, second: Action) -> Action:
    """Return the action on the tensor product, ``d_1 d_2`` components."""
    size = first.size * second.size
    with on_cpu():
        if first.permutations is not None and second.permutations is not None:
            images = first.permutations[:, :, None] * second.size + second.permutations[:, None]
            return Action(size, images.flatten(1), None, None)
        pairs = zip(first.dense(), second.dense(), strict=True)
        matrices = [torch.kron(a.contiguous(), b.contiguous()) for a, b in pairs]
        empty = torch.zeros(0, size, size, dtype=torch.float64)
        dense = torch.stack(matrices) if matrices else empty
        if first.algebra is None or second.algebra is None:
            return Action(size, None, dense, None)
        one, other = (torch.eye(action.size, dtype=torch.float64) for action in (first, second))
        tangents = [
            torch.kron(a.contiguous(), other) + torch.kron(one, b.contiguous())
            for a, b in zip(first.algebra, second.algebra, strict=True)
        ]
        return Action(size, None, dense, torch.stack(tangents))
