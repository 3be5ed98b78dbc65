"""The entry point: names what this distribution provides, and imports nothing heavy."""

from __future__ import annotations

from eqsets import hookimpl

__all__ = ["eqsets_element_symmetries", "eqsets_modules", "eqsets_test_specs"]

requires = ("torch_geometric",)
install_hint = {"permutations": "pip install torch_geometric"}
api_version = 1


@hookimpl
def eqsets_element_symmetries() -> dict[str, str]:
    """Name the symmetry of graphs and point sets."""
    return {"permutations": "eqsets_permutations.symmetry:Permutations"}


@hookimpl
def eqsets_modules() -> dict[str, str]:
    """Name the modules that can be described, saved and loaded."""
    return {
        "CategoryEmbedding": "eqsets_permutations.categories:CategoryEmbedding",
        "GraphNetwork": "eqsets_permutations.network:GraphNetwork",
    }


@hookimpl
def eqsets_test_specs() -> dict[str, str]:
    """Name the contract spec of the symmetry."""
    return {"permutations": "eqsets_permutations.contract:subject"}
