"""The entry point of the plugin: names and lazy references, nothing else."""

from __future__ import annotations

from eqsets import hookimpl

__all__ = ["eqsets_transformations"]


@hookimpl
def eqsets_transformations() -> dict[str, str]:
    """Name the families of affine transformations, of images and of other kinds of elements."""
    return {
        "translation": "eqsets_affine.kinds:translation",
        "rotation": "eqsets_affine.kinds:rotation",
        "similarity": "eqsets_affine.kinds:similarity",
        "affine": "eqsets_affine.kinds:affine",
        "affine-no-shear": "eqsets_affine.kinds:affine_no_shear",
        "reflections": "eqsets_affine.finite:Reflections",
        "c4": "eqsets_affine.finite:C4",
        "d4": "eqsets_affine.finite:D4",
        "time": "eqsets_affine.space.names:Time",
        "circular-time": "eqsets_affine.space.names:CircularTime",
        "amplitude": "eqsets_affine.space.names:Amplitude",
        "cloud-rotation": "eqsets_affine.space.names:cloud_rotation",
        "cloud-rotation-2d": "eqsets_affine.space.names:cloud_rotation_2d",
        "cloud-similarity": "eqsets_affine.space.names:cloud_similarity",
        "cloud-similarity-2d": "eqsets_affine.space.names:cloud_similarity_2d",
        "cloud-affine": "eqsets_affine.space.names:cloud_affine",
        "cloud-affine-2d": "eqsets_affine.space.names:cloud_affine_2d",
        "axis-permutations": "eqsets_affine.space.names:AxisPermutations",
        "volume-rotation": "eqsets_affine.space.names:volume_rotation",
        "volume-similarity": "eqsets_affine.space.names:volume_similarity",
        "volume-affine": "eqsets_affine.space.names:volume_affine",
    }
