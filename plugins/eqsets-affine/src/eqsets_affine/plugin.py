"""The entry point of the plugin: names and lazy references, nothing else."""

from __future__ import annotations

from eqsets import hookimpl

__all__ = ["eqsets_transformations"]


@hookimpl
def eqsets_transformations() -> dict[str, str]:
    """Name the families of affine transformations."""
    return {
        "translation": "eqsets_affine.kinds:translation",
        "rotation": "eqsets_affine.kinds:rotation",
        "similarity": "eqsets_affine.kinds:similarity",
        "affine": "eqsets_affine.kinds:affine",
        "affine-no-shear": "eqsets_affine.kinds:affine_no_shear",
        "reflections": "eqsets_affine.finite:Reflections",
        "c4": "eqsets_affine.finite:C4",
        "d4": "eqsets_affine.finite:D4",
    }
