"""What ``"auto"`` means for a network: choices that train on most tasks and that types allow."""

from __future__ import annotations

from collections.abc import Sequence

from eqsets.aggregation import Aggregation, Mean, NoAggregation, Sum
from eqsets.aggregation.centered import Centered
from eqsets.aggregation.part_norms import NORMALIZED_PARTS
from eqsets.errors import FeatureTypeError
from eqsets.features import FeatureType
from eqsets.registry import aggregation as resolve_aggregation
from eqsets.symmetry import ElementSymmetry

__all__ = ["before_pool", "chosen_aggregation", "chosen_element_readout", "chosen_normalization"]


_NEAR_SIAMESE = Centered(start=0.1)


def chosen_aggregation(
    given: str | Aggregation, readout: int | None, over_the_set: object
) -> Aggregation:
    """Return, for ``"auto"``, the centred form; nearly Siamese at first where a set is read out.

    Then the read-out aggregates in any case. Where elements are compared, or restored from each
    other, the layers are all that sees the set.

    Arguments:
        given: aggregation of a network.
        readout: length of the vector that is read, or ``None``.
        over_the_set: aggregation of the read-out.
    """
    if given != "auto":
        return resolve_aggregation(given)
    compares = readout is None or _reads_elements(readout, over_the_set)
    return Centered() if compares else _NEAR_SIAMESE


def before_pool(
    aggregation: Aggregation, alignment: str, pool: str | Aggregation | None
) -> Aggregation:
    r"""Return the aggregation of the last layer of a network, before its pool over the set.

    The mean of :math:`A (x_i - m) + B m` is :math:`B m`, and A would never learn. So before a mean
    or sum of a centred layer there is one map, which is the same function.
    """
    if pool is None or alignment != "shared" or not isinstance(aggregation, Centered):
        return aggregation
    return NoAggregation() if type(resolve_aggregation(pool)) in (Mean, Sum) else aggregation


def chosen_normalization(
    given: str | None,
    symmetry: ElementSymmetry,
    hidden: Sequence[FeatureType],
    readout: int | None,
    over_the_set: object,
) -> str | None:
    """Return, for ``"auto"``, a norm where a read-out follows; another choice as given.

    Where each element is read, elements are compared: a norm for each of the two parts, of the
    batch if all types have one, else of the element. Where the set is read, one norm of the
    element. ``None`` where a type has no such norm.

    Without a read-out the output may have to keep the scale of the input, as in restoration. An
    element of one number has nothing to be normalised by: its norm would be constant.
    """
    if given != "auto":
        return given
    if readout is None or any(each.layout == (1,) for each in hidden):
        return None
    parts = ("batch-parts", "element-parts") if _reads_elements(readout, over_the_set) else ()
    kinds = [*parts, "element"]
    return next((kind for kind in kinds if _have_norm(symmetry, hidden, kind)), None)


def _have_norm(symmetry: ElementSymmetry, types: Sequence[FeatureType], kind: str) -> bool:
    try:
        for each in types:
            symmetry.norm(each, NORMALIZED_PARTS.get(kind, kind))
    except FeatureTypeError:
        return False
    return True


def _reads_elements(readout: int | None, over_the_set: object) -> bool:
    return readout is not None and isinstance(over_the_set, NoAggregation)


def chosen_element_readout(given: str, symmetry: ElementSymmetry, feature_type: FeatureType) -> str:
    """Return, for ``"auto"``, ``"max"`` where the symmetry has a maximum, else ``"mean"``."""
    if given != "auto":
        return given
    try:
        symmetry.maximum(feature_type)
    except FeatureTypeError:
        return "mean"
    return "max"
