"""The entry point: names, and where they lead. A name is imported when it is first used."""

from __future__ import annotations

from eqsets import hookimpl

api_version = 1


@hookimpl
def eqsets_element_symmetries() -> dict[str, str]:
    """Say what ``eqsets.element_group(name)`` calls."""
    return {"voxels": "eqsets_voxels.symmetry:voxels"}


@hookimpl
def eqsets_test_specs() -> dict[str, str]:
    """Say what ``eqsets check`` tries the laws on."""
    return {"voxels": "eqsets_voxels.contract:subject"}
