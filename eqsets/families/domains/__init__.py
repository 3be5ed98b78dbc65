"""Domains: the kinds of elements that a family transforms."""

from eqsets.families.domains.clouds import Clouds
from eqsets.families.domains.domain import Domain
from eqsets.families.domains.encoders import ConvEncoder, DenseEncoder, PointEncoder
from eqsets.families.domains.grid import Grid
from eqsets.families.domains.images import Images
from eqsets.families.domains.kinds import KINDS, kind_named, kind_of
from eqsets.families.domains.signals import Signals
from eqsets.families.domains.vectors import Vectors
from eqsets.families.domains.volumes import Volumes

__all__ = [
    "KINDS",
    "Clouds",
    "ConvEncoder",
    "DenseEncoder",
    "Domain",
    "Grid",
    "Images",
    "PointEncoder",
    "Signals",
    "Vectors",
    "Volumes",
    "kind_named",
    "kind_of",
]
