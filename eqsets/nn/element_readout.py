"""From an element to a vector of invariants: by means, by maxima, or by attention over points."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets.errors import FeatureTypeError, choices
from eqsets.features import FeatureType
from eqsets.rows import PartLayout
from eqsets.symmetry import ElementSymmetry

__all__ = ["ELEMENT_READOUTS", "PointAttention", "element_readout"]

ELEMENT_READOUTS = ("mean", "max", "mean+max", "attention")


def element_readout(symmetry: ElementSymmetry, in_type: FeatureType, kind: str) -> nn.Module:
    """Return a module ``(E, *in) -> (E, features)``, with ``.features``.

    Arguments:
        symmetry: of the element.
        in_type: type of the input.
        kind: ``"mean"``: the invariants of the symmetry, for most types the mean of each channel
            over the points. ``"max"``: the maximum over the points. ``"mean+max"``: both.
            ``"attention"``: a weighted mean over the points, with learned weights.

    Raises:
        FeatureTypeError: the kind is unknown, or the type has no such invariants.
    """
    if kind == "mean":
        return symmetry.invariant(in_type)
    if kind == "max":
        return symmetry.maximum(in_type)
    if kind == "mean+max":
        return _Both(symmetry.invariant(in_type), symmetry.maximum(in_type))
    if kind == "attention":
        return PointAttention(in_type)
    raise FeatureTypeError(f"got element={kind!r} of a read-out: {choices(kind, ELEMENT_READOUTS)}")


class _Both(nn.Module):
    """Read two vectors of invariants, one after the other."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second
        self.features = int(first.features) + int(second.features)  # type: ignore[arg-type]

    def forward(self, x: Tensor, *side: object) -> Tensor:
        """Map ``x: (E, *in)`` to ``(E, features)``."""
        return torch.cat([self.first(x, *side), self.second(x, *side)], -1)


class PointAttention(nn.Module):
    r"""Read a weighted mean over the points of an element, with gated attention.

    .. math:: u = \sum_p a_p x_p, \qquad
              a = \mathrm{softmax}_p\; w^T \big(\tanh(V x_p) \odot \sigma(U x_p)\big)

    The channels :math:`x_p` of each point give its score, so the weights move with the points.

    References:
        Attention-based Deep Multiple Instance Learning, Ilse, Tomczak, Welling, ICML 2018,
        https://arxiv.org/abs/1802.04712, equation 9, there over the instances of a bag.

    Arguments:
        in_type: a pointwise type with a channel axis.
        hidden: rows of :math:`V` and :math:`U`; by default as many as there are channels, and 16
            at least.

    Attributes:
        features: number of invariants, one for each channel.

    Raises:
        FeatureTypeError: the group mixes components of the type, or it has no points.
    """

    takes_parts = True

    def __init__(self, in_type: FeatureType, hidden: int | None = None) -> None:
        super().__init__()
        axis = in_type.channel_axis
        if axis is None or not in_type.pointwise or len(in_type.layout) < 2:
            raise FeatureTypeError(
                f"attention over the points of an element got {in_type!r}, expected a pointwise "
                "type with points and a channel axis. Read the invariants instead: 'mean'."
            )
        self.in_type, self.features, self._axis = in_type, in_type.channels, axis
        width = max(16, in_type.channels) if hidden is None else hidden
        self.value, self.gate = (nn.Linear(in_type.channels, width) for _ in range(2))
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, x: Tensor, side: object = None, *, parts: PartLayout | None = None) -> Tensor:
        """Map ``x: (E, *in)``, or parts of elements, to ``(E, features)``."""
        points = x.movedim(self._axis, -1).flatten(1, -2)
        hidden = torch.tanh(self.value(points)) * torch.sigmoid(self.gate(points))
        scores = self.score(hidden)
        if parts is not None:
            scores = (scores - parts.spread(parts.max(scores)).detach()).exp()
            weighted = scores / parts.spread(parts.sum(scores)) * points
            return parts.sum(weighted)[:, 0]
        weights = scores.softmax(1)
        y: Tensor = (weights * points).sum(1)
        return y

    def extra_repr(self) -> str:
        return f"{self.in_type} -> {self.features} invariants"
