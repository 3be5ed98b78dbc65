r"""The centred form with a learned factor of what elements share: a Siamese layer at first.

.. math:: L(X)_i = A x_i + g\, (B m - A m), \qquad m = \frac1n \sum_j x_j

With :math:`g = 0` the layer is Siamese, with :math:`g = 1` it is the centred form: the mean is
mapped by :math:`(1 - g) A + g B`, so the maps are those of the centred form. Where few sets are
given and one element decides, a network of centred layers memorises the sets by their means; one
number for each layer learns more slowly than a map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.aggregation.aggregation import Aggregation
from eqsets.aggregation.centered import Centered
from eqsets.aggregation.combiners import AddGated
from eqsets.aggregation.context import Context
from eqsets.errors import OptionError
from eqsets.features import FeatureType
from eqsets.layout import Layout
from eqsets.structure import Structure
from eqsets.symmetry import ElementSymmetry

__all__ = ["GatedCentered"]


@dataclass(frozen=True)
class GatedCentered(Aggregation):
    r"""A map of each element, and a learned factor of the difference between B m and A m.

    Both maps have a bias. With independent alignment the factor is that of what elements exchange:
    :math:`A x_i + g\, (E \bar u - P \frac1n \sum_j A x_j)`.

    Arguments:
        gate: the initial value of :math:`g`. With 0, B learns from the second step on.

    Raises:
        OptionError: ``gate`` is no number.

    Example:
        >>> from eqsets import DSS
        >>> layer = DSS("trivial", 3, 4, aggregation=GatedCentered(gate=0.0))
        >>> x = torch.randn(2, 5, 3)
        >>> torch.equal(layer(x)[:, :1], layer(x[:, :1]))
        True
    """

    gate: float = 0.01

    combiner = AddGated()

    def __post_init__(self) -> None:
        if isinstance(self.gate, bool) or not isinstance(self.gate, int | float):
            raise OptionError(
                f"aggregation 'gated-centered' got gate={self.gate!r}, expected a number: the "
                "initial value of a learned factor. Write for example gate=0.01."
            )

    def build(
        self,
        symmetry: ElementSymmetry,
        in_type: FeatureType,
        out_type: FeatureType,
        *,
        alignment: str = "shared",
        bias: bool = False,
        **layer_options: Any,
    ) -> Context | None:
        """Return the context of the centred form times :math:`g`."""
        inner = Centered().build(
            symmetry, in_type, out_type, alignment=alignment, bias=bias, **layer_options
        )
        return None if inner is None else GatedContext(inner, self.gate)


class GatedContext(Context):
    r"""The context :math:`g\, c` of another context ``c``.

    Arguments:
        inner: the context that is multiplied.
        gate: initial value of the learned number.
    """

    def __init__(self, inner: Context, gate: float) -> None:
        super().__init__()
        self.inner = inner
        self.reads_local, self.reads_map = inner.reads_local, inner.reads_map
        self.per_element = inner.per_element
        # One number as a vector: FSDP2 refuses parameters without an axis.
        self.gate = nn.Parameter(torch.tensor([float(gate)]))

    @property
    def aggregate(self) -> nn.Module | None:
        """The map of the inner context."""
        return getattr(self.inner, "aggregate", None)

    @property
    def invariant(self) -> nn.Module | None:
        """The invariants of the inner context."""
        return getattr(self.inner, "invariant", None)

    def forward(
        self,
        layout: Layout,
        rows: Tensor,
        structure: Structure,
        local: Tensor | None = None,
        **given: Any,
    ) -> Tensor:
        context: Tensor = self.inner(layout, rows, structure, local, **given)
        return context * self.gate.to(context.dtype)  # autocast: the context is in half precision
