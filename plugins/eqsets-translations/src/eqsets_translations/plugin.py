"""The entry point of the plugin: names and lazy references, nothing else."""

from __future__ import annotations

from eqsets import hookimpl

__all__ = ["eqsets_element_symmetries", "eqsets_test_specs"]


@hookimpl
def eqsets_element_symmetries() -> dict[str, str]:
    """Name the symmetry of signals, images and volumes."""
    return {"translations": "eqsets_translations.symmetry:Translations"}


@hookimpl
def eqsets_test_specs() -> dict[str, str]:
    """Name the contract spec of the symmetry."""
    return {"translations": "eqsets_translations.contract:subject"}
