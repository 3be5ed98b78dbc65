"""The hooks of eqsets-spatial: the name ``spatial``, without importing what stands behind it."""

from __future__ import annotations

from eqsets import hookimpl

__all__ = ["eqsets_element_symmetries", "eqsets_test_specs"]

requires = ("e3nn",)
install_hint = {"spatial": 'pip install "e3nn>=0.6,<0.7"'}
api_version = 1


@hookimpl
def eqsets_element_symmetries() -> dict[str, str]:
    """Name the rotations (and reflections) of space."""
    return {"spatial": "eqsets_spatial.symmetry:Spatial"}


@hookimpl
def eqsets_test_specs() -> dict[str, str]:
    """Name the contract spec of the symmetry."""
    return {"spatial": "eqsets_spatial.contract:subject"}
