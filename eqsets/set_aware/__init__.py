"""From a trained network of single elements to a network of sets with the same function."""

from eqsets.set_aware.layer import SetAwareLayer
from eqsets.set_aware.network import SetAware, set_aware

__all__ = ["SetAware", "SetAwareLayer", "set_aware"]
