"""What the contract tests: quarter turns and reflections of small images."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from eqsets import SetUNet
from eqsets.testing import Capabilities, ContractSpec, Layer, SetCase
from eqsets.testing.cases.rows import layers_between
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
    spec = subject_of(
        "planar", symmetry, 1, "2 regular", "1 trivial + 1 irrep(1) + 1 induced(2,1)", 2
    )
    fields = symmetry.feature_type("2 regular + 2 irrep(1)")
    groups = Layer(fields, fields, {"groups": 2})
    layers = (*layers_between(spec.types), groups)
    return replace(spec, layers=layers, sets=(_unet(symmetry),))


def _unet(symmetry: Planar) -> SetCase:
    """Return a U-Net of one level, of trivial and regular fields."""
    build = partial(
        SetUNet, symmetry, [1, "1 regular", "2 trivial"], kernel_size=3, normalization="element"
    )
    source = symmetry.feature_type(1)
    return SetCase(
        "SetUNet",
        build,
        in_type=source,
        out_type=source,
        group=source.group,
        symmetry=symmetry,
        principal=False,
        selects=True,  # deep ones amplify rounding as maxima do
    )
