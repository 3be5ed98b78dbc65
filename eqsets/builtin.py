"""The core's own plugin: the names that eqsets provides itself, through its own hooks.

It is written exactly as a third-party plugin is: a tiny module that imports nothing
heavy and returns lazy references.
"""

from __future__ import annotations

from eqsets.hookspecs import hookimpl

__all__ = [
    "eqsets_aggregations",
    "eqsets_element_symmetries",
    "eqsets_test_specs",
    "eqsets_transformations",
]


@hookimpl
def eqsets_element_symmetries() -> dict[str, str]:
    """Name the symmetries that are generated from permutations, and those composed of others."""
    return {
        "trivial": "eqsets.generated:trivial",
        "cyclic": "eqsets.generated:cyclic",
        "dihedral": "eqsets.generated:dihedral",
        "symmetric": "eqsets.generated:symmetric",
        "grid-rotations": "eqsets.generated:grid_rotations",
        "product": "eqsets.products.symmetry:Product",
        "sets": "eqsets.nested.symmetry:Sets",
    }


@hookimpl
def eqsets_aggregations() -> dict[str, str]:
    """Name the ways in which the second branch of a DSS layer sees the set."""
    return {
        "sum": "eqsets.aggregation:Sum",
        "mean": "eqsets.aggregation:Mean",
        "max": "eqsets.aggregation:Max",
        "centered": "eqsets.aggregation.centered:Centered",
        "gated-centered": "eqsets.aggregation:GatedCentered",
        "mapped-max": "eqsets.aggregation:MappedMax",
        "none": "eqsets.aggregation:NoAggregation",
        "sridhar": "eqsets.aggregation:Sridhar",
        "aittala": "eqsets.aggregation:Aittala",
        "attention": "eqsets.aggregation:Attention",
        "gated-attention": "eqsets.aggregation:GatedAttention",
    }


@hookimpl
def eqsets_transformations() -> dict[str, str]:
    """Name the rotations of vectors, by planes."""
    return {f"vector-rotations-{d}d": f"eqsets.families.named:rotations_{d}d" for d in range(2, 7)}


@hookimpl
def eqsets_test_specs() -> dict[str, str]:
    """Name the records that the symmetries are held to the contract with."""
    return {
        "trivial": "eqsets.testing.cases.builtin:trivial_spec",
        "cyclic": "eqsets.testing.cases.builtin:cyclic_spec",
        "dihedral": "eqsets.testing.cases.builtin:dihedral_spec",
        "symmetric": "eqsets.testing.cases.builtin:symmetric_spec",
        "grid-rotations": "eqsets.testing.cases.builtin:grid_rotations_spec",
        "product": "eqsets.testing.cases.builtin:product_spec",
        "sets": "eqsets.testing.cases.builtin:sets_spec",
    }
