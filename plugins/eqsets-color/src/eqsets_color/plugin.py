"""The entry point of the plugin: names and lazy references, nothing else."""

from __future__ import annotations

from eqsets import hookimpl

__all__ = ["eqsets_transformations"]


@hookimpl
def eqsets_transformations() -> dict[str, str]:
    """Name the families of colour transformations."""
    return {
        "hue": "eqsets_color.family:hue",
        "hue-saturation": "eqsets_color.family:hue_saturation",
        "hsv": "eqsets_color.family:hsv",
    }
