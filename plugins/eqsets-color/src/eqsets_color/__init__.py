"""Colour transformations of images: hue on its circle, saturation and value by factors."""

from eqsets_color.family import ColorFamily
from eqsets_color.frame import ColorFrame
from eqsets_color.group import ColorGroup

__all__ = ["ColorFamily", "ColorFrame", "ColorGroup"]
