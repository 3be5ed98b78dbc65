"""Layer normalization of the channels of each node."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets import FeatureTypeError
from eqsets_permutations.features import NodeFeatures, PairFeatures

__all__ = ["NodeNorm"]


class NodeNorm(nn.Module):
    r"""Normalise the channels of each node (or pair) by itself, then scale each channel.

    .. math:: y_{p c} = \gamma_c \frac{x_{p c} - \mu_p}{\sqrt{\sigma_p^2 + \epsilon}} + \beta_c

    Independent of the size of the graph, of the set and of the batch.

    Arguments:
        in_type: type of the features, kept.
        eps: added to the variance.

    Raises:
        FeatureTypeError: there is one channel, whose normalisation is 0.
    """

    def __init__(self, in_type: NodeFeatures | PairFeatures, eps: float = 1e-5) -> None:
        super().__init__()
        if in_type.count == 1:
            raise FeatureTypeError(
                f"the norm of {in_type!r} would set every node to 0: it normalises the channels of "
                "a node, got 1 channel, expected at least 2. Use norm 'batch', or more channels."
            )
        self.in_type = in_type
        self.norm = nn.LayerNorm(in_type.count, eps=eps)

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Normalise ``x: (E, *element)``; ``present`` is not needed, nodes do not meet."""
        if x.dtype not in (torch.float16, torch.bfloat16):
            y: Tensor = self.norm(x)
            return y
        # torch adds the gradient of the bias up in half precision: wrong from 256 nodes on
        norm, weights = self.norm, (self.norm.weight.float(), self.norm.bias.float())
        return torch.layer_norm(x.float(), norm.normalized_shape, *weights, norm.eps).to(x.dtype)

    def extra_repr(self) -> str:
        return f"{self.in_type}"
