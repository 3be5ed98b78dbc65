"""The entry point: names with lazy references. A name is imported when it is first used."""

from __future__ import annotations

from eqsets import hookimpl

api_version = 1


@hookimpl
def eqsets_element_symmetries() -> dict[str, str]:
    """Return the references of element groups."""
    return {"voxels": "eqsets_voxels.symmetry:voxels"}


@hookimpl
def eqsets_test_specs() -> dict[str, str]:
    """Return the references of contract specs."""
    return {"voxels": "eqsets_voxels.contract:subject"}
