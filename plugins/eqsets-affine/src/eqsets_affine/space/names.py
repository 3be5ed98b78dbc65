"""The families of signals, clouds and volumes by name."""

from __future__ import annotations

from eqsets_affine.space.clouds import AxisPermutations, CloudFamily
from eqsets_affine.space.signals import Amplitude, CircularTime, Time
from eqsets_affine.space.volumes import VolumeFamily

__all__ = [
    "Amplitude",
    "AxisPermutations",
    "CircularTime",
    "Time",
    "cloud_affine",
    "cloud_affine_2d",
    "cloud_rotation",
    "cloud_rotation_2d",
    "cloud_similarity",
    "cloud_similarity_2d",
    "volume_affine",
    "volume_rotation",
    "volume_similarity",
]


def cloud_rotation(dims: int = 3) -> CloudFamily:
    """Return rotations of clouds about the origin."""
    return CloudFamily("rotation", dims)


def cloud_rotation_2d() -> CloudFamily:
    """Return rotations of clouds of the plane about the origin."""
    return CloudFamily("rotation", 2)


def cloud_similarity(dims: int = 3) -> CloudFamily:
    """Return shifts, rotations, scale and mirror of clouds: the default."""
    return CloudFamily("similarity", dims)


def cloud_similarity_2d() -> CloudFamily:
    """Return shifts, rotations, scale and mirror of clouds of the plane: the default there."""
    return CloudFamily("similarity", 2)


def cloud_affine(dims: int = 3) -> CloudFamily:
    """Return all affine maps of clouds."""
    return CloudFamily("affine", dims)


def cloud_affine_2d() -> CloudFamily:
    """Return all affine maps of clouds of the plane."""
    return CloudFamily("affine", 2)


def volume_rotation() -> VolumeFamily:
    """Return rotations of volumes about their middle."""
    return VolumeFamily("rotation")


def volume_similarity() -> VolumeFamily:
    """Return shifts, rotations, scale and mirror of volumes: the default."""
    return VolumeFamily("similarity")


def volume_affine() -> VolumeFamily:
    """Return all affine maps of volumes."""
    return VolumeFamily("affine")
