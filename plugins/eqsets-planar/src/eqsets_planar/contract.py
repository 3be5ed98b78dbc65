"""What the contract tests: quarter turns and reflections of small images."""

from __future__ import annotations

from eqsets.testing import Capabilities, ContractSpec, Layer
from eqsets_planar.symmetry import Planar

__all__ = ["subject", "subject_of"]


def subject_of(name: str, symmetry: Planar, *specs: int | str, **options: object) -> ContractSpec:
    """Return the spec of a planar symmetry with 3 x 3 filters between the types that are named.

    The layer spans escnn's steerable filters, not every equivariant map, so that it declares its
    dimension: its number of weights.
    """

    def dimension(layer: Layer) -> int:
        conv = symmetry.linear(layer.in_type, layer.out_type, **layer.options, bias=False)
        return sum(weight.numel() for weight in conv.parameters())

    return ContractSpec(
        name,
        symmetry=symmetry,
        types=tuple(symmetry.feature_type(spec) for spec in specs),
        options={"kernel_size": 3, **options},
        capabilities=Capabilities(complete=False),
        dimension=dimension,
        pools=({}, {"kind": "max"}, {"kind": "group"}, {"stride": 3})
        if symmetry.points.exact
        else ({}, {"kind": "group"}),
        plugin=name == "planar",
        expected_failures={
            "EQC04-independent-set-layer-is-complete": "images share what does not depend on where "
            "things are, the mean over all pixels; the point group alone fixes every ring of pixels"
        },
    )


def subject() -> ContractSpec:
    """Return the spec of ``"planar"``: D4 on images of 3 x 3 pixels."""
    symmetry = Planar(4, reflections=True, grid=3)
    return subject_of("planar", symmetry, 1, "2 regular", "1 trivial + 1 irrep(1)", 2)
