"""Feature types: the element shape of features, and how a group element acts on them."""

from __future__ import annotations

from eqsets.features.direct_sum import DirectSum
from eqsets.features.feature_type import FeatureType, TypeOwner, noise, require_same_type
from eqsets.features.invariant import InvariantFeatures

__all__ = [
    "DirectSum",
    "FeatureType",
    "InvariantFeatures",
    "TypeOwner",
    "noise",
    "require_same_type",
]
