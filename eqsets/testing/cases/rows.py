"""Every module on rows that a symmetry makes: linear layers, read-outs, norms, dropout, pooling.

What a symmetry refuses with a ``FeatureTypeError`` (an invariant where there is none) is its right,
and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.errors import FeatureTypeError, OptionError
from eqsets.features import FeatureType, InvariantFeatures
from eqsets.symmetry import ElementSymmetry
from eqsets.testing.spec import ContractSpec, Layer, RowCase
from eqsets.testing.trial import randomness

__all__ = ["layers_between", "offered", "row_cases"]

_INVARIANTS = 3  # how many invariants are embedded


def layers_between(types: tuple[FeatureType, ...]) -> tuple[Layer, ...]:
    """Return the layers between neighbours, and from the last type back to the first."""
    following = types[1:] + types[:1]
    return tuple(Layer(a, b) for a, b in zip(types, following, strict=True))


def offered(build: Callable[[], nn.Module]) -> nn.Module | None:
    """Build once; return ``None`` where the symmetry says that it offers no such module."""
    try:
        with randomness(0):
            return build()
    except FeatureTypeError:
        return None


def row_cases(symmetry: ElementSymmetry, subject: ContractSpec) -> Iterator[RowCase]:
    """Yield every module on rows that the symmetry makes for the layers and types of a subject."""
    for layer in subject.layers:
        options = {**subject.options, **layer.options}
        source, target = symmetry.layer_types(layer.in_type, layer.out_type, **options)
        yield RowCase(
            f"linear {layer}",
            "linear",
            partial(symmetry.linear, source, target, **options),
            in_type=source,
            out_type=target,
            options=options,
            structure=subject.structure,
            dimension=None if subject.dimension is None else subject.dimension(layer),
            **_common(symmetry, subject),
        )
    for feature_type in subject.types:
        yield from _readers(symmetry, subject, feature_type)
        yield from _keepers(symmetry, subject, feature_type)


def _common(symmetry: ElementSymmetry, subject: ContractSpec) -> dict[str, Any]:
    tolerance = symmetry.tolerance if subject.tolerance is None else subject.tolerance
    return {"symmetry": symmetry, "tolerance": tolerance, "draws": subject.draws}


def _readers(
    symmetry: ElementSymmetry, subject: ContractSpec, feature_type: FeatureType
) -> Iterator[RowCase]:
    """Yield what turns rows into something else: invariants, and smaller elements."""
    structure = subject.structure if symmetry.structured else None
    common = {**_common(symmetry, subject), "structure": structure}
    for name, make in (("invariant", symmetry.invariant), ("maximum", symmetry.maximum)):
        read = partial(make, feature_type)
        if (module := offered(read)) is not None:
            out = InvariantFeatures(_features(symmetry, module))
            label = f"{name} {feature_type}"
            yield RowCase(label, name, read, in_type=feature_type, out_type=out, **common)
    for options in subject.pools:
        pool = partial(symmetry.pool, feature_type, **options)
        if (module := offered(pool)) is not None:
            source, target = (
                getattr(module, side, feature_type) for side in ("in_type", "out_type")
            )
            label = f"pool {feature_type} {dict(options) or ''}".rstrip()
            yield RowCase(label, "pool", pool, in_type=source, out_type=target, **common)
    finer = partial(symmetry.upsample, feature_type)
    if (module := offered(finer)) is not None:
        target = getattr(module, "out_type", feature_type)
        label = f"upsample {feature_type}"
        yield RowCase(label, "pool", finer, in_type=feature_type, out_type=target, **common)


def _keepers(
    symmetry: ElementSymmetry, subject: ContractSpec, feature_type: FeatureType
) -> Iterator[RowCase]:
    """Yield what keeps the type: norms, nonlinearities, dropout, and embeddings into it."""
    common = {**_common(symmetry, subject), "in_type": feature_type, "out_type": feature_type}
    makers: list[tuple[str, str, Callable[[], nn.Module]]] = [
        ("norm", "norm 'element'", partial(symmetry.norm, feature_type, "element")),
        ("norm", "norm 'batch'", partial(symmetry.norm, feature_type, "batch")),
        (
            "nonlinearity",
            "nonlinearity 'relu'",
            partial(symmetry.nonlinearity, feature_type, "relu"),
        ),
        (
            "nonlinearity",
            "nonlinearity 'tanh'",
            partial(symmetry.nonlinearity, feature_type, "tanh"),
        ),
        ("dropout", "dropout", partial(symmetry.dropout, feature_type, 0.5)),
    ]
    for role, label, make in makers:
        if offered(make) is not None:
            options = {"kind": label[6:-1]} if role == "norm" else {}
            yield RowCase(f"{label} {feature_type}", role, make, options=options, **common)
    part = partial(symmetry.invariant_part, feature_type)
    if offered(part) is not None:  # type: ignore[arg-type]
        label = f"invariant part {feature_type}"
        yield RowCase(label, "part", part, call=_project, **common)  # type: ignore[arg-type]
    embed = partial(symmetry.embed, _INVARIANTS, feature_type)
    if offered(embed) is not None:
        yield RowCase(f"embed {feature_type}", "embed", embed, call=_write, **common)


def _features(symmetry: ElementSymmetry, module: nn.Module) -> int:
    features = module.features
    if not isinstance(features, int):
        raise OptionError(
            f"the invariant read-out of {symmetry!r} has features={features!r}, expected a whole "
            "number: how many invariants it reads. Set self.features in its constructor."
        )
    return features


def _write(module: nn.Module, like: Tensor) -> Tensor:
    """Write fixed invariants into features like those given."""
    generator = torch.Generator().manual_seed(len(like))
    invariants = torch.randn(len(like), _INVARIANTS, generator=generator, dtype=like.dtype)
    written: Tensor = module(invariants, like=like)
    return written.expand_as(like)


def _project(module: nn.Module, x: Tensor) -> Tensor:
    """Return the invariant part of features, in their shape."""
    part: Tensor = module(x)
    return part.expand_as(x)
