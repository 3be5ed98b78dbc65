"""The entry point of the plugin: names and lazy references, nothing else."""

from __future__ import annotations

from eqsets import hookimpl

__all__ = ["eqsets_element_symmetries", "eqsets_test_specs", "install_hint", "requires"]

requires = ("escnn", "joblib", "scipy", "numpy")

# Plain `pip install escnn` would build py3nj, which needs a Fortran compiler and is not used here.
install_hint = {
    "planar": "pip install numpy scipy joblib && pip install --no-deps escnn==1.0.11",
}


@hookimpl
def eqsets_element_symmetries() -> dict[str, str]:
    """Name the symmetry of images under rotations and reflections."""
    return {"planar": "eqsets_planar.symmetry:Planar"}


@hookimpl
def eqsets_test_specs() -> dict[str, str]:
    """Name the contract spec of the symmetry."""
    return {"planar": "eqsets_planar.contract:subject"}
