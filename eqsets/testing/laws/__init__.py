"""The laws, a file for each part of a family."""

from eqsets.testing.laws.catalogue import FAMILIES, LAWS

__all__ = ["FAMILIES", "LAWS"]
