r"""The nine models of every table: they differ in where, and how, elements learn of each other.

===============  =========================================================================
``dss-sum``      in every layer of the encoder: DSS with the sum, ...
``dss-mean``     ... the mean, ...
``dss-max``      ... the maximum
``siamese-late`` once, after the encoder: the mean
``siamese-ds``   after the encoder, in a DeepSets head
``sridhar``      in every layer: subtract the mean (Sridhar et al. 2019)
``aittala``      in every layer: concatenate the maximum (Aittala and Durand 2018)
``early``        once, in the first layer: the mean
``deep-sets``    in every layer, but without the symmetry of the elements: they are plain vectors
===============  =========================================================================

All but ``siamese-late`` and ``early`` end in the DeepSets head of the paper (maximum).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["DESIGNS", "Design"]


@dataclass(frozen=True)
class Design:
    """Where elements share.

    Arguments:
        title: for people.
        first: aggregation of the first layer of the encoder.
        rest: aggregation of the others.
        head: ``"deep-sets"``, ``"late"`` (one mean) or ``"none"``.
        symmetric: whether the layers keep the symmetry of the elements.
    """

    title: str
    first: str
    rest: str
    head: str = "deep-sets"
    symmetric: bool = True

    def encoder(self, layers: int) -> tuple[str, ...]:
        """Return the aggregation of each layer of the encoder."""
        return (self.first, *[self.rest] * (layers - 1))

    def hidden_head(self, select: bool) -> tuple[str, str]:
        """Return the aggregations of the two hidden layers of the head.

        A score that is compared within the set needs what is shared before the last nonlinearity;
        a class is read from a mean over the set anyway.
        """
        if self.head == "deep-sets":
            return ("max", "max")
        return ("mean" if self.head == "late" and select else "none", "none")

    def last_head(self) -> str:
        """Return the aggregation of the last layer of a head that scores elements."""
        return "max" if self.head == "deep-sets" else "none"


DESIGNS: Mapping[str, Design] = MappingProxyType(
    {
        "dss-sum": Design("DSS (sum)", "sum", "sum"),
        "dss-mean": Design("DSS (mean)", "mean", "mean"),
        "dss-max": Design("DSS (max)", "max", "max"),
        "siamese-late": Design("Siamese + late aggregation", "none", "none", "late"),
        "siamese-ds": Design("Siamese + DeepSets", "none", "none"),
        "sridhar": Design("Sridhar", "sridhar", "sridhar"),
        "aittala": Design("Aittala", "aittala", "aittala"),
        "early": Design("early aggregation", "mean", "none", "none"),
        "deep-sets": Design("DeepSets, no element symmetry", "max", "max", symmetric=False),
    }
)
