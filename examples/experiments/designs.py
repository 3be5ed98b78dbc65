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

All but ``siamese-late`` and ``early`` end in a DeepSets head, as in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["DESIGNS", "INDEPENDENT", "Design", "standard_titles"]


@dataclass(frozen=True)
class Design:
    """Where elements share.

    Arguments:
        title: for people.
        first: aggregation of the first layer of the encoder.
        rest: aggregation of the others.
        head: ``"deep-sets"``, ``"late"`` (one mean) or ``"none"``.
        symmetric: whether the layers keep the symmetry of the elements.
        alignment: of DSS layers, ``"shared"`` as in the paper, or ``"independent"``.
    """

    title: str
    first: str
    rest: str
    head: str = "deep-sets"
    symmetric: bool = True
    alignment: str = "shared"

    def encoder(self, layers: int) -> tuple[str, ...]:
        """Return the aggregation of each layer of the encoder."""
        return (self.first, *[self.rest] * (layers - 1))

    def head_layers(self, select: bool, shared: str) -> tuple[str, str, str]:
        """Return the aggregations of the two hidden layers of the head, and of its last.

        A score that is compared within the set needs what is shared before the last nonlinearity;
        a class is read from a mean over the set anyway.

        Arguments:
            select: whether the head scores elements.
            shared: aggregation of a DeepSets head.
        """
        if self.head == "deep-sets":
            return (shared, shared, shared)
        return ("mean" if self.head == "late" and select else "none", "none", "none")


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

# Not of the paper: for elements that are not aligned.
INDEPENDENT: Mapping[str, Design] = MappingProxyType(
    {
        "dss-independent": Design(
            "DSS (sum), independent alignment", "sum", "sum", alignment="independent"
        ),
        "dss-mean-independent": Design(
            "DSS (mean), independent alignment", "mean", "mean", alignment="independent"
        ),
    }
)


def standard_titles() -> dict[str, str]:
    """Return the titles of the models, for people."""
    known = {**DESIGNS, **INDEPENDENT}
    return {name: design.title for name, design in known.items()}
