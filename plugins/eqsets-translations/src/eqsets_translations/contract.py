"""The contract specs of this plugin; imported by ``eqsets check``."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

from eqsets import ElementSymmetry, SetUNet
from eqsets.testing import Capabilities, ContractSpec, Layer, SetCase
from eqsets_translations.options import per_axis
from eqsets_translations.symmetry import Translations

__all__ = ["circular_subject", "strided_subject", "subject", "zeros_subject"]


def subject() -> ContractSpec:
    """Return the spec of ``"translations"``: images, circular, where all of it is exact.

    Signals with strides and with zeros around them are tested along with it.
    """
    strided = strided_subject()
    return replace(
        circular_subject(2),
        alternatives=(
            {"kernel_size": 2},
            {"kernel_size": 2, "transposed": True},
            {"kernel_size": (2, 1)},
            {"kernel_size": (1, 2)},
            {"kernel_size": (2, 1), "dilation": 2},
        ),
        variants=tuple(
            replace(one, aggregations=("centered",), sets=sets)
            for one, sets in ((strided, (_unet(strided.symmetry),)), (zeros_subject(1), ()))
        ),
    )


def circular_subject(dims: int) -> ContractSpec:
    """Return a circular grid of few points, with even and full kernels, dilation and groups."""
    grid = (4, 3, 2)[:dims]
    symmetry = Translations(dims, "circular", grid=grid)
    one, two = symmetry.feature_type(1), symmetry.feature_type(2)
    layers = (
        Layer(one, two, {"kernel_size": tuple(min(3, size) for size in grid)}),
        Layer(two, one, {"kernel_size": 2}),
        Layer(one, one, {"kernel_size": grid}),
        Layer(one, two, {"kernel_size": (2,) + (1,) * (dims - 1), "dilation": 2}),
        Layer(two, two, {"kernel_size": 1, "groups": 2}),
        Layer(one, two, {"kernel_size": 2, "transposed": True}),
    )
    return ContractSpec(
        f"translations, dims={dims}, circular",
        symmetry=symmetry,
        types=(one, two),
        layers=layers,
        dimension=_dimension,
        pools=({"kind": "max", "size": (2,) + (1,) * (dims - 1)},),
    )


def strided_subject(padding_mode: str = "circular") -> ContractSpec:
    """Return signals on grids of two resolutions: strides, their transposes, and pooling."""
    symmetry = Translations(1, padding_mode, stride=2)
    fine, coarse = symmetry.feature_type(2), symmetry.feature_type("2 /2")
    layers = (
        Layer(fine, fine),
        Layer(fine, coarse),
        Layer(coarse, fine, {"kernel_size": 4}),
        Layer(coarse, coarse),
    )
    pools = ({"kind": "max"}, {"kind": "mean"})
    return _partial(f"translations by 2, {padding_mode}", symmetry, (fine, coarse), layers, pools)


def _unet(symmetry: ElementSymmetry | None) -> SetCase:
    """Return a U-Net of one level, whose total stride is that of the symmetry."""
    if symmetry is None:
        raise AssertionError("a spec of translations has a symmetry")
    build = partial(SetUNet, symmetry, [2, 2, 3], activation="silu", normalization="element-parts")
    source = symmetry.feature_type(2)
    return SetCase(
        "SetUNet",
        build,
        in_type=source,
        out_type=source,
        group=source.group or symmetry.group,
        symmetry=symmetry,
        principal=False,
        selects=True,  # deep ones amplify rounding as maxima do
    )


def zeros_subject(dims: int) -> ContractSpec:
    """Return a grid padded with zeros, whose features keep away from the border."""
    symmetry = Translations(dims, "zeros")
    one, two = symmetry.feature_type(1), symmetry.feature_type(2)
    layers = (Layer(one, two), Layer(two, one, {"kernel_size": 2}), Layer(one, one, {"padding": 0}))
    spec = _partial(f"translations, dims={dims}, zeros", symmetry, (one, two), layers, ({},))
    return replace(spec, alternatives=({}, {"padding": 0}, {"padding": 2}, {"dilation": 2}))


def _partial(
    name: str, symmetry: Translations, types: Any, layers: Any, pools: Any
) -> ContractSpec:
    return ContractSpec(
        name,
        symmetry=symmetry,
        types=types,
        layers=layers,
        pools=pools,
        capabilities=Capabilities(complete=False),
    )


def _dimension(layer: Layer) -> int:
    """Return how many maps a kernel makes: one for each of its points and pair of channels."""
    dims = len(layer.in_type.layout) - 1
    kernel = per_axis(layer.options.get("kernel_size", 3), dims, "kernel_size")
    pairs = layer.in_type.channels * layer.out_type.channels
    return prod(kernel) * pairs // int(layer.options.get("groups", 1))
