r"""The eleven models of every table: they differ in where and how elements share information.

================  ========================================================================
``dss-centered``  in every layer of the encoder: DSS in its default form, with a map of the
                  differences from the mean and one of the mean
``dss-parts``     the same, with a normalisation for each of both parts
``dss-sum``       in every layer of the encoder: the published form with the sum, ...
``dss-mean``      ... the mean, ...
``dss-max``       ... the maximum
``siamese-late``  once, after the encoder: the mean
``siamese-ds``    after the encoder, in a DeepSets head
``sridhar``       in every layer: subtract the mean (Sridhar et al. 2019)
``aittala``       in every layer: concatenate the maximum (Aittala and Durand 2018)
``early``         once, in the first layer: the mean
``deep-sets``     in every layer, but elements are vectors without symmetry
================  ========================================================================

All but ``siamese-late`` and ``early`` end in a DeepSets head, as in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["DESIGNS", "INDEPENDENT", "Design", "standard_titles"]


@dataclass(frozen=True)
class Design:
    """Where elements share information.

    Arguments:
        title: displayed name.
        first: aggregation of the first layer of the encoder.
        rest: aggregation of the others.
        head: ``"deep-sets"``, ``"late"`` (one mean) or ``"none"``.
        symmetric: whether the layers are equivariant to the element group.
        alignment: of DSS layers, ``"shared"`` as in the paper, or ``"independent"``.
        parts: whether a centred layer normalises each of its two parts.
    """

    title: str
    first: str
    rest: str
    head: str = "deep-sets"
    symmetric: bool = True
    alignment: str = "shared"
    parts: bool = False

    def encoder(self, layers: int) -> tuple[str, ...]:
        """Return the aggregation of each layer of the encoder."""
        return (self.first, *[self.rest] * (layers - 1))

    def head_layers(self, select: bool, shared: str) -> tuple[str, str, str]:
        """Return the aggregations of the two hidden layers of the head, and of its last.

        Scores of elements are compared within the set, so the aggregate must enter before the last
        nonlinearity; a class is computed from a mean over the set in any case.

        Arguments:
            select: whether the head scores elements.
            shared: aggregation of a DeepSets head.
        """
        if self.head == "deep-sets":
            return (shared, shared, shared)
        return ("mean" if self.head == "late" and select else "none", "none", "none")


DESIGNS: Mapping[str, Design] = MappingProxyType(
    {
        "dss-centered": Design("DSS (centred)", "centered", "centered"),
        "dss-parts": Design("DSS (centred), parts normalised", "centered", "centered", parts=True),
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

# Not in the paper: for elements that are not aligned.
INDEPENDENT: Mapping[str, Design] = MappingProxyType(
    {
        "dss-centered-independent": Design(
            "DSS (centred), independent alignment",
            "centered",
            "centered",
            alignment="independent",
        ),
        "dss-independent": Design(
            "DSS (sum), independent alignment", "sum", "sum", alignment="independent"
        ),
        "dss-mean-independent": Design(
            "DSS (mean), independent alignment", "mean", "mean", alignment="independent"
        ),
    }
)


def standard_titles() -> dict[str, str]:
    """Return the displayed names of the models."""
    known = {**DESIGNS, **INDEPENDENT}
    return {name: design.title for name, design in known.items()}
