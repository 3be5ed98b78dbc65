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
from eqsets.testing.record import Layer, RowCase, Subject
from eqsets.testing.trial import randomness

__all__ = ["layers_between", "offered", "row_cases"]

_INVARIANTS = 3  # how many are embedded


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


def row_cases(symmetry: ElementSymmetry, subject: Subject) -> Iterator[RowCase]:
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
    for kept in subject.types:
        yield from _readers(symmetry, subject, kept)
        yield from _keepers(symmetry, subject, kept)


def _common(symmetry: ElementSymmetry, subject: Subject) -> dict[str, Any]:
    tolerance = symmetry.tolerance if subject.tolerance is None else subject.tolerance
    return {"symmetry": symmetry, "tolerance": tolerance, "draws": subject.draws}


def _readers(symmetry: ElementSymmetry, subject: Subject, kept: FeatureType) -> Iterator[RowCase]:
    """Yield what turns rows into something else: invariants, and smaller elements."""
    structure = subject.structure if symmetry.structured else None
    common = {**_common(symmetry, subject), "structure": structure}
    read = partial(symmetry.invariant, kept)
    if (module := offered(read)) is not None:
        out = InvariantFeatures(_features(symmetry, module))
        yield RowCase(f"invariant {kept}", "invariant", read, in_type=kept, out_type=out, **common)
    for options in subject.pools:
        pool = partial(symmetry.pool, kept, **options)
        if (module := offered(pool)) is not None:
            source, target = (getattr(module, side, kept) for side in ("in_type", "out_type"))
            label = f"pool {kept} {dict(options) or ''}".rstrip()
            yield RowCase(label, "pool", pool, in_type=source, out_type=target, **common)


def _keepers(symmetry: ElementSymmetry, subject: Subject, kept: FeatureType) -> Iterator[RowCase]:
    """Yield what keeps the type: norms, nonlinearities, dropout, and embeddings into it."""
    common = {**_common(symmetry, subject), "in_type": kept, "out_type": kept}
    makers: list[tuple[str, str, Callable[[], nn.Module]]] = [
        ("norm", "norm 'element'", partial(symmetry.norm, kept, "element")),
        ("norm", "norm 'batch'", partial(symmetry.norm, kept, "batch")),
        ("nonlinearity", "nonlinearity 'relu'", partial(symmetry.nonlinearity, kept, "relu")),
        ("nonlinearity", "nonlinearity 'tanh'", partial(symmetry.nonlinearity, kept, "tanh")),
        ("dropout", "dropout", partial(symmetry.dropout, kept, 0.5)),
    ]
    for role, label, make in makers:
        if offered(make) is not None:
            yield RowCase(f"{label} {kept}", role, make, **common)
    embed = partial(symmetry.embed, _INVARIANTS, kept)
    if offered(embed) is not None:
        yield RowCase(f"embed {kept}", "embed", embed, call=_write, **common)


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
